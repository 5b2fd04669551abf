"""`facade watch`: one line for each event, or a chart, also across a restart of the server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import PATIENCE, SECRET, begun, post, until, until_up
from .doors import Door

EVENTS = "subscription { events { id } }"
OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item value time } }"


@contextmanager
def watching(url: str, token: str, document: str, *arguments: str) -> Iterator[Any]:
    command = [sys.executable, "-m", "facade", "watch", "-", "--url", f"{url}/graphql", *arguments]
    process = subprocess.Popen(
        command,
        env={**os.environ, "BUTLR_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(document)
    process.stdin.close()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()  # type: ignore[union-attr]


def test_a_line_an_event_and_on_after_a_restart(launch: Any, stand_in: Any, new_redis: Any, any_token: str) -> None:
    row = {"measurement": "traffic", "time": "2026-01-05T01:00:00Z", "value": 1, "sensor_id": "s", "room_id": "room_1"}
    stand_in.answers("/api/v3/reporting", {"data": [row]})
    redis, door = new_redis(), Door()
    redis.start()

    def event(number: int) -> dict[str, Any]:
        return {"id": f"e{number}", "type": "PIR_MOTION", "timestamp": number, "metadata": {"room_id": "room_1"}}

    def start() -> Any:
        return launch.facade(stand_in.url, FACADE_WEBHOOK_SECRET=SECRET, FACADE_CACHE_URL=redis.url)

    def seen(process: Any) -> str:
        return str(json.loads(process.stdout.readline())["events"]["id"])

    try:
        first, second = start(), start()
        until_up(first, second)
        door.ports = [int(first.url.rpartition(":")[2])]
        with watching(door.url, any_token, EVENTS, "--most", "3") as process:
            until(lambda: begun(first) > 0)
            post(first, event(1))
            assert seen(process) == "e1"
            door.ports = [int(second.url.rpartition(":")[2])]
            first.process.send_signal(signal.SIGTERM)
            first.process.wait(PATIENCE)
            post(second, event(2), event(3))
            assert [seen(process), seen(process)] == ["e2", "e3"]
            assert process.wait(PATIENCE) == 0
    finally:
        door.close()
        redis.kill()


def test_a_chart_is_drawn_over_the_one_before(live_facade: Any, upstream: Any, campus: Any, an_event: Any) -> None:
    watched = {sensor["room_id"] for sensor in campus["sensors"] if sensor["mode"] == "presence"}
    room = next(room["id"] for room in campus["rooms"] if room["id"] in watched)
    variables = json.dumps({"items": [room]})
    with watching(live_facade.url, upstream.login(), OCCUPANCY, "--plot", "--variables", variables) as process:
        lines = iter(process.stdout.readline, "")
        assert room in next(lines)
        post(live_facade, an_event("ROOM_OCCUPANCY", 41, room_id=room))
        line = next(line for line in lines if line.rstrip().endswith(" 41"))
        # One line up, cleared, and the series with both of its values.
        assert line.startswith("\x1b[1A\x1b[2K")
        assert room in line
        assert "█" in line


@pytest.mark.parametrize(
    ("document", "token", "code", "said"),
    [
        ("subscription { nothing }", "a-token", 1, "nothing"),
        ("{", "a-token", 1, "Syntax Error"),
        (EVENTS, "", 1, "token"),
    ],
)
def test_what_cannot_be_watched_is_said_in_one_line(
    live_facade: Any, document: str, token: str, code: int, said: str
) -> None:
    with watching(live_facade.url, token, document) as process:
        assert process.wait(PATIENCE) == code
        error = process.stderr.read()
        assert said in error
        assert error.count("\n") == 1
