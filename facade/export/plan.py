"""Cuts a span of any length at edges of windows into pieces that the upstream can answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from ..butlr import Duration, Windows
from ..series import ReportQuery, halves, why_whole

# Points of one piece: a few seconds for the upstream, a few megabytes for the facade.
POINTS = 25_000
# The assumed number of assets if a body names none.
ASSETS = 250
_DAY = 86_400
# The assumed seconds between two readings if there are no windows.
_READING = 60


def pieces_of_report(query: ReportQuery, *, most: int = POINTS) -> list[ReportQuery]:
    """Return the pieces of a report, oldest first; the whole report if cutting it would change its rows."""
    windows, start, stop = query.windows, query.start, query.stop
    try:
        if windows is None or start is None or stop is None or not _is_separable(query, windows, start, stop):
            return [query]
        step = max(1, most // _series(query)) * windows.seconds
        return _cut(query, windows, start, stop, step)
    except OverflowError:
        # Near the first and last dates of `datetime` there may be no edge.
        return [query]


def pieces_of_detections(query: ReportQuery, *, most: int = POINTS) -> list[ReportQuery]:
    """Return the pieces of detections, oldest first. Without windows they can be cut anywhere."""
    start, stop = query.start, query.stop
    windows = query.windows or _readings(query)
    sensors = len(query.body["filter"].get("mac_addresses") or ()) or ASSETS
    kinds = len(query.body.get("data_types") or ()) or 1
    try:
        if windows is None or start is None or stop is None or not windows.on_clock:
            return [query]
        if query.windows and not windows.is_edge(start):
            return [query]
        return _cut(query, windows, start, stop, max(1, most // (sensors * kinds)) * windows.seconds)
    except OverflowError:
        # As in `pieces_of_report`.
        return [query]


def halves_of_detections(query: ReportQuery) -> tuple[ReportQuery, ReportQuery] | None:
    return halves(query, _readings(query))


def _readings(query: ReportQuery) -> Windows | None:
    """Return the edges at which detections without a window are cut."""
    return None if query.body.get("window") else Windows(Duration(seconds=_READING))


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a span in a time zone, each as its midnight and its part of the query."""

    zone: tzinfo
    parts: list[tuple[datetime, ReportQuery]]


def days_of_report(query: ReportQuery) -> Days | None:
    """Return the days of a report; None if cutting it at midnights would change its rows."""
    windows, start, stop = query.windows, query.start, query.stop
    if windows is None or start is None or stop is None or not _is_separable(query, windows, start, stop):
        return None
    return _days(query, windows.zone, start, stop)


def days_of_detections(query: ReportQuery) -> Days | None:
    """Return the days of detections; None if their windows are not aligned to the clock."""
    window, windows = query.body.get("window"), query.windows
    if query.start is None or query.stop is None or (window and (windows is None or not windows.on_clock)):
        return None
    return _days(query, UTC if windows is None else windows.zone, query.start, query.stop)


def _days(query: ReportQuery, zone: tzinfo, start: datetime, stop: datetime) -> Days:
    grid = Windows(Duration(seconds=_DAY), zone)
    parts, at = [], start
    while at < stop:
        day = grid.floor(at)
        until = min(grid.after(day), stop)
        parts.append((day, query.between(at, until)))
        at = until
    return Days(zone, parts)


def _is_separable(query: ReportQuery, windows: Windows, start: datetime, stop: datetime) -> bool:
    # Only the stop may lie within a window, which then belongs to the last piece.
    last = windows.floor(stop)
    if not start < last:
        return False
    whole = replace(query.between(start, last), is_rewritten=query.is_rewritten)
    return why_whole(whole) is None


def _series(query: ReportQuery) -> int:
    """Estimate the number of series in a report."""
    filter_ = query.body["filter"]
    ids = [value["eq"] for value in filter_.values() if isinstance(value, dict) and isinstance(value.get("eq"), list)]
    named = max((len(some) for some in ids), default=0)
    measurements = filter_.get("measurements") or ("presence", "traffic")
    # Traffic has two fields, in and out.
    fields = sum(2 if name == "traffic" else 1 for name in measurements)
    return max(1, (named or ASSETS) * fields)


def _cut(query: ReportQuery, windows: Windows, start: datetime, stop: datetime, step: int) -> list[ReportQuery]:
    edges = [start, *_edges(windows, start, stop, step), stop]
    return [query.between(after, until) for after, until in pairwise(edges)]


def _edges(windows: Windows, start: datetime, stop: datetime, step: int) -> Iterator[datetime]:
    """Yield edges between `start` and `stop`, at most about `step` seconds apart: days, or equal parts of a day."""
    length = windows.seconds
    if step < _DAY:
        parts = (part for part in range(step // length * length, 0, -length) if _DAY % part == 0)
        length, count = next(parts, length), 1
    else:
        length, count = _DAY, step // _DAY
    grid = Windows(Duration(seconds=length), windows.zone)
    at = grid.floor(start)
    while True:
        for _ in range(count):
            at = grid.after(at)
        if at >= stop:
            return
        # If clocks change by less than an hour, a time on the grid may not be an edge of a window.
        if windows.is_edge(at):
            yield at
