"""What is put together from tiles is what the upstream would have answered, at a moment that is fresh enough."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from facade.butlr import Butlr, Http
from facade.cache import MemoryStore, Rules
from facade.upstream import Ledger, Passthrough, Reports, Sightings, Tiles, Upstream

RULES = Rules()
ROOMS = [f"room_{n}" for n in range(6)]
# A few windows before the edge of a stretch, whatever their length.
EDGE = 256 * 300 * 60 * 320


def rfc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@dataclass
class Model:
    """A pure upstream: a room's points are the same for ever once they are settled, and others by the second before."""

    starts: bool = True
    layout: str = "series"
    echo: str | None = "asked"
    counts: bool | None = None
    fields: tuple[str, ...] = ("in", "out")
    order: list[str] = field(default_factory=lambda: list(ROOMS))
    bears: int | None = None
    spaced: bool = False
    now: float = EDGE
    asked: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    status: int = 500

    def __call__(self) -> float:
        return self.now

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        self.times.append(self.now)
        if self.fails & set(self.rooms(body)):
            return httpx.Response(self.status, json={"message": "made to fail"})
        return httpx.Response(200, content=json.dumps(self.answer(body), indent=1 if self.spaced else None))

    @staticmethod
    def rooms(body: dict[str, Any]) -> list[str]:
        filter_ = body["filter"]
        return filter_["rooms"]["eq"] if "rooms" in filter_ else filter_.get("mac_addresses", ROOMS)

    @staticmethod
    def span(body: dict[str, Any], now: float) -> tuple[float, float]:
        filter_ = body["filter"]
        return seconds(filter_["start"]), seconds(filter_["stop"]) if filter_.get("stop") else now

    def points(self, body: dict[str, Any], now: float | None = None) -> int:
        start, stop = self.span(body, now or self.now)
        return len(self.rooms(body)) * math.ceil((stop - start) / every_of(body))

    def answer(self, body: dict[str, Any], now: float | None = None) -> dict[str, Any]:
        now = self.now if now is None else now
        if self.bears is not None and self.points(body, now) > self.bears:
            return {"data": {}}
        rows = self.rows(body, now)
        page = {"page": 1, "page_item_count": len(rows) if self.counts else 0, "total_pages": 1}
        return {"data": rows} if self.counts is None else {"data": rows, "page_info": page}

    def rows(self, body: dict[str, Any], now: float) -> list[dict[str, Any]]:
        start, stop = self.span(body, now)
        every = every_of(body)
        keyed = []
        for place, room in enumerate(name for name in self.order if name in self.rooms(body)):
            for number, name in enumerate(self.fields):
                for window in range(int(start) // every, math.ceil(min(stop, now) / every)):
                    value = self.value(room, name, every, window, stop, now)
                    if value is None:
                        continue
                    begin, end = window * every, min((window + 1) * every, stop)
                    row = {"field": name, "time": rfc(begin if self.starts else end), "value": value}
                    if self.echo:
                        own = self.echo == "own"
                        row["start"], row["stop"] = (rfc(begin), rfc(end)) if own else (rfc(start), rfc(stop))
                    row |= {"room_id": room, "room_name": f"100 % of {room}", "measurement": "traffic", "zone_id": ""}
                    keyed.append((self.key(place, number, window), row))
        return [row for _, row in sorted(keyed, key=lambda each: each[0])]

    def key(self, place: int, number: int, window: int) -> tuple[int, ...]:
        return {
            "series": (place, number, window),
            "time": (window, place, number),
            "asset": (place, window, number),
        }[self.layout]

    @staticmethod
    def value(room: str, name: str, every: int, window: int, stop: float, now: float) -> float | None:
        seen = min((window + 1) * every, stop, now)
        settled = now >= (window + 1) * every + RULES.late_after and stop >= (window + 1) * every
        number = zlib.crc32(f"{room} {name} {every} {window} {'' if settled else (seen, now)}".encode())
        return None if number % 7 == 0 else number % 1000 / 4


def every_of(body: dict[str, Any]) -> int:
    return int(body["window"]["every"][:-1])


def fresh_for(end: float, as_of: float, every: int) -> float:
    if end <= as_of - RULES.late_after:
        return RULES.settled_for
    return RULES.late_for if end <= as_of else min(max(every, RULES.unsettled_least), RULES.unsettled_most)


class Wire:
    model: Model

    def handle(self, request: httpx.Request) -> httpx.Response:
        return self.model.handle(request)


_wire = Wire()
_http = Http("http://butlr.test", transport=httpx.MockTransport(_wire.handle))


class Bench:
    """The real reader, store and tiles over a model; `fresh` answers leave what is kept aside."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # A client of its own would load certificates, for each example of a property.
        self.http = _http
        _wire.model = model
        self.store = MemoryStore(1 << 24, clock=model)
        self.upstream = Upstream(Butlr(self.http), self.store, clock=model, recheck=math.inf)
        self.tiles = Tiles(self.upstream)
        self.reports = Reports(self.upstream, tiles=self.tiles)
        self.sightings = Sightings(self.upstream, tiles=self.tiles)
        self.caller = Passthrough("token")
        self.ledger = Ledger()

    async def report(self, body: dict[str, Any], *, fresh: bool = False) -> Any:
        self.ledger = Ledger(fresh=fresh)
        answer = await self.reports.whole(body, self.caller, self.ledger)
        return json.loads(answer.entry.body or answer.value.body)

    async def detections(self, body: dict[str, Any]) -> Any:
        self.ledger = Ledger()
        answer = await self.sightings.whole(body, self.caller, self.ledger)
        return json.loads(answer.entry.body or answer.value.body)

    async def by_room(self, body: dict[str, Any], rooms: list[str]) -> dict[str, Any]:
        """For each room its rows, or its error."""
        self.ledger = Ledger()
        pieces = await self.reports.by_ids(body, "rooms", rooms, self.caller, self.ledger)
        found: dict[str, Any] = {}
        for piece in pieces:
            rows = piece.answer.value.data if piece.answer else []
            for room in piece.ids:
                found[room] = piece.error or [row for row in rows if row["room_id"] == room]
        return found

    async def aclose(self) -> None:
        await self.tiles.aclose()
        await self.upstream.aclose()
        await self.store.aclose()


@pytest.fixture
async def bench():
    made = []

    def make(**options: Any) -> Bench:
        made.append(Bench(Model(**options)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


def report(
    first: float, stop: float | None, *, rooms: list[str] | None = None, every: int = 300, **more: Any
) -> dict[str, Any]:
    filter_: dict[str, Any] = {"start": rfc(first), "measurements": ["traffic"]}
    if stop is not None:
        filter_["stop"] = rfc(stop)
    if rooms is not None:
        filter_["rooms"] = {"eq": rooms}
    return {"filter": filter_, "window": {"every": f"{every}s", "function": "sum"}, **more}


@st.composite
def asks(draw: st.DrawFn) -> tuple[int, dict[str, Any], bool]:
    """Seconds that pass, and then an ask: its spans overlap with others', and reach into now, and beyond."""
    every = draw(st.sampled_from([60, 300, 300, 300, 3600]))
    first = EDGE // every + draw(st.integers(-30, 10))
    windows = draw(st.integers(1, 45))
    stop: float | None = (first + windows) * every
    stop = draw(st.sampled_from([stop, stop, stop, stop - 17, None]))
    rooms = draw(
        st.one_of(st.none(), st.permutations(ROOMS), st.lists(st.sampled_from(ROOMS), min_size=1, unique=True))
    )
    passing = draw(st.sampled_from([0, 0, 1, 20, 61, 300, 1000, 4000, 90_000]))
    return passing, report(first * every, stop, rooms=list(rooms) if rooms else None, every=every), draw(st.booleans())


@given(
    asked=st.lists(asks(), min_size=2, max_size=7),
    starts=st.booleans(),
    layout=st.sampled_from(["series", "time", "asset"]),
    echo=st.sampled_from([None, "asked", "own"]),
    counts=st.sampled_from([None, False, True]),
    order=st.permutations(ROOMS),
    fields=st.sampled_from([("in", "out"), ("occupancy",)]),
    spaced=st.booleans(),
    bears=st.sampled_from([None, None, 60, 200]),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)
def test_what_is_put_together_is_the_undivided_answer(asked, bears, **habits):
    async def play() -> None:
        model = Model(**habits)
        bench = Bench(model)
        try:
            for passing, body, at_once in asked:
                model.now += passing
                start, stop = model.span(body, model.now)
                if stop <= start or model.now <= start:
                    continue
                model.bears = bears if bears and len(model.rooms(body)) and "rooms" in body["filter"] else None
                if model.bears:
                    model.bears = max(
                        bears, model.points({**body, "filter": {**body["filter"], "rooms": {"eq": ["x"]}}})
                    )
                [answer, *others] = await asyncio.gather(*(bench.report(body) for _ in range(1 + at_once)))
                assert all(other == answer for other in others)
                check(model, body, answer)
        finally:
            await bench.aclose()

    asyncio.run(play())


def check(model: Model, body: dict[str, Any], answer: dict[str, Any]) -> None:
    now = model.now
    undivided = model.answer(body) if model.bears is None else {**model.answer(body), "data": model.rows(body, now)}
    start, stop = model.span(body, now)
    every = every_of(body)
    moments = {time for time in model.times if now - time < RULES.settled_for} | {now}
    rows = answer["data"]

    def place(row: dict[str, Any]) -> tuple[str, int]:
        at = seconds(row["time"])
        return row["room_id"], int(at // every) if model.starts else math.ceil(at / every) - 1

    dealt: dict[tuple[str, int], list[Any]] = {}
    for row in rows:
        dealt.setdefault(place(row), []).append(without_stop(row, body))
    offered = {}
    for moment in moments:
        offered[moment] = {}
        for row in model.rows(body, moment) if moment > start else ():
            offered[moment].setdefault(place(row), []).append(without_stop(row, body))
    for room in model.rooms(body):
        for window in range(int(start) // every, math.ceil(min(stop, now) / every)):
            allowed = [
                offered[moment].get((room, window), [])
                for moment in moments
                if moment == now or now - moment <= fresh_for((window + 1) * every, moment, every)
            ]
            assert dealt.get((room, window), []) in allowed
    ranks = {room: at for at, room in enumerate(model.order)}
    keys = [
        model.key(ranks[room], model.fields.index(row["field"]), window)
        for row in rows
        for room, window in [place(row)]
    ]
    # Halves of ids are put together in the order of the ids, and not of the upstream.
    assert model.bears or keys == sorted(keys)
    if model.echo == "asked":
        assert {row["start"] for row in rows} <= {rfc(start)}
        assert body["filter"].get("stop") is None or {row["stop"] for row in rows} <= {rfc(stop)}
    if model.bears is None and model.counts is not None and rows:
        page = undivided["page_info"] | {"page_item_count": len(rows) if model.counts else 0}
        assert answer["page_info"] == page


def without_stop(row: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What an open span's stop is said to be, is another with each call."""
    return row if body["filter"].get("stop") else {**row, "stop": None}
