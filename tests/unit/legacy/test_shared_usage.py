"""Counts that replicas share."""

import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime

import pytest
import redis as redis_client

from facade.execution.field_names import OperationFields
from facade.legacy.shared_usage import PREFIX, SharedUsage
from facade.legacy.usage import KEPT_DAYS, MOST_ROWS, OTHERS, UsageUnavailableError

pytestmark = pytest.mark.redis


def call(agent, client=""):
    return ("call", client, agent, "/api/v3/reporting", "Report", "2xx")


class Server:
    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed: apt-get install redis-server"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._listens():
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.02)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def shared(server):
    made = [SharedUsage(server.url) for _ in range(2)]
    yield made
    for one in made:
        await one.aclose()


async def test_what_one_replica_counts_another_tells(server, shared):
    server.start()
    first, second = shared
    for _ in range(3):
        first.note(call("a"))
    second.note(call("a"))
    await first.write()
    assert [(row, count) for _, row, count in await second.counted(1)] == [(call("a"), 4)]


async def test_operations_of_all_replicas_are_added_up(server, shared):
    server.start()
    selected = OperationFields("Rooms", "a" * 64, frozenset({"Room.name"}), frozenset({"Room.floorID"}))
    for usage in shared:
        for _ in range(2):
            usage.operation(selected, "ok", (b"app", b"", b"", b"1", b"", b""))
        await usage.write()
    assert {row: count for _, row, count in await shared[0].counted(1)} == {
        ("operation", "app", "1", "Rooms", "a" * 12, "ok"): 4,
        ("field", "Room.name", "", ""): 4,
        ("field", "Room.floorID", "app", "1"): 4,
    }


async def test_what_a_redis_that_is_down_does_not_take_is_written_once_it_is_back(server, shared):
    first, second = shared
    first.note(call("a"))
    await first.write()
    with pytest.raises(UsageUnavailableError):
        await first.counted(1)
    server.start()
    first.note(call("a"))
    await first.write()
    await first.write()
    assert [(row, count) for _, row, count in await second.counted(1)] == [(call("a"), 2)]


async def test_what_is_kept_ends_by_itself(server, shared):
    server.start()
    shared[0].note(call("a"))
    await shared[0].write()
    with redis_client.Redis(port=server.port) as client:
        [key] = client.keys("*")
        assert key.decode() == f"{PREFIX}{datetime.now(UTC).date()}"
        assert 0 < client.ttl(key) <= (KEPT_DAYS + 1) * 86_400


async def test_all_replicas_together_keep_the_bound(server, shared):
    server.start()
    for number, usage in enumerate(shared):
        for agent in range(MOST_ROWS - 10):
            usage.note(call(f"{number}-{agent}"))
        await usage.write()
    shared[0].note(call("0-1"))
    shared[1].note(call("novel"))
    for usage in shared:
        await usage.write()

    rows = {row: count for _, row, count in await shared[0].counted(1)}

    assert rows[call("0-1")] == 2
    # Of the second replica's, ten found room.
    assert rows[call(OTHERS, OTHERS)] == MOST_ROWS - 20 + 1
    assert call("novel") not in rows
    assert len(rows) == MOST_ROWS + 1
