from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import windows as butlr_windows
from facade.sandbox.durations import Duration, parse_duration
from facade.sandbox.wall_clock import clock_windows

ZONES = ("Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
HOUR, DAY = 3600, 86_400


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def windows(start: str, stop: str, every: Duration, zone: str | None = None, offset: int = 0) -> list[tuple[str, str]]:
    found = clock_windows(at(start), at(stop), every, zone and ZoneInfo(zone), offset)
    return [tuple(f"{datetime.fromtimestamp(edge, UTC):%m-%dT%H:%M}" for edge in span) for span in found]


def test_windows_lie_on_the_clock_and_only_whole_ones_come():
    found = windows("2026-08-05T09:07:31Z", "2026-08-05T09:29:59Z", Duration(300))

    assert found == [("08-05T09:10", "08-05T09:15"), ("08-05T09:15", "08-05T09:20"), ("08-05T09:20", "08-05T09:25")]


@pytest.mark.parametrize(
    ("zone", "edge"), [("Asia/Kolkata", "30"), ("Asia/Kathmandu", "15"), ("Europe/Berlin", "00"), (None, "00")]
)
def test_hours_begin_where_they_do_on_the_zones_own_clock(zone, edge):
    found = windows("2026-08-05T09:00:00Z", "2026-08-05T13:00:00Z", Duration(HOUR), zone)

    assert {begin[-2:] for begin, _ in found} == {edge}
    assert len(found) == (4 if edge == "00" else 3)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_with_a_clock_change_is_one_day_and_has_so_many_hours(day, hours):
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    stop = start + timedelta(days=1)
    span = (start.timestamp(), stop.timestamp())

    assert list(clock_windows(*span, Duration(DAY), zone)) == [span]
    assert span[1] - span[0] == hours * HOUR
    assert len(list(clock_windows(*span, Duration(HOUR), zone))) == hours
    assert [(end - begin) // HOUR for begin, end in clock_windows(*span, Duration(6 * HOUR), zone)] == [
        hours - 18,
        6,
        6,
        6,
    ]


def test_weeks_begin_on_monday_and_months_on_the_first_at_local_midnight():
    span = ("2026-10-15T10:00:00Z", "2026-12-02T00:00:00Z")

    assert windows(*span, Duration(7 * DAY), "America/New_York")[:2] == [
        ("10-19T04:00", "10-26T04:00"),
        ("10-26T04:00", "11-02T05:00"),
    ]
    assert windows(*span, Duration(0, 1), "America/New_York") == [("11-01T04:00", "12-01T05:00")]
    assert windows(*span, Duration(0, 1)) == [("11-01T00:00", "12-01T00:00")]


def test_a_week_that_begins_at_an_odd_minute_holds_no_whole_week():
    assert windows("2026-08-03T00:01:00Z", "2026-08-10T00:01:00Z", Duration(7 * DAY)) == []


def test_an_offset_moves_the_clock():
    assert windows("2026-08-05T09:00:00Z", "2026-08-05T11:00:00Z", Duration(HOUR), offset=900) == [
        ("08-05T09:15", "08-05T10:15")
    ]


@given(
    st.integers(int(at("2026-01-01T00:00:00Z")), int(at("2026-12-31T00:00:00Z"))),
    st.integers(60, 4 * DAY),
    st.sampled_from(
        [60, 300, 900, 1800, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, 7 * 60, 25 * 60, DAY, 2 * DAY, 36 * HOUR]
    ),
    st.sampled_from(ZONES),
    st.integers(0, 2 * DAY),
)
def test_windows_are_the_same_from_wherever_one_asks(start, length, every, name, earlier):
    zone = ZoneInfo(name)
    stop = start + length

    found = list(clock_windows(start, stop, Duration(every), zone))
    wider = list(clock_windows(start - earlier, stop + earlier, Duration(every), zone))

    assert [span for span in wider if start <= span[0] and span[1] <= stop] == found
    assert all(before[1] == after[0] for before, after in pairwise(found))
    # What is left at either end is shorter than the longest window (a clock change adds an hour at most).
    longest = every + HOUR
    assert (found[0][0] - start < longest and stop - found[-1][1] < longest) if found else length < 2 * longest


@given(
    st.integers(int(at("2026-01-01T00:00:00Z")), int(at("2026-12-31T00:00:00Z"))),
    st.sampled_from(["1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d"]),
    # Not Lord Howe's half an hour of summer time: there hours differ on the two days of the change.
    st.sampled_from([name for name in ZONES if name != "Australia/Lord_Howe"]),
)
def test_the_facade_lays_windows_where_the_sandbox_does(start, every, name):
    found = list(clock_windows(start, start + 3 * DAY, parse_duration(every), ZoneInfo(name)))

    laid = butlr_windows.Windows.of(every, name)
    first, last = (datetime.fromtimestamp(edge, UTC) for edge in (found[0][0], found[-1][1]))
    assert [end for _, end in found] == [edge.timestamp() for edge in laid.edges(laid.floor(first), last)]
