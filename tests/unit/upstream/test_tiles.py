"""What is put together from tiles is what the upstream would have answered, at a moment that is fresh enough."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from facade.butlr import Butlr, Http, Unauthenticated
from facade.cache import MemoryStore, Rules
from facade.upstream import Exchange, Ledger, Passthrough, Reports, Sightings, Tiles, Upstream
from facade.upstream.tiles import cut_report

RULES = Rules()
ROOMS = [f"room_{n}" for n in range(6)]
# A few windows before the edge of a stretch, whatever their length.
EDGE = 256 * 300 * 60 * 320


@cache
def rfc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


@cache
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
    as_asked: bool = False
    bears: int | None = None
    spaced: bool = False
    now: float = EDGE + 137
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
        if request.url.path.endswith("detections"):
            return httpx.Response(200, json={type_: self.detections(body) for type_ in body["data_types"]})
        return httpx.Response(
            200, content=orjson.dumps(self.answer(body), option=orjson.OPT_INDENT_2 if self.spaced else None)
        )

    @staticmethod
    def rooms(body: dict[str, Any]) -> list[str]:
        filter_ = body["filter"]
        return filter_["rooms"]["eq"] if "rooms" in filter_ else filter_.get("mac_addresses", ROOMS)

    def in_order(self, body: dict[str, Any]) -> list[str]:
        rooms = self.rooms(body)
        return (
            [room for room in rooms if room in self.order] if self.as_asked else [r for r in self.order if r in rooms]
        )

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
        for place, room in enumerate(self.in_order(body)):
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

    def detections(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        start, stop = self.span(body, self.now)
        every = every_of(body)
        return [
            {
                "start_time": window * every * 1000,
                "sample_time": window * every * 1000 + 900,
                "mac_address": room,
                "value": [[0.25, 0.5]] * (window % 3),
            }
            for room in self.order
            if room in [mac.lower() for mac in self.rooms(body)]
            for window in range(int(start) // every, math.ceil(min(stop, self.now) / every))
        ]

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
        exchange = Exchange(retries=0, clock=model)
        self.upstream = Upstream(Butlr(self.http), self.store, clock=model, recheck=math.inf, exchange=exchange)
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


@dataclass
class Asked:
    """An ask, once so many seconds have passed: `back` says how many windows ago it starts."""

    passing: int
    back: int
    windows: int
    ends: str
    rooms: list[str] | None
    every: int = 300
    at_once: int = 1

    def body(self, now: float) -> dict[str, Any]:
        first = int(now) // self.every - self.back
        stop: float | None = (first + self.windows) * self.every
        stop = {"on an edge": stop, "within": stop - 17, "open": None}[self.ends]
        return report(first * self.every, stop, rooms=self.rooms, every=self.every)


asks = st.builds(
    Asked,
    passing=st.sampled_from([0, 0, 1, 20, 61, 300, 1000, 4000, 90_000]),
    back=st.integers(1, 40),
    windows=st.integers(1, 45),
    ends=st.sampled_from(["on an edge", "on an edge", "within", "open"]),
    rooms=st.one_of(
        st.permutations(ROOMS).map(list),
        st.lists(st.sampled_from(ROOMS), min_size=1, max_size=len(ROOMS), unique=True),
        st.none(),
    ),
    every=st.sampled_from([300, 300, 300, 300, 60]),
    at_once=st.sampled_from([1, 1, 3]),
)


@given(
    asked=st.lists(asks, min_size=1, max_size=6),
    starts=st.booleans(),
    layout=st.sampled_from(["series", "time", "asset"]),
    echo=st.sampled_from([None, "asked", "own"]),
    counts=st.sampled_from([None, False, True]),
    order=st.permutations(ROOMS),
    fields=st.sampled_from([("in", "out"), ("occupancy",)]),
    spaced=st.booleans(),
    as_asked=st.booleans(),
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
            for one in [Asked(0, 45, 44, "on an edge", ROOMS), *asked]:
                model.now += one.passing
                body = one.body(model.now)
                # What one room alone does not get would be halved by time, which is another test's.
                model.bears = bears and one.rooms and max(bears, 45)
                answers = await asyncio.gather(*(bench.report(body) for _ in range(one.at_once)))
                assert all(answer == answers[0] for answer in answers)
                check(model, body, answers[0])
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
    ranks = {room: at for at, room in enumerate(model.in_order(body))}
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


DAY = 86_400
SETTLED = EDGE - 10 * DAY


def asked_of(body: dict[str, Any]) -> tuple[str, str | None, list[str]]:
    return body["filter"]["start"], body["filter"].get("stop"), Model.rooms(body)


async def test_a_room_after_its_floor_costs_no_call_even_where_it_has_no_points(bench):
    over = bench(order=ROOMS[:-1])
    await over.report(report(SETTLED, SETTLED + DAY, rooms=ROOMS))
    for room in ROOMS:
        body = report(SETTLED + 3600, SETTLED + 7200, rooms=[room])
        assert (await over.report(body))["data"] == over.model.answer(body)["data"]
        assert over.ledger.status == "HIT"
    assert len(over.model.asked) == 1


async def test_a_later_span_is_asked_for_its_new_windows_alone(bench):
    over = bench()
    await over.report(report(SETTLED, SETTLED + DAY, rooms=ROOMS))
    body = report(SETTLED + 3600, SETTLED + DAY + 3600, rooms=ROOMS)
    assert await over.report(body) == over.model.answer(body)
    assert [asked_of(asked) for asked in over.model.asked[1:]] == [
        (rfc(SETTLED + DAY), rfc(SETTLED + DAY + 3600), ROOMS)
    ]
    assert over.ledger.status == "MISS"
    assert over.ledger.oldest == over.model.now
    # What was put together is kept as it is.
    assert await over.report(body) == over.model.answer(body)
    assert over.ledger.status == "HIT"


async def test_many_rooms_share_though_a_part_has_but_one_row_of_each(bench):
    rooms = [f"room_{number:03}" for number in range(200)]
    over = bench(order=rooms, fields=("in",))
    await over.report(report(SETTLED, SETTLED + 7200, rooms=rooms))
    body = report(SETTLED + 300, SETTLED + 7500, rooms=rooms)
    assert await over.report(body) == over.model.answer(body)
    assert [asked_of(asked)[:2] for asked in over.model.asked[1:]] == [(rfc(SETTLED + 7200), rfc(SETTLED + 7500))]


@pytest.mark.parametrize("stop", ["open", "now", "edge"])
@pytest.mark.parametrize("starts", [True, False])
async def test_a_dashboard_that_polls_costs_what_is_new_or_not_yet_settled(bench, stop, starts):
    over = bench(starts=starts)
    model = over.model
    fetched = due = seen = 0
    for poll in range(61):
        now = model.now
        first = int(now - DAY) // 300 * 300
        edge = math.ceil(now / 300) * 300
        body = report(first, {"open": None, "now": now, "edge": edge}[stop], rooms=ROOMS)
        asked = len(model.asked)
        await over.report(body)
        if poll:
            fetched += sum(model.points(body) for body in model.asked[asked:])
            ends = range(first + 300, edge + 300, 300)
            due += len(ROOMS) * sum(end > seen or end > now - RULES.late_after for end in ends)
        seen = edge
        model.now += 60
    assert fetched <= 1.1 * due
    assert len(model.asked) == 61


async def test_what_one_process_kept_another_reads(bench):
    over, body = bench(), report(SETTLED, SETTLED + DAY, rooms=ROOMS)
    await over.report(body)
    await over.report(report(SETTLED, SETTLED + 3600, rooms=ROOMS))
    other = Reports(over.upstream, tiles=Tiles(over.upstream))
    body = report(SETTLED + 3600, SETTLED + 7200, rooms=ROOMS[1:])
    ledger = Ledger()
    answer = await other.whole(body, over.caller, ledger)
    assert answer.value.data == over.model.answer(body)["data"]
    assert ledger.status == "HIT"


async def test_what_nobody_asks_for_again_is_cut_in_a_quiet_moment(bench, settle):
    over, body = bench(), report(SETTLED, SETTLED + DAY, rooms=ROOMS)
    first = Tiles(over.upstream, quiet_after=0)
    await Reports(over.upstream, tiles=first).whole(body, over.caller, Ledger())
    await settle()
    await first.aclose()
    body = report(SETTLED + 3600, SETTLED + 7200, rooms=ROOMS)
    assert await over.report(body) == over.model.answer(body)
    assert over.ledger.status == "HIT"


async def test_what_is_read_anew_behind_a_stale_answer_is_what_is_missing(bench):
    over = bench()
    over.upstream = Upstream(over.upstream.butlr, over.store, clock=over.model, stale_while_revalidate=600)
    over.reports = Reports(over.upstream, tiles=Tiles(over.upstream))
    body = report(over.model.now // 300 * 300 - DAY, None, rooms=ROOMS)
    older = await over.report(body)
    over.model.now += 300
    assert await over.report(body) == older
    assert over.ledger.status == "STALE"
    async with asyncio.timeout(10):
        while over.ledger.status != "HIT":
            await asyncio.sleep(0)
            newer = await over.report(body)
    assert newer["data"] == over.model.answer(body)["data"]
    assert [over.model.points(body) for body in over.model.asked[1:]] == [6 * 5]


async def test_another_token_gets_nothing_of_it(bench):
    over, body = bench(), report(SETTLED, SETTLED + DAY, rooms=ROOMS)
    await over.report(body)
    over.caller = Passthrough("another")
    await over.report(report(SETTLED, SETTLED + 3600, rooms=ROOMS[:1]))
    assert len(over.model.asked) == 2


@pytest.mark.parametrize("status", [500, 400])
async def test_a_part_that_failed_is_nobodys_but_its_rooms_and_is_asked_again(bench, status):
    over = bench(status=status)
    await over.by_room(report(SETTLED, SETTLED + DAY), ROOMS)
    # One room goes on to other windows, and so is a part of its own.
    await over.report(report(SETTLED + DAY, SETTLED + DAY + 3600, rooms=ROOMS[:1]))
    over.model.fails = {ROOMS[1]}
    body = report(SETTLED + 3600, SETTLED + DAY + 3600)
    found = await over.by_room(body, ROOMS[:2])
    assert found[ROOMS[0]] == [row for row in over.model.answer(body)["data"] if row["room_id"] == ROOMS[0]]
    assert isinstance(found[ROOMS[1]], Exception)
    with pytest.raises(type(found[ROOMS[1]])):
        await over.report(body | {"filter": {**body["filter"], "rooms": {"eq": ROOMS[:2]}}})
    over.model.fails = set()
    found = await over.by_room(body, ROOMS[:2])
    assert found[ROOMS[1]] == [row for row in over.model.answer(body)["data"] if row["room_id"] == ROOMS[1]]


async def test_a_token_that_is_refused_reads_nothing_any_more(bench):
    over = bench(status=401)
    await over.by_room(report(SETTLED, SETTLED + DAY), ROOMS)
    over.model.fails = {ROOMS[1]}
    found = await over.by_room(report(SETTLED + 3600, SETTLED + DAY + 3600), ROOMS)
    assert all(isinstance(error, Unauthenticated) for error in found.values())
    over.model.fails = set(ROOMS)
    found = await over.by_room(report(SETTLED, SETTLED + 3600), ROOMS[:1])
    assert isinstance(found[ROOMS[0]], Unauthenticated)


async def test_the_same_ask_is_answered_stale_where_the_upstream_fails(bench):
    over = bench()
    body = report(over.model.now // 300 * 300 - DAY, None, rooms=ROOMS)
    await over.report(body)
    over.model.now += 600
    newer = await over.report(body)
    over.model.now += 600
    over.model.fails = set(ROOMS)
    assert await over.report(body) == newer
    assert over.ledger.status == "STALE"


async def test_a_fresh_answer_takes_the_place_of_what_was_kept(bench):
    over, body = bench(), report(SETTLED, SETTLED + 3600, rooms=ROOMS)
    await over.report(body)
    await over.report(report(SETTLED, SETTLED + 1800, rooms=ROOMS))
    over.model.order = ROOMS[::-1]
    assert await over.report(body, fresh=True) == over.model.answer(body)
    assert len(over.model.asked) == 2
    part = report(SETTLED, SETTLED + 900, rooms=ROOMS[:3])
    assert await over.report(part) == over.model.answer(part)
    assert len(over.model.asked) == 2


async def test_overload_is_halved_and_never_taken_for_emptiness(bench):
    over = bench(bears=6 * 100)
    body = report(SETTLED, SETTLED + DAY)
    found = await over.by_room(body, ROOMS)
    whole = over.model.rows(body, over.model.now)
    assert found == {room: [row for row in whole if row["room_id"] == room] for room in ROOMS}
    asked = len(over.model.asked)
    body = report(SETTLED + 3600, SETTLED + DAY + 3600)
    found = await over.by_room(body, ROOMS)
    whole = over.model.rows(body, over.model.now)
    assert found == {room: [row for row in whole if row["room_id"] == room] for room in ROOMS}
    assert len(over.model.asked) == asked + 1


@pytest.mark.parametrize("verbatim", [True, False])
async def test_the_span_that_rows_echo_is_spelt_as_the_upstream_spells_it(bench, verbatim):
    over = bench()
    plain = over.model.rows

    def rows(body: dict[str, Any], now: float) -> Any:
        asked = {name: body["filter"][name] for name in ("start", "stop")} if verbatim else {}
        return [row | asked for row in plain(body, now)]

    over.model.rows = rows

    def body(start: float, stop: float) -> dict[str, Any]:
        made = report(start, stop, rooms=ROOMS)
        made["filter"] |= {name: made["filter"][name].replace("Z", ".000Z") for name in ("start", "stop")}
        return made

    for start, stop in ((SETTLED, SETTLED + DAY), (SETTLED + 3600, SETTLED + 7200), (SETTLED, SETTLED + DAY + 600)):
        assert await over.report(body(start, stop)) == over.model.answer(body(start, stop))
    assert len(over.model.asked) == 2


@pytest.mark.parametrize("layout", ["series", "time", "asset"])
async def test_answers_that_do_not_show_in_which_order_rows_come_are_not_put_together(bench, layout):
    over = bench(layout=layout, echo=None)
    # One window each: by series and by time, that is the same.
    for start in (SETTLED, SETTLED + 300):
        await over.report(report(start, start + 300, rooms=ROOMS))
    both = report(SETTLED, SETTLED + 600, rooms=ROOMS)
    assert await over.report(both) == over.model.answer(both)
    await over.report(report(SETTLED, SETTLED + 1200, rooms=ROOMS))
    asked = len(over.model.asked)
    later = report(SETTLED + 300, SETTLED + 900, rooms=ROOMS)
    assert await over.report(later) == over.model.answer(later)
    assert len(over.model.asked) == asked


async def test_a_room_with_another_name_than_before_is_asked_for_whole(bench):
    over, body = bench(), report(SETTLED, SETTLED + DAY, rooms=ROOMS)
    await over.report(body)
    named = over.model.rows

    def renamed(*args: Any) -> Any:
        return [row | {"room_name": "Aula"} if row["room_id"] == ROOMS[2] else row for row in named(*args)]

    over.model.rows = renamed
    body = report(SETTLED + 3600, SETTLED + DAY + 3600, rooms=ROOMS)
    assert await over.report(body) == over.model.answer(body)


@pytest.mark.parametrize(
    "odd",
    [
        {"room_id": "another"},
        {"room_id": ""},
        {"time": None},
        {"time": "2016-09-12T16:00:07Z"},
        {"time": "2015-09-12T16:00:00Z"},
        {"more": {"time": "2016-09-12T16:00:00Z"}},
        {"time": 1e300},
        {"time": [1]},
        {"start": "2016-09-12T16:00:01Z"},
    ],
)
async def test_an_answer_with_a_row_that_cannot_be_placed_is_served_and_kept_whole(bench, odd):
    over, body = bench(), report(SETTLED, SETTLED + 3600, rooms=ROOMS)
    plain = over.model.rows
    over.model.rows = lambda *args: [row | odd if at == 7 else row for at, row in enumerate(plain(*args))]
    assert await over.report(body) == over.model.answer(body)
    assert await over.report(body) == over.model.answer(body)
    assert len(over.model.asked) == 1
    part = report(SETTLED, SETTLED + 1800, rooms=ROOMS)
    assert await over.report(part) == over.model.answer(part)
    assert len(over.model.asked) == 2


@pytest.mark.parametrize("more", [{"calibrationPoints": []}, {"page_info": {"total_item_count": 3}}])
async def test_an_answer_with_more_than_rows_in_it_is_kept_whole(bench, more):
    over, body = bench(), report(SETTLED, SETTLED + 3600, rooms=ROOMS)
    plain = over.model.answer
    over.model.answer = lambda *args: plain(*args) | more
    for asked in (body, report(SETTLED, SETTLED + 1800, rooms=ROOMS)):
        assert await over.report(asked) == over.model.answer(asked)
    assert len(over.model.asked) == 2


async def test_detections_share_what_they_overlap_in_however_the_addresses_are_spelt(bench):
    over = bench()
    types = ["detections_local", "detections_world"]

    def body(start: float, stop: float, macs: list[str]) -> dict[str, Any]:
        filter_ = {"start": rfc(start), "stop": rfc(stop), "mac_addresses": macs}
        return {"data_types": types, "filter": filter_, "window": {"every": "300s", "function": "max"}}

    def undivided(asked: dict[str, Any]) -> dict[str, Any]:
        return {type_: over.model.detections(asked) for type_ in types}

    first = body(SETTLED, SETTLED + DAY, ROOMS)
    assert await over.detections(first) == undivided(first)
    part = body(SETTLED + 3600, SETTLED + 7200, [ROOMS[1], ROOMS[2].upper()])
    assert await over.detections(part) == undivided(part)
    assert len(over.model.asked) == 1
    later = body(SETTLED + 3600, SETTLED + DAY + 600, ROOMS)
    assert await over.detections(later) == undivided(later)
    assert over.model.asked[1:] == [body(SETTLED + DAY, SETTLED + DAY + 600, ROOMS)]


BODY = report(SETTLED, SETTLED + DAY, rooms=ROOMS)


def changed(part: str, **values: Any) -> dict[str, Any]:
    return {**BODY, part: {**BODY.get(part, {}), **values}}


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "group_by": {"order": ["room_id"]}},
        {**BODY, "paginate": {"page": 1}},
        {**BODY, "calibration_points": []},
        {"filter": BODY["filter"]},
        {**BODY, "window": 5},
        changed("filter", start="-24h"),
        changed("filter", start=rfc(SETTLED + 7)),
        changed("filter", stop="-1h"),
        changed("filter", stop=rfc(SETTLED)),
        changed("filter", start=5),
        changed("filter", measurements=["traffic_room_occupancy"]),
        changed("filter", measurements=[]),
        changed("filter", measurements=[["presence"]]),
        changed("filter", calibrated="true"),
        changed("filter", clients={"eq": ["site_1"]}),
        changed("filter", time_constraints={"exclude_days_of_week": ["sunday"]}),
        changed("filter", rooms={"eq": [1, 2]}),
        changed("filter", rooms={"eq": ["room_1", "room_1"]}),
        changed("window", every="7m"),
        changed("window", every="1M"),
        changed("window", every="2d"),
        changed("window", function="stddev"),
        changed("window", function=["max"]),
        changed("window", offset="5m"),
        changed("window", fill={"use_previous": True}),
        changed("window", create_empty=True),
        changed("window", every="1h", timezone="America/New_York"),
        changed("options", format="csv"),
        changed("options", precision="ms"),
        changed("options", includeCalibrationPoints=True),
    ],
)
def test_what_would_change_by_being_cut_is_not_cut(body):
    assert cut_report(body) is None


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        changed("filter", stop="now"),
        changed("filter", value={"gte": 0}),
        changed("filter", rooms={"eq": 5}),
        changed("window", timezone="UTC"),
        changed("window", timezone="America/New_York"),
        changed("window", timezone="Asia/Kathmandu", every="15m"),
        changed("window", create_empty=False),
        changed("options", format="json", timestamp="RFC3339"),
        {**BODY, "group_by": None},
    ],
)
def test_what_is_of_each_window_by_itself_is_cut(body):
    assert cut_report(body) is not None


def test_sensors_of_a_zone_are_cut_by_time_alone_for_their_rows_name_one_of_their_zones():
    by_sensor = changed("filter", rooms={"eq": []}, zones={"eq": ["zone_1", "zone_2"]}, measurements=["presence"])
    assert cut_report(by_sensor).dimension is None
    by_zone = changed("filter", rooms={"eq": []}, zones={"eq": ["zone_1", "zone_2"]}, measurements=["zone_occupancy"])
    assert cut_report(by_zone).dimension == "zones"
