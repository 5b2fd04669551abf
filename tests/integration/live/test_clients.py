"""The unchanged programs of `docs/live.md`, with the real packages: they receive events, reconnect and resume."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from .conftest import PATIENCE, SECRET, begun, post, until, until_up
from .doors import Door

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "clients" / "live"
_SECTION = re.compile(r"^### (.+?)\n.*?^```(\w+)(?: no-test)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {
    title: (language, text)
    for title, language, text in _SECTION.findall((ROOT / "docs" / "live.md").read_text().partition("## Clients")[2])
}


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture(scope="module")
def shared_redis(new_redis: Any) -> Iterator[Any]:
    redis = new_redis()
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture
def start(launch: Any, own_sandbox: Any, shared_redis: Any) -> Any:
    settings = {
        "FACADE_LIVE_EVERY": "1s",
        "FACADE_WEBHOOK_SECRET": SECRET,
        "FACADE_ASSETS": "native,discovery",
        "FACADE_CACHE_URL": shared_redis.url,
    }
    return lambda: launch.facade(own_sandbox.url, **settings)


@contextmanager
def running(language: str, text: str, url: str, token: str) -> Iterator[Any]:
    command = {
        "sh": ["sh", "-c", text],
        "python": [sys.executable, "-c", text],
        # Packages are looked for from the folder that it is run in.
        "js": [shutil.which("node") or "node", "--input-type=module"],
    }[language]
    process = subprocess.Popen(
        command,
        cwd=FOLDER,
        env={**os.environ, "FACADE_URL": f"{url}/graphql", "BUTLR_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    if language == "js":
        process.stdin.write(text)
    process.stdin.close()
    # A client to whom nothing comes does not hold the test up.
    limit = threading.Timer(2 * PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()  # type: ignore[union-attr]


def id_of(process: Any) -> Any:
    line = process.stdout.readline()
    assert line, process.stderr.read()
    answer = json.loads(line)
    return answer.get("data", answer)["events"]["id"]


def test_each_client_of_the_issue_has_a_page() -> None:
    pages = " ".join(PROGRAMS)
    for name in ("curl", "graphql-sse", "graphql-ws", "HttpLink", "GraphQLWsLink", "urql", "Relay", "gql"):
        assert name in pages


@pytest.mark.slow
def test_each_client_comes_back_after_a_restart_and_goes_on_where_it_was(
    start: Any, upstream: Any, campus: Any, an_event: Any, door: Door
) -> None:
    assert (FOLDER / "node_modules").exists(), "run: make clients"
    token, room = upstream.login(), campus["rooms"][0]["id"]
    events = [an_event("PIR_MOTION", room_id=room) for _ in range(4)]
    first, second = start(), start()
    until_up(first, second)
    door.ports = [int(first.url.rpartition(":")[2])]
    with ExitStack() as stack:
        clients = {name: stack.enter_context(running(*program, door.url, token)) for name, program in PROGRAMS.items()}

        def have(*expected: dict[str, Any]) -> None:
            for name, process in clients.items():
                assert [id_of(process) for _ in expected] == [event["id"] for event in expected], name

        def has_ended(name: str) -> bool:
            return clients[name].poll() is not None

        until(lambda: begun(first) == len(clients) or any(map(has_ended, clients)))
        assert not list(filter(has_ended, clients))
        post(first, events[0])
        have(events[0])
        door.ports = []
        # As a deployment does, and not as a crash: see test_faults.py for that.
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(PATIENCE)
        post(second, events[1], events[2])
        door.ports = [int(second.url.rpartition(":")[2])]
        have(events[1], events[2])
        post(second, events[3])
        have(events[3])
