"""Open windows that are computed from minutes equal those of an upstream without delays."""

from __future__ import annotations

import asyncio
import math
import zlib
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade.butlr import Windows
from facade.cache import Rules
from facade.loaders import ReadOptions, ReportOf
from facade.series.open_windows import minutes_of
from facade.series.query import resolve_report

from .conftest import NOW, ROOMS, Bench, Model, body_of, windows_of

FUNCTIONS = {
    "max": max,
    "min": min,
    "sum": math.fsum,
    "mean": fmean,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
RULES_MINUTES = 60


class ByMinutes(Model):
    """A reading a minute: of what is longer, a window is what its minutes come to. Minutes land at once."""

    function = "sum"

    def reading(self, room: str, field: str, end: float) -> float | None:
        number = zlib.crc32(f"{room} {field} {end}".encode())
        return None if number % 5 == 0 else number % 100 / 4

    def exact(self, room: str, field: str, end: float, every: int, now: float) -> float | None:
        minutes = range(math.ceil((end - every) / 60) + 1, int(min(end, now) // 60) + 1)
        values = [value for at in minutes if (value := self.reading(room, field, at * 60.0)) is not None]
        return FUNCTIONS[self.function](values) if values else None

    def value(self, room: str, field: str, end: float, every: int, now: float) -> float | None:
        lands = 0.0 if every == RULES_MINUTES else self.lands + self.late.get(room, 0.0)
        return self.exact(room, field, end, every, now) if now >= end + lands else None

    def rows(self, body: dict[str, Any], now: float) -> list[dict[str, Any]]:
        self.function = body["window"]["function"]
        return super().rows(body, now)


spans = st.sampled_from(["-3h", "-90m", "-10h", "-1d"])


@given(
    function=st.sampled_from(sorted(FUNCTIONS)),
    every=st.sampled_from(["5m", "15m", "1h", "6h"]),
    zone=st.sampled_from([None, "Asia/Kolkata", "America/New_York"]),
    start=spans,
    into=st.integers(0, 4 * 3600),
    lands=st.integers(0, 3500),
    late=st.lists(st.integers(0, 3600), min_size=3, max_size=3),
    starts=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_open_windows_are_what_an_upstream_without_landing_says(
    function, every, zone, start, into, lands, late, starts
):
    rooms = ROOMS[:3]
    model = ByMinutes(starts=starts, lands=float(lands))
    windows = Windows.of(every)
    # Landed within the time that the rules allow for.
    most = 900 if windows.seconds < 3600 else 7200
    model.lands = min(model.lands, most / 2)
    model.late = {room: min(float(seconds), most / 2) for room, seconds in zip(rooms, late, strict=True)}
    model.now = NOW + into

    async def ask() -> list[Any]:
        bench = Bench(model, label="start" if starts else "stop")
        try:
            body = body_of(start, every=every, **({"timezone": zone} if zone else {}))
            body["window"]["function"] = function
            asks = ReportOf.make_many("rooms", rooms, body, ReadOptions(include_open=True))
            return list(await bench.loaders().reports.load_many(asks))
        finally:
            await bench.aclose()

    for room, points in zip(rooms, asyncio.run(ask()), strict=True):
        given = {(row.field, row.window_start): row.value for row in points.rows()}
        query = points.query
        windows = windows_of(query.body)
        expected = {}
        edge = query.start
        now = datetime.fromtimestamp(model.now, UTC)
        while edge < now.replace(second=0, microsecond=0):
            after = windows.after(edge)
            for field in ("in", "out"):
                length = int((after - edge).total_seconds())
                value = model.exact(room, field, after.timestamp(), length, model.now)
                if value is not None:
                    expected[field, f"{edge:%Y-%m-%dT%H:%M:%SZ}"] = value
            edge = after
        assert given.keys() == expected.keys()
        assert all(value == pytest.approx(expected[place]) for place, value in given.items())
        # Of what may still change it says so.
        assert points.entry.partial is (edge > query.stop or points.entry.partial)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (body_of("-3h", every="1m"), "a minute is made of none"),
        (body_of("-3h", every="1h", function="median"), "a median is none of medians"),
        (body_of("-3h", every="7m"), "it is not known where windows begin"),
        (body_of("-3d", "-1d", every="1h"), "all of it is settled"),
        (body_of("-3h", every="1h", fill={"value": 0}), "a filled window depends on its neighbours"),
        ({**body_of("-3h", every="1h"), "group_by": {"order": ["room_id"]}}, "statistics are of all windows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_minutes_do_not_say_exactly_is_left_out(body, reason):
    now = datetime.fromtimestamp(NOW + 1234, UTC)
    assert minutes_of(resolve_report(body, now), now, Rules()) is None


async def test_a_bound_of_values_leaves_open_windows_out(bench):
    over = bench()
    body = body_of("-3h", every="1h")
    body["filter"]["value"] = {"gt": 3}
    await over.loaders().reports.load_many(ReportOf.make_many("rooms", ROOMS, body, ReadOptions(include_open=True)))
    assert [asked["window"]["every"] for asked in over.model.asked] == ["1h"]
