"""A report that is assembled from parts of its span is equal to the undivided one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from facade.series.query import ReportQuery, resolve_report
from facade.series.stitching import halves, stitched

START = datetime(2025, 10, 14, tzinfo=UTC)


def rfc(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def query(body):
    return resolve_report(body, START + timedelta(days=30))


def body(windows: int, every: int, **window):
    stop = START + timedelta(seconds=windows * every)
    return {"filter": {"start": rfc(START), "stop": rfc(stop)}, "window": {"every": f"{every}s", **window}}


def undivided(body, every: int, sensors: list[str], *, by_time: bool):
    """What an upstream answers: a row a sensor and window, one sensor after the other or one time after the other."""
    start = datetime.fromisoformat(body["filter"]["start"])
    stop = datetime.fromisoformat(body["filter"]["stop"])
    times = [start + timedelta(seconds=n * every) for n in range(int((stop - start).total_seconds() // every))]
    pairs = [(t, s) for t in times for s in sensors] if by_time else [(t, s) for s in sensors for t in times]
    return [
        {"sensor_id": s, "time": rfc(t), "value": hash((s, rfc(t))) % 9, "start": rfc(start), "stop": rfc(stop)}
        for t, s in pairs
    ]


@given(
    windows=st.integers(2, 40),
    every=st.sampled_from([60, 300, 3600]),
    sensors=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True),
    by_time=st.booleans(),
    bears=st.integers(1, 10),
)
def test_parts_put_together_are_the_undivided_answer(windows, every, sensors, by_time, bears):
    # Parts of one window each do not show how rows are ordered; one series after the other is taken for granted.
    assume(bears > 1 or not by_time)

    def ask(asked: ReportQuery):
        rows = undivided(asked.body, every, sensors, by_time=by_time)
        if len(rows) <= bears * len(sensors):
            return rows
        return stitched(asked, [ask(part) for part in halves(asked)])

    whole = query(body(windows, every))
    assert ask(whole) == undivided(whole.body, every, sensors, by_time=by_time)


@pytest.mark.parametrize(
    "asked",
    [
        body(1, 60),
        body(4, 60, offset="5s"),
        body(4, 60, fill={"use_previous": True}),
        body(4, 60, create_empty=True),
        {**body(4, 60), "group_by": {"order": ["room_id"]}},
        {**body(4, 60), "paginate": {"page": 1}},
        {**body(4, 60), "filter": {"start": "2025-10-14T00:00:00", "stop": rfc(START + timedelta(hours=1))}},
        body(4, 3600 * 5),
        {
            **body(4, 60),
            "filter": {"start": rfc(START + timedelta(seconds=7)), "stop": rfc(START + timedelta(hours=1))},
        },
        {"filter": {"start": rfc(START), "stop": rfc(START + timedelta(hours=1))}},
        body(4, 60) | {"window": {"every": "1M"}},
    ],
)
def test_what_would_change_by_being_cut_is_not_cut(asked):
    assert halves(query(asked)) is None


def test_a_day_in_a_time_zone_is_cut_at_an_edge_of_its_windows():
    asked = {
        "filter": {"start": "2025-10-25T22:00:00Z", "stop": "2025-10-26T23:00:00Z"},
        "window": {"every": "6h", "timezone": "Europe/Berlin"},
    }
    first, last = halves(query(asked))
    # The day on which summer time ends: its first window of six hours lasts seven.
    assert first.body["filter"]["stop"] == last.body["filter"]["start"] == "2025-10-26T05:00:00Z"
