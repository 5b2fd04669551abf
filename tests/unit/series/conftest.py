"""An upstream at the wire that returns windows as Butlr does since August 2026, and a reader of it."""

from __future__ import annotations

import json
import math
import zlib
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, Windows
from facade.cache import MemoryStore, Rules
from facade.loaders import Loaders, Reports, Services
from facade.series import DetectionsReader, Labels
from facade.upstream import Dispatcher, ReadLog, Upstream

NOW = 1_760_446_800.0  # 2025-10-14T13:00:00Z
ROOMS = [f"room_{name}" for name in "abcdef"]


def rfc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


class Model:
    """Rooms with two fields each. A window lands `lands` seconds after its end, and changes until the rules settle it.

    `late` is how much longer a room's windows take.
    """

    def __init__(self, *, starts: bool = False, lands: float = 120.0, by_time: bool = False) -> None:
        self.now = NOW
        self.starts = starts
        self.lands = lands
        self.late: dict[str, float] = {}
        self.by_time = by_time
        self.bears: int | None = None
        self.fails: set[str] = set()
        self.status = 500
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []

    def __call__(self) -> float:
        return self.now

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        self.times.append(self.now)
        if self.fails & set(self.rooms(body)):
            return httpx.Response(self.status, json={"message": "made to fail"})
        if self.bears is not None and self.points(body) > self.bears:
            return httpx.Response(200, json={"data": {}})
        return httpx.Response(200, json={"data": self.rows(body, self.now)})

    @staticmethod
    def rooms(body: dict[str, Any]) -> list[str]:
        return body["filter"].get("rooms", {"eq": ROOMS})["eq"]

    def points(self, body: dict[str, Any]) -> int:
        windows = windows_of(body)
        start, stop = span_of(body)
        return len(self.rooms(body)) * math.ceil((stop - start) / windows.seconds)

    def rows(self, body: dict[str, Any], now: float) -> list[dict[str, Any]]:
        windows = windows_of(body)
        start, stop = span_of(body)
        first = windows.floor(datetime.fromtimestamp(start, UTC))
        if first.timestamp() < start:
            first = windows.after(first)
        found = []
        for room in self.rooms(body):
            for field in ("in", "out"):
                begin = first
                for edge in windows.edges(first, datetime.fromtimestamp(stop, UTC)):
                    value = self.value(room, field, edge.timestamp(), windows.seconds, now)
                    if value is not None:
                        label = begin if self.starts else edge
                        found.append(
                            {
                                "time": rfc(label.timestamp()),
                                "value": value,
                                "field": field,
                                "room_id": room,
                                "measurement": "traffic",
                                "start": rfc(start),
                                "stop": rfc(stop),
                                "zone_id": "",
                            }
                        )
                    begin = edge
        return sorted(found, key=lambda row: row["time"]) if self.by_time else found

    def value(self, room: str, field: str, end: float, every: int, now: float) -> float | None:
        if now < end + self.lands + self.late.get(room, 0.0):
            return None
        settled = now >= end + Rules().landing_of(every)
        number = zlib.crc32(f"{room} {field} {every} {end} {'' if settled else now // 7}".encode())
        return None if number % 7 == 0 else number % 1000 / 4


def windows_of(body: dict[str, Any]) -> Windows:
    window = body["window"]
    found = Windows.of(window["every"], window.get("timezone"))
    assert found is not None
    return found


def span_of(body: dict[str, Any]) -> tuple[float, float]:
    return tuple(datetime.fromisoformat(body["filter"][name]).timestamp() for name in ("start", "stop"))


class Wire:
    model: Model

    def handle(self, request: httpx.Request) -> httpx.Response:
        return self.model.handle(request)


# A client of its own would load certificates, for each example of a property.
_wire = Wire()
_http = Http("http://butlr.test", transport=httpx.MockTransport(_wire.handle))


class Bench:
    """The real loaders, reader and store over a model; each ask is an operation of its own."""

    def __init__(self, model: Model, *, label: str = "auto") -> None:
        self.model = model
        _wire.model = model
        self.store = MemoryStore(1 << 24, clock=model)
        ticks = iter(range(0, 10**9, 10))
        dispatcher = Dispatcher(retries=0, clock=lambda: float(next(ticks)))
        self.upstream = Upstream(Butlr(_http), self.store, clock=model, recheck=math.inf, dispatcher=dispatcher)
        self.reports = Reports.create(self.upstream, Labels(label))
        self.services = Services(self.upstream, self.reports, DetectionsReader(self.upstream), None)
        self.caller = Passthrough("token")
        self.read_log = ReadLog()

    def loaders(self, *, fresh: bool = False) -> Loaders:
        self.read_log = ReadLog(fresh=fresh)
        return Loaders(self.services, self.caller, self.read_log)

    async def report(self, body: dict[str, Any], **options: Any) -> Any:
        return await self.loaders(**options).reports.whole(body)

    async def aclose(self) -> None:
        await self.reports.aclose()
        await self.upstream.aclose()
        await self.store.aclose()


@pytest.fixture
async def bench():
    made = []

    def make(**options: Any) -> Bench:
        label = options.pop("label", "auto")
        made.append(Bench(Model(**options), label=label))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


def body_of(start: Any, stop: Any = None, *, every: str = "5m", rooms: list[str] | None = None, **window: Any) -> Any:
    filter_: dict[str, Any] = {
        "start": start if isinstance(start, str) else rfc(start),
        "measurements": ["traffic"],
        "value": {"gte": 0},
    }
    if stop is not None:
        filter_["stop"] = stop if isinstance(stop, str) else rfc(stop)
    if rooms is not None:
        filter_["rooms"] = {"eq": rooms}
    return {"filter": filter_, "window": {"every": every, "function": "sum", **window}}


__all__ = ["NOW", "ROOMS", "Bench", "Model", "body_of", "rfc", "span_of", "windows_of"]
