"""Pieces: whole, in order, at edges."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.export.plan import days_of_report, halves_of_detections, pieces_of_detections, pieces_of_report
from facade.series import resolve_report, resolve_span

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham"]


def body(start: datetime, stop: datetime, every: str = "5m", zone: str = "UTC", **window: object) -> dict[str, object]:
    return {
        "filter": {
            "start": start.isoformat(),
            "stop": stop.isoformat(),
            "measurements": ["room_occupancy"],
            "rooms": {"eq": ["a", "b"]},
        },
        "window": {"every": every, "function": "max", "timezone": zone, **window},
    }


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["1m", "5m", "15m", "1h", "6h", "1d"]),
    st.integers(0, 400),
    st.integers(1, 60 * 24 * 9),
    st.integers(1, 4000),
)
def test_pieces_are_the_span_cut_at_edges(zone: str, every: str, day: int, minutes: int, most: int) -> None:
    query = resolve_report(body(NOW - timedelta(days=day + 20), NOW, every, zone), NOW)
    windows = query.windows
    assert windows is not None
    start = windows.floor(NOW - timedelta(days=day + 20))
    stop = start + timedelta(minutes=minutes)
    query = query.between(start, stop)
    pieces = pieces_of_report(query, most=most)
    assert (pieces[0].start, pieces[-1].stop) == (start, stop)
    assert all(before.stop == after.start for before, after in pairwise(pieces))
    assert all(piece.start is not None and windows.is_edge(piece.start) for piece in pieces)
    days = days_of_report(query)
    if days is not None:
        assert [days.parts[0][1].start, days.parts[-1][1].stop] == [start, stop]
        assert len({f"{at.astimezone(days.zone):%Y-%m-%d}" for at, _ in days.parts}) == len(days.parts)


@pytest.mark.parametrize("change", [{"fill": "previous"}, {"create_empty": True}, {"every": "7m"}])
def test_what_depends_on_the_whole_span_is_not_cut(change: dict[str, object]) -> None:
    query = resolve_report({**body(NOW - timedelta(days=300), NOW, **change)}, NOW)  # type: ignore[arg-type]
    assert pieces_of_report(query) == [query]
    assert days_of_report(query) is None


def test_a_start_within_a_window_is_not_cut() -> None:
    query = resolve_report(body(NOW - timedelta(days=300, seconds=7), NOW), NOW)
    assert pieces_of_report(query) == [query]


def test_detections_are_cut_by_their_sensors() -> None:
    asked = {"data_types": ["detections_world"], "filter": {"start": "-3d", "stop": "now", "mac_addresses": ["a"]}}
    assert len(pieces_of_detections(resolve_span(asked, NOW))) == 1
    asked["filter"] = {"start": "-3d", "stop": "now"}
    assert len(pieces_of_detections(resolve_span(asked, NOW))) > 20


@pytest.mark.parametrize("window", [None, {"every": "1h", "function": "max"}, {"every": "1mo"}])
def test_detections_are_halved_as_they_are_cut(window: object) -> None:
    """Without a window at any minute, whatever second the span begins at; with one at its edges."""
    for second, is_cut in ((0, window != {"every": "1mo"}), (7, window is None)):
        asked = {"data_types": ["detections_world"], "filter": {"start": f"2026-05-01T00:00:{second:02}Z"}}
        asked["filter"] |= {"stop": "2026-05-03T00:00:00Z"}
        query = resolve_span(asked | ({"window": window} if window else {}), NOW)
        halved, pieces = halves_of_detections(query), pieces_of_detections(query, most=1000)
        assert (halved is not None, len(pieces) > 1) == (is_cut, is_cut)
        for parts in (halved or [query], pieces):
            assert (parts[0].start, parts[-1].stop) == (query.start, query.stop)
            assert all(before.stop == after.start for before, after in pairwise(parts))
