"""A span of any length as pieces that the upstream bears, cut at edges of windows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from ..butlr import Duration, Windows
from ..series import ReportQuery, why_whole

# Points of one piece: some seconds of the upstream's time, some megabytes of ours.
POINTS = 25_000
# So many assets are thought to match a body that names none.
ASSETS = 250
_DAY = 86_400
# Where readings have no windows, one a minute is expected.
_READING = 60


def pieces_of_report(query: ReportQuery, *, most: int = POINTS) -> list[ReportQuery]:
    """The parts of a report, in order of time; the report itself where to cut it would change its rows."""
    windows, start, stop = query.windows, query.start, query.stop
    try:
        if windows is None or start is None or stop is None or not _is_separable(query, windows, start, stop):
            return [query]
        step = max(1, most // _series(query)) * windows.seconds
        return _cut(query, windows, start, stop, step)
    except OverflowError:
        # At the ends of the calendar there is no edge to cut at.
        return [query]


def pieces_of_detections(query: ReportQuery, *, most: int = POINTS) -> list[ReportQuery]:
    """The parts of detections. Without a window each entry is a reading by itself, so any moment will do."""
    start, stop = query.start, query.stop
    window = query.body.get("window")
    windows = query.windows or (None if window else Windows(Duration(seconds=_READING)))
    sensors = len(query.body["filter"].get("mac_addresses") or ()) or ASSETS
    kinds = len(query.body.get("data_types") or ()) or 1
    try:
        if windows is None or start is None or stop is None or not windows.on_clock or not windows.is_edge(start):
            return [query]
        return _cut(query, windows, start, stop, max(1, most // (sensors * kinds)) * windows.seconds)
    except OverflowError:
        # As above.
        return [query]


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a span on the clock of a time zone, each with when it begins and its part of the query."""

    zone: tzinfo
    parts: list[tuple[datetime, ReportQuery]]


def days_of_report(query: ReportQuery) -> Days | None:
    """None where to cut the report at midnights would change its rows."""
    windows, start, stop = query.windows, query.start, query.stop
    if windows is None or start is None or stop is None or not _is_separable(query, windows, start, stop):
        return None
    return _days(query, windows.zone, start, stop)


def days_of_detections(query: ReportQuery) -> Days | None:
    """None where windows do not lie on the clock."""
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
    # The stop alone may lie within a window: the piece that it ends is the last.
    last = windows.floor(stop)
    if not start < last:
        return False
    whole = replace(query.between(start, last), is_resolved=query.is_resolved)
    return why_whole(whole) is None


def _series(query: ReportQuery) -> int:
    """About how many series the rows of a report are of."""
    filter_ = query.body["filter"]
    ids = [value["eq"] for value in filter_.values() if isinstance(value, dict) and isinstance(value.get("eq"), list)]
    named = max((len(some) for some in ids), default=0)
    measurements = filter_.get("measurements") or ("presence", "traffic")
    # Traffic comes as in and out.
    fields = sum(2 if name == "traffic" else 1 for name in measurements)
    return max(1, (named or ASSETS) * fields)


def _cut(query: ReportQuery, windows: Windows, start: datetime, stop: datetime, step: int) -> list[ReportQuery]:
    edges = [start, *_edges(windows, start, stop, step), stop]
    return [query.between(after, until) for after, until in pairwise(edges)]


def _edges(windows: Windows, start: datetime, stop: datetime, step: int) -> Iterator[datetime]:
    """Edges between `start` and `stop`, about `step` seconds apart: whole days, or equal parts of a day."""
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
        # Where clocks change by less than an hour, a grid of hours may miss an edge.
        if windows.is_edge(at):
            yield at
