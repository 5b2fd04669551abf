"""The times that are sent for a written span: absolute, on edges of windows, and unchanged if they were absolute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import Windows, is_rfc3339, parse_absolute
from facade.series.query import resolve_report, resolve_span

NOW = datetime(2025, 10, 14, 13, 47, 12, 345_678, tzinfo=UTC)


def body(start=None, stop=None, every=None, **window):
    filter_ = {name: value for name, value in (("start", start), ("stop", stop)) if value is not None}
    return {"filter": filter_, **({"window": {"every": every, **window}} if every else {})}


def span(asked):
    query = resolve_report(asked, NOW)
    return query.body["filter"].get("start"), query.body["filter"].get("stop")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (body("-1d"), ("2025-10-13T13:47:00Z", "2025-10-14T13:47:00Z")),
        (body("-1d", "now"), ("2025-10-13T13:47:00Z", "2025-10-14T13:47:00Z")),
        (body("-1h", every="5m"), ("2025-10-14T12:45:00Z", "2025-10-14T13:45:00Z")),
        (body("-1h", "-30m", "5m"), ("2025-10-14T12:45:00Z", "2025-10-14T13:15:00Z")),
        (body("-1d", every="1h"), ("2025-10-13T13:00:00Z", "2025-10-14T13:00:00Z")),
        (body("-7d", every="1d", timezone="America/New_York"), ("2025-10-07T04:00:00Z", "2025-10-14T04:00:00Z")),
        (body("-24h", every="1h", timezone="Asia/Kolkata"), ("2025-10-13T13:30:00Z", "2025-10-14T13:30:00Z")),
        (body("-4w", every="1w"), ("2025-09-16T00:00:00Z", "2025-10-14T00:00:00Z")),
        (body("-1M", every="1d"), ("2025-09-14T00:00:00Z", "2025-10-14T00:00:00Z")),
        (body("-1mo", every="1d"), ("2025-09-14T00:00:00Z", "2025-10-14T00:00:00Z")),
        (body("-1h", every="5m", offset="1m"), ("2025-10-14T12:46:00Z", "2025-10-14T13:46:00Z")),
        # An end that is absolute stays as it is, on an edge or not, however it is written.
        (body("2025-10-14T12:00:07+02:00", every="5m"), ("2025-10-14T12:00:07+02:00", "2025-10-14T13:45:00Z")),
        (body("-1h", "2025-10-14T13:11:11.5Z", "5m"), ("2025-10-14T12:45:00Z", "2025-10-14T13:11:11.5Z")),
        # What is absolute, but not RFC 3339, goes up as that.
        (body("2025-10-14T12:00:00+0000", "2025-10-14T13:00Z"), ("2025-10-14T12:00:00Z", "2025-10-14T13:00:00Z")),
        (body(1_760_443_200, "1760446800000"), ("2025-10-14T12:00:00Z", "2025-10-14T13:00:00Z")),
        # A time without an offset is passed on as it was written.
        (
            body("2025-10-14T00:00:00", every="1h", timezone="America/New_York"),
            ("2025-10-14T00:00:00", "2025-10-14T13:00:00Z"),
        ),
        (body("2025-10-13", "2025-10-14"), ("2025-10-13", "2025-10-14")),
        # A span within one window is moved down to a whole one; where it may not move it has none yet.
        (body("-10m", every="1h"), ("2025-10-14T12:00:00Z", "2025-10-14T13:00:00Z")),
        (body("2025-10-14T13:10:00Z", every="1h"), ("2025-10-14T13:10:00Z", "2025-10-14T13:47:00Z")),
        # What is no time is the upstream's to judge.
        (body("yesterday", "2025-10-14T13:00:00Z"), ("yesterday", "2025-10-14T13:00:00Z")),
        (body("-999999999w", "2025-10-14T13:00:00Z"), ("-999999999w", "2025-10-14T13:00:00Z")),
        (body("yesterday"), ("yesterday", None)),
        (body("2025-10-14T12:00:00Z", 5), ("2025-10-14T12:00:00Z", 5)),
        (body(), (None, None)),
    ],
)
def test_times_go_up(asked, expected):
    assert span(asked) == expected


@pytest.mark.parametrize("stop", ["2025-10-14T13:00:00Z", "2025-10-14T13:00:00-07:00", "2025-10-14T13:00:00.250Z"])
def test_two_absolute_times_are_the_very_body(stop):
    asked = body("2025-10-14T12:00:01Z", stop, "5m")
    query = resolve_report(asked, NOW)
    assert query.body is asked
    assert (query.is_rewritten, query.stop_is_relative) == (False, False)


def test_who_polls_asks_the_same_until_the_next_window():
    asked = body("-24h", every="5m")
    moments = [NOW + timedelta(seconds=30 * n) for n in range(30)]
    queries = [resolve_report(asked, moment) for moment in moments]
    assert len({query.key for query in queries}) == 4
    assert all(query.stop_moves_at > moment for query, moment in zip(queries, moments, strict=True))


def test_detections_and_stats_get_no_stop_that_they_did_not_have():
    assert resolve_span(body("-10m"), NOW).body == body("2025-10-14T13:37:00Z")
    stats = {"items": ["room_1"], "start": "-1d", "stop": "now", "measurements": []}
    assert resolve_span(stats, NOW).body == {**stats, "start": "2025-10-13T13:47:00Z", "stop": "2025-10-14T13:47:00Z"}


def test_a_span_without_offsets_is_as_wide_as_it_may_be_and_never_for_certain():
    query = resolve_report(body("2025-10-13", "2025-10-14", "1h"), NOW)
    assert (query.start, query.stop) == (None, None)
    assert query.bounds == (datetime(2025, 10, 12, 10, tzinfo=UTC), datetime(2025, 10, 14, 14, tzinfo=UTC))


zones = st.sampled_from(
    ["UTC", "Asia/Kolkata", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
lengths = st.sampled_from(["1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "7d", "1w", "1M"])
moments = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 -- the strategy takes bounds without a time zone
    datetime(2026, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moments, st.integers(1, 5000), st.sampled_from("smhdw"), lengths, zones)
def test_what_is_relative_lies_on_edges_and_holds_what_was_meant(now, count, unit, every, zone):
    asked = body(f"-{count}{unit}", every=every, timezone=zone)
    query = resolve_report(asked, now)
    filter_ = query.body["filter"]
    assert is_rfc3339(filter_["start"])
    assert is_rfc3339(filter_["stop"])
    windows = Windows.of(every, zone)
    assert windows.is_edge(query.start)
    assert windows.is_edge(query.stop)
    assert query.start < query.stop <= now
    length = timedelta(seconds=windows.seconds)
    assert now - query.stop < max(length, timedelta(days=1)) + timedelta(hours=1)
    seconds = count * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]
    assert query.start <= now - timedelta(seconds=seconds)
    assert resolve_report(query.body, now).body is query.body


@given(moments, lengths, zones)
def test_edges_are_their_own_floor_and_neighbours_of_each_other(moment, every, zone):
    windows = Windows.of(every, zone)
    edge = windows.floor(moment)
    assert edge <= moment
    assert windows.is_edge(edge)
    if windows.on_clock:
        assert moment < windows.after(edge)
        assert windows.is_edge(windows.after(edge))
        assert windows.before(windows.after(edge)) == edge


@given(st.text(max_size=30))
def test_nothing_that_is_written_breaks_it(text):
    query = resolve_report(body(text, text, "5m"), NOW)
    assert query.body["filter"]["stop"] == text or parse_absolute(query.body["filter"]["stop"])
