"""Random schedules of faults: in the end each subscriber has the true values, without missing or repeated windows."""

import json
import os
import random
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import httpx
import pytest

from .conftest import KEY, PATIENCE, SECRET, until, until_up
from .doors import Door

# Faults of a schedule, and the schedules' seeds. A release is tested with more.
STEPS = int(os.environ.get("FACADE_TEST_FAULTS", "10"))
SEEDS = range(int(os.environ.get("FACADE_TEST_SCHEDULES", "1")))
REPORTING = "/api/v3/reporting"
REPORT = """subscription { report(filter: {measurements: [traffic], start: "2026-01-05T00:00:00Z",
  stop: "2026-01-06T00:00:00Z"}, window: {every: "1h"}) { rows { time value } } }"""
EVENTS = "subscription { events { id } }"


class Truth:
    """Rows by window, and the ids of events. Values never repeat, so that a value that is sent twice is noticed."""

    def __init__(self) -> None:
        self.values = {0: 1.0}
        self.events: set[str] = set()
        # Read by a replica, perhaps, while it could not know when others had: that may come once more from it.
        self.unsure: set[float] = set()
        self._last = 1.0

    def change(self, hour: int, *, is_sure: bool) -> None:
        self._last += 1
        if not is_sure:
            self.unsure.add(self._last)
        self.values = {**self.values, hour: self._last}

    def answer(self, _body: Any) -> dict[str, Any]:
        row = {"field": "in", "measurement": "traffic", "sensor_id": "s1", "room_id": "room_1", "space_id": "space_1"}
        return {
            "data": [
                {**row, "mac_address": "s1", "time": f"2026-01-05T{hour + 1:02}:00:00Z", "value": value}
                for hour, value in sorted(self.values.items())
            ]
        }

    def merged(self) -> dict[str, float]:
        return {row["time"]: row["value"] for row in self.answer(None)["data"]}


class Subscriber:
    """Subscribes while it is open, and resumes from the last id that it has received."""

    def __init__(self, url: str, query: str, token: str) -> None:
        self.rows: dict[str, float] = {}
        self.events: list[str] = []
        self.twice: list[float] = []
        self.snapshots = 0
        self._url, self._query, self._token = url, query, token
        self._last: str | None = None
        self._told: set[float] = set()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_over = True

    def _run(self) -> None:
        while not self._is_over:
            with suppress(httpx.HTTPError):
                self._read()
            time.sleep(0.05)

    def _read(self) -> None:
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self._token}"}
        if self._last:
            headers["Last-Event-ID"] = self._last
        body = {"query": self._query}
        with httpx.stream("POST", f"{self._url}/graphql", json=body, headers=headers, timeout=PATIENCE) as response:
            id_ = None
            for line in response.iter_lines():
                if line.startswith("id: "):
                    id_ = line.removeprefix("id: ")
                if line.startswith("data: {"):
                    answer = json.loads(line.removeprefix("data: "))
                    if answer.get("data"):
                        self._take(answer)
                        # Only with what it names: a line that is cut off is not read.
                        self._last = id_ or self._last

    def _take(self, answer: dict[str, Any]) -> None:
        is_all = answer["extensions"].get("resumed") is False or self._last is None
        if is_all:
            self.snapshots += 1
            self._told.clear()
        for name, told in answer["data"].items():
            if name == "events":
                self.events.append(told["id"])
                continue
            if is_all:
                self.rows = {}
            for row in told["rows"]:
                if row["value"] in self._told:
                    self.twice.append(row["value"])
                self._told.add(row["value"])
                self.rows[row["time"]] = row["value"]


class Schedule:
    def __init__(self, lot: random.Random, truth: Truth, launch: Any, stand_in: Any, redis: Any, door: Door) -> None:
        self.lot, self.truth, self.redis, self.door = lot, truth, redis, door
        self._launch, self._stand_in = launch, stand_in
        self.replicas: list[Any] = []
        self._number = 0
        self._is_cut = False

    def start(self) -> None:
        self.replicas.append(
            self._launch.facade(
                self._stand_in.url,
                FACADE_LIVE_EVERY="1s",
                FACADE_WEBHOOK_SECRET=SECRET,
                FACADE_CACHE_URL=self.redis.url,
                FACADE_LOG_FORMAT="json",
            )
        )
        self._open_to()

    def _open_to(self) -> None:
        self.door.ports = [int(replica.url.rpartition(":")[2]) for replica in self.replicas]

    def change(self) -> None:
        self.truth.change(self.lot.randrange(23), is_sure=not self._is_cut)

    def post(self) -> None:
        """Post some events in any order, some of them twice. While Redis is cut off, other replicas do not get them."""
        if self._is_cut:
            return
        events = []
        for _ in range(self.lot.randrange(1, 6)):
            self._number += 1
            metadata = {"room_id": "room_1"}
            events.append(
                {"id": f"e{self._number}", "type": "PIR_MOTION", "timestamp": self._number, "metadata": metadata}
            )
        self.truth.events |= {event["id"] for event in events}
        doubled = events + self.lot.sample(events, len(events) // 2)
        self.lot.shuffle(doubled)
        for event in doubled:
            answer = self.lot.choice(self.replicas).request("POST", "/webhooks/butlr", json=event, headers=KEY)
            assert answer.status_code == 204

    def kill(self) -> None:
        """Replace a replica by a new one."""
        gone = self.replicas.pop(self.lot.randrange(len(self.replicas)))
        self._open_to()
        gone.process.send_signal(signal.SIGKILL)
        gone.process.wait()
        self.start()

    def reset(self) -> None:
        self.door.reset(0.2)

    def cut(self) -> None:
        """Cut Redis off for a while."""
        self._is_cut = not self._is_cut
        self.truth.unsure |= set(self.truth.values.values())
        self.redis._process.send_signal(signal.SIGSTOP if self._is_cut else signal.SIGCONT)

    def fail(self) -> None:
        self._stand_in.answers(REPORTING, {"message": "later"}, status=503)

    def recover(self) -> None:
        self._stand_in.answers_by(REPORTING, self.truth.answer)

    def mend(self) -> None:
        if self._is_cut:
            self.cut()
        self.recover()

    def step(self) -> None:
        faults = [self.reset, self.reset, self.kill, self.cut, self.fail, self.recover]
        self.lot.choice([self.change, self.change, self.change, self.post, self.post, *faults])()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_schedule_of_faults_each_subscriber_has_what_is_true(
    launch: Any, stand_in: Any, new_redis: Any, any_token: str, seed: int
) -> None:
    truth, redis, door = Truth(), new_redis(), Door(seed)
    redis.start()
    schedule = Schedule(random.Random(seed), truth, launch, stand_in, redis, door)
    reports: list[Subscriber] = []
    events: list[Subscriber] = []
    try:
        schedule.recover()
        for _ in range(2):
            schedule.start()
        until_up(*schedule.replicas)
        reports = [Subscriber(door.url, REPORT, any_token) for _ in range(3)]
        events = [Subscriber(door.url, EVENTS, any_token) for _ in range(3)]
        until(lambda: all(each.rows == truth.merged() for each in reports))
        # Whoever watches events has none before the first; they have all begun once each has that one.
        first: list[str] = []

        def begins() -> bool:
            schedule.post()
            first[:] = sorted(truth.events)
            return all(each.events for each in events)

        until(begins)
        begun = {each: set(each.events) for each in events}
        known = set(first)
        for _ in range(STEPS):
            schedule.step()
            # Between two polls, in one, or over several: as it comes.
            time.sleep(schedule.lot.random())
        schedule.mend()
        schedule.post()
        until_up(*schedule.replicas)
        until(lambda: all(each.rows == truth.merged() for each in reports))
        until(lambda: all(set(each.events) >= (truth.events - known) for each in events))
        for each in reports:
            assert set(each.twice) <= truth.unsure
        for each in events:
            assert begun[each] <= set(each.events)
            if each.snapshots <= 1:
                assert len(each.events) == len(set(each.events))
    finally:
        for each in (*reports, *events):
            each.close()
        door.close()
        with suppress(ProcessLookupError, AttributeError):
            redis._process.send_signal(signal.SIGCONT)
        redis.kill()
        for replica in schedule.replicas:
            replica.stop()
