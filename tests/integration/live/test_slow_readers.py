"""A client that does not read takes bounded memory, and others lose no event."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from .conftest import SECRET, counted, post, until

EVENTS = "subscription { events { id data } }"


# Bytes of an event: some are more than kernels keep for one who does not read.
LARGE, EVENTS_SENT = 65_536, 120


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.fixture(scope="module")
def facade_(launch: Any, stand_in_server: Any) -> Any:
    return launch.facade(stand_in_server.url, FACADE_LIVE_EVERY="60s", FACADE_WEBHOOK_SECRET=SECRET)


def test_who_reads_nothing_holds_no_memory_and_nobody_up(
    facade_: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    row = {"measurement": "traffic", "time": "2026-01-05T01:00:00Z", "value": 1, "sensor_id": "sensor_1"}
    stand_in.answers("/api/v3/reporting", {"data": [{**row, "room_id": "room_1"}]})
    port = int(facade_.url.rpartition(":")[2])
    body = json.dumps({"query": EVENTS})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {any_token}\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    def event(number: int) -> dict[str, Any]:
        # All of one type and asset, so that the newest stands for those before.
        return {
            "id": f"e{number}",
            "type": "TRAFFIC",
            "timestamp": number,
            "metadata": {"room_id": "room_1"},
            "data": "x" * LARGE,
        }

    silent = []
    try:
        for _ in range(20):
            one = socket.socket()
            # As little as the kernel allows: what waits, waits in the facade.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            one.connect(("127.0.0.1", port))
            one.sendall((head + body).encode())
            silent.append(one)
        until(lambda: counted(facade_, "facade_live_subscribers") == len(silent))
        with subscribe(facade_, EVENTS, token=any_token) as stream:
            seen = []
            # Kernels keep up to some megabytes of each; then the facade is held up.
            for number in range(EVENTS_SENT):
                post(facade_, event(number))
                seen.append(stream.next()["data"]["events"]["id"])
                if number == EVENTS_SENT // 2:
                    before = resident(facade_.process.pid)
            assert seen == [f"e{number}" for number in range(EVENTS_SENT)]
        grown = resident(facade_.process.pid) - before
        # The events are kept once, for all. Of the silent each may have 64 KiB beside what one send holds.
        assert grown < EVENTS_SENT // 2 * LARGE * 2 + len(silent) * 2 * 65536
    finally:
        for one in silent:
            one.close()
    until(lambda: counted(facade_, "facade_live_subscribers") == 0)
