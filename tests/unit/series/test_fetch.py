"""The store of series returns the upstream's values, each no older than it may be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from facade.auth import Passthrough
from facade.butlr import ButlrError, row_series
from facade.cache import Rules
from facade.loaders import ReportOf
from facade.series import Label, columns

from .conftest import NOW, ROOMS, Bench, Model, body_of, rfc, span_of, windows_of

HOUR, DAY = 3600.0, 86_400.0


def rows_of(points: Any) -> list[tuple[Any, ...]]:
    return [(row.room_id, row.field, row.time, row.value) for row in points.rows()]


def expected(model: Model, body: dict[str, Any], now: float | None = None) -> list[tuple[Any, ...]]:
    """What the upstream has, in the facade's order."""
    rows = model.rows(body, model.now if now is None else now)
    return sorted((row["room_id"], row["field"], row["time"], float(row["value"])) for row in rows)


@dataclass
class Asked:
    """An ask, once so many seconds have passed: `back` says how many windows before now it starts."""

    passing: int
    back: int
    windows: int
    rooms: list[str] | None
    every: str
    fresh: bool

    def body(self, now: float, zone: str | None) -> dict[str, Any]:
        blank = body_of(now, now, every=self.every, rooms=self.rooms, **({"timezone": zone} if zone else {}))
        windows = windows_of(blank)
        start = windows.floor(datetime.fromtimestamp(now, UTC))
        for _ in range(self.back):
            start = windows.before(start)
        stop = start
        for _ in range(self.windows):
            stop = windows.after(stop)
        blank["filter"] |= {"start": rfc(start.timestamp()), "stop": rfc(stop.timestamp())}
        return blank


asks = st.builds(
    Asked,
    passing=st.sampled_from([0, 0, 1, 20, 61, 300, 1000, 4000, 90_000]),
    back=st.integers(0, 40),
    windows=st.integers(1, 45),
    rooms=st.one_of(st.lists(st.sampled_from(ROOMS), min_size=1, max_size=6, unique=True), st.none()),
    every=st.sampled_from(["5m", "5m", "1m", "1h", "6h", "1d"]),
    fresh=st.sampled_from([False, False, False, True]),
)


@given(
    asked=st.lists(asks, min_size=2, max_size=6),
    starts=st.booleans(),
    by_time=st.booleans(),
    lands=st.sampled_from([0.0, 120.0, 600.0]),
    zone=st.sampled_from([None, "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
    label=st.booleans(),
)
@settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)
def test_every_window_is_what_the_upstream_said_no_longer_ago_than_it_may_be(asked, starts, zone, label, **habits):
    async def play() -> None:
        model = Model(starts=starts, **habits)
        bench = Bench(model, label=("start" if starts else "stop") if label else "auto")
        try:
            if not label:
                # A settled span proves which end of its window a time is.
                await bench.report(body_of(NOW - 9 * DAY, NOW - 9 * DAY + HOUR))
            for one in asked:
                model.now += one.passing
                body = one.body(model.now, zone)
                check(model, body, rows_of(await bench.report(body, fresh=one.fresh)), fresh=one.fresh)
                # What nobody waits for is kept behind.
                await bench.reports.series.background.ended()
        finally:
            await bench.aclose()

    asyncio.run(play())


def check(model: Model, body: dict[str, Any], rows: list[tuple[Any, ...]], *, fresh: bool) -> None:
    now, rules = model.now, Rules()
    assert rows == sorted(rows, key=lambda row: row[:3])
    assert len({row[:3] for row in rows}) == len(rows)
    moments = [now] if fresh else sorted({time for time in model.times if now - time < rules.settled_for} | {now})
    window = float(windows_of(body).seconds)
    said = {moment: {row[:3]: row[3] for row in expected(model, body, moment)} for moment in moments}
    given = {row[:3]: row[3] for row in rows}
    for place in {place for of_moment in said.values() for place in of_moment} | set(given):
        at = datetime.fromisoformat(place[2])
        end = (windows_of(body).after(at) if model.starts else at).timestamp()
        value = given.get(place)
        # Some moment at which the upstream said so, and since when what it said is fresh.
        assert any(
            said[moment].get(place) == value and now - moment <= rules.fresh_for(end, window, moment, end)
            for moment in moments
        ), (place, value)


def loads(bench: Bench, rooms: list[str], body: dict[str, Any], **options: Any) -> Any:
    return bench.loaders(**options).reports.load_many(ReportOf.make_many("rooms", rooms, body))


async def test_a_poll_asks_for_windows_that_are_new_or_not_settled(bench):
    over = bench()
    await loads(over, ROOMS, body_of("-24h"))
    over.model.asked.clear()
    due = 0
    for _ in range(60):
        over.model.now += 60
        answers = await loads(over, ROOMS, body_of("-24h"))
        # Five windows of five minutes are not settled, or have just ended.
        due += len(ROOMS) * (1 + 15 // 5)
        for room, answer in zip(ROOMS, answers, strict=True):
            assert rows_of(answer) == expected(over.model, {**over.model.asked[-1], **_whole_day(over, room)})
    assert sum(map(over.model.points, over.model.asked)) <= 1.1 * due
    assert len(over.model.asked) <= 60


def _whole_day(over: Bench, room: str) -> dict[str, Any]:
    edge = over.model.now // 300 * 300
    start = (over.model.now - DAY) // 300 * 300
    return body_of(start, edge, rooms=[room])


async def test_what_is_relative_is_shared_with_what_is_absolute(bench):
    over = bench()
    await loads(over, ROOMS, body_of("-2h"))
    over.model.asked.clear()
    await loads(over, ROOMS[:2], body_of(NOW - HOUR, NOW))
    assert over.model.asked == []


@pytest.mark.parametrize("of_each", [True, False])
async def test_a_span_that_ends_within_a_window_is_asked_once_while_all_of_it_is_fresh(bench, of_each):
    over = bench()
    body = body_of(NOW - 3 * DAY, NOW - 3 * DAY + 1830)
    for _ in range(2):
        await (loads(over, ROOMS, body) if of_each else over.report(body))
        await over.reports.series.background.ended()
    assert len(over.model.asked) == 1


async def test_an_hour_that_lands_late_is_never_called_settled_before_and_is_right_afterwards(bench):
    over = bench(lands=600.0)
    over.model.late = {ROOMS[0]: 50 * 60.0}
    over.model.now = NOW + 20 * 60
    body = body_of("-3h", every="1h")
    for _ in range(100):
        of_late, of_other = await loads(over, ROOMS[:2], body)
        settled = of_late.entry.settled_until or 0.0
        newest = (over.model.now - 3600.0) if over.model.now < NOW + HOUR else NOW
        assert settled <= newest
        assert [time for _, _, time, _ in rows_of(of_other)] == [
            time for _, _, time, _ in expected(over.model, _hours(over, ROOMS[1]))
        ]
        over.model.now += 61
        if over.model.now >= NOW + HOUR:
            break
    of_late, _ = await loads(over, ROOMS[:2], body)
    assert rows_of(of_late) == expected(over.model, _hours(over, ROOMS[0]))


def _hours(over: Bench, room: str) -> dict[str, Any]:
    start = (over.model.now - 3 * HOUR) // HOUR * HOUR
    return body_of(start, over.model.now // HOUR * HOUR, every="1h", rooms=[room])


async def test_a_failing_part_costs_its_own_asset_and_an_older_answer_stands_in(bench):
    over = bench()
    await loads(over, ROOMS, body_of("-2h"))
    over.model.now += 600
    over.model.fails = {ROOMS[0]}
    answers = await loads(over, ROOMS, body_of("-2h"))
    # One call for all failed: of each there is what was known before.
    assert all(rows_of(answer) for answer in answers)
    assert over.read_log.status == "STALE"
    assert not any(time > rfc(NOW) for answer in answers for _, _, time, _ in rows_of(answer))

    [error] = await loads(over, [ROOMS[0]], body_of(NOW - 9 * DAY, NOW - 8 * DAY))
    assert isinstance(error, ButlrError)


async def test_a_refused_token_reads_nothing_that_was_kept_for_it(bench):
    over = bench()
    await loads(over, ROOMS, body_of("-2h"))
    over.model.now += 600
    over.model.fails, over.model.status = set(ROOMS), 401
    assert all(isinstance(answer, ButlrError) for answer in await loads(over, ROOMS, body_of("-2h")))


async def test_another_caller_reads_nothing_of_ones_segments(bench):
    over = bench()
    await loads(over, ROOMS, body_of("-2h"))
    over.caller = Passthrough("another")
    over.model.asked.clear()
    await loads(over, ROOMS, body_of("-2h"))
    assert sum(map(over.model.points, over.model.asked)) == len(ROOMS) * 24


async def test_fifty_at_once_make_the_calls_of_one(bench):
    over = bench()
    answers = await asyncio.gather(*(loads(over, ROOMS, body_of("-2h")) for _ in range(50)))
    assert len(over.model.asked) == 1
    assert all(list(map(rows_of, answer)) == list(map(rows_of, answers[0])) for answer in answers)


async def test_windows_stored_while_a_call_is_made_are_kept_and_cost_none_that_were_known(bench, monkeypatch):
    elsewhere, over = bench(), bench()
    start = NOW - 9 * DAY
    await loads(elsewhere, ROOMS, body_of(start + 4 * HOUR, start + 5 * HOUR))
    await loads(over, ROOMS, body_of(start, start + HOUR))
    over.model.asked.clear()
    own = over.store.get_many

    async def get_many(keys):
        # Once the call is made, the segments are those that another has stored, of an hour that is not asked for.
        return await (elsewhere.store.get_many if over.model.asked else own)(keys)

    monkeypatch.setattr(over.upstream.store, "get_many", get_many)
    body = body_of(start, start + 2 * HOUR)
    answers = await loads(over, ROOMS, body)
    assert [rows_of(answer) for answer in answers] == [
        expected(over.model, {**body, "filter": {**body["filter"], "rooms": {"eq": [room]}}}) for room in ROOMS
    ]
    monkeypatch.setattr(over.upstream.store, "get_many", own)
    over.model.asked.clear()
    for first, last in ((0, 2), (4, 5)):
        await loads(over, ROOMS, body_of(start + first * HOUR, start + last * HOUR))
    assert over.model.asked == []


async def test_an_answer_with_another_label_than_thought_is_whole_and_teaches(bench):
    over = bench(starts=True)
    body = body_of(NOW - 9 * DAY, NOW - 9 * DAY + HOUR)
    answers = await loads(over, ROOMS, body)
    assert [rows_of(answer) for answer in answers] == [
        expected(over.model, {**body, "filter": {**body["filter"], "rooms": {"eq": [room]}}}) for room in ROOMS
    ]
    assert over.reports.labels.current is Label.START


async def test_windows_of_rows_are_told_on_either_label(bench):
    for starts in (True, False):
        over = bench(starts=starts, label="start" if starts else "stop")
        body = body_of("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", every="1d", timezone="Europe/Berlin")
        over.model.now = NOW + 30 * DAY
        points = await over.report(body)
        assert {(row.window_start, row.window_stop) for row in points.rows()} == {
            ("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z")
        }


async def test_a_large_answer_holds_the_event_loop_for_no_long_step(bench):
    """Counted in rows between two turns of the loop."""
    over = bench()
    steps: list[int] = []
    add = columns.Builder.add
    columns.Builder.add = lambda self, some: (steps.append(sum(len(one.times) for one in some)), add(self, some))[1]
    try:
        await loads(over, ROOMS, body_of("-7d", every="5m"))
    finally:
        columns.Builder.add = add
    assert len(steps) > 2
    assert max(steps) <= row_series.ROWS_AT_ONCE


@pytest.mark.parametrize("garbage", [b"", b"null", b"\xff" * 40, json.dumps({"runs": []}).encode()])
async def test_a_store_that_gives_anything_else_has_nothing(bench, garbage):
    over = bench()
    await loads(over, ROOMS, body_of("-2h"))
    for key in list(over.store._cache._slots):
        slot = over.store._cache._slots[key]
        if ":segment:" in key:
            over.store._cache._slots[key] = slot._replace(value=replace(slot.value, body=garbage))
    over.model.asked.clear()
    over.model.now += 61
    answers = await loads(over, ROOMS, body_of("-2h"))
    assert all(rows_of(answer) for answer in answers)
    assert span_of(over.model.asked[0])[0] == NOW - 2 * HOUR
