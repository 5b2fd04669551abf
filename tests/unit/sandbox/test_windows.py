from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.sandbox.durations import Duration, before, parse_duration
from facade.sandbox.windows import TimeConstraints, cut, edges

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1s", (1, 0)),
        ("60s", (60, 0)),
        ("1h30m", (5400, 0)),
        ("1w", (604_800, 0)),
        ("1M", (0, 1)),
        ("1d12h", (129_600, 0)),
    ],
)
def test_a_duration_is_numbers_with_units(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "-5m", "0s", "5 m", "1.5h"])
def test_anything_else_is_no_duration(text):
    assert parse_duration(text) is None


def test_a_month_before_the_31st_is_the_last_day_of_a_shorter_month():
    assert before(at("2025-03-31T10:00:00Z"), Duration(0, 1)) == at("2025-02-28T10:00:00Z")


def test_windows_count_from_the_querys_own_start():
    found = list(edges(43, 43 + 150, Duration(60)))

    assert found == [(43, 103), (103, 163), (163, 193)]


def test_an_offset_moves_the_edges_and_cuts_the_first_window():
    assert list(edges(0, 120, Duration(60), offset=15)) == [(0, 15), (15, 75), (75, 120)]
    assert list(edges(0, 120, Duration(60), offset=-15)) == [(0, 45), (45, 105), (105, 120)]


def test_days_in_a_time_zone_begin_at_its_midnight_even_when_clocks_change():
    # On 26 October the day has 25 hours there.
    start, stop = at("2025-10-25T10:00:00+02:00"), at("2025-10-28T00:00:00+01:00")

    found = list(edges(start, stop, Duration(86_400), BERLIN))

    assert [begin for begin, _ in found] == [
        start,
        at("2025-10-26T00:00:00+02:00"),
        at("2025-10-27T00:00:00+01:00"),
    ]
    assert found[1][1] - found[1][0] == 25 * 3600


def test_weeks_in_a_time_zone_begin_on_monday_and_months_on_the_first():
    start, stop = at("2025-10-15T10:00:00+02:00"), at("2025-11-05T00:00:00+01:00")

    weeks = [begin for begin, _ in edges(start, stop, Duration(604_800), BERLIN)]
    months = [begin for begin, _ in edges(start, stop, Duration(0, 1), BERLIN)]

    assert weeks[1] == at("2025-10-20T00:00:00+02:00")
    assert months == [start, at("2025-11-01T00:00:00+01:00")]


@given(
    st.integers(0, 2_000_000_000),
    st.integers(1, 400_000),
    st.integers(1, 90_000),
    st.integers(-90_000, 90_000),
    st.sampled_from([None, BERLIN, ZoneInfo("Asia/Kolkata")]),
)
def test_windows_cover_the_span_without_gap_or_overlap(start, length, every, offset, zone):
    every = max(every, length // 500)

    found = list(edges(start, start + length, Duration(every), zone, offset))

    assert found[0][0] == start
    assert found[-1][1] == start + length
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(begin < end for begin, end in found)


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.lists(st.integers(0, 20_000), max_size=6), st.integers(1, 60))
def test_a_windows_samples_are_those_in_the_allowed_spans(start, length, bounds, period):
    bounds = sorted(set(bounds))
    allowed = list(zip(bounds[::2], bounds[1::2], strict=False))

    windows = cut(edges(start, start + length, Duration(600)), period, allowed)

    for window in windows:
        naive = [
            time
            for time in range(int(window.start), int(window.stop), period)
            if any(begin <= time < end for begin, end in allowed)
        ]
        assert list(window.sample_times()) == naive
        assert window.samples == len(naive)


def test_time_constraints_are_local_to_the_place():
    constraints = TimeConstraints(((9 * 3600, 17 * 3600),), frozenset({5, 6}))

    # Friday to Monday.
    allowed = constraints.allowed(at("2025-10-17T00:00:00Z"), at("2025-10-20T12:00:00Z"), BERLIN)

    assert allowed == [
        (at("2025-10-17T09:00:00+02:00"), at("2025-10-17T17:00:00+02:00")),
        (at("2025-10-20T09:00:00+02:00"), at("2025-10-20T14:00:00+02:00")),
    ]
