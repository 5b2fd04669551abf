"""Which queries are read by segments, and where their windows lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain

from ..butlr import Windows
from ..cache import canonical, key
from .labels import Label
from .plan import Stretch
from .query import KEY_OF_FILTER, ReportQuery

# Windows in a segment.
WINDOWS = 512
# Assets times windows. A larger report is only kept whole.
MOST_CELLS = 500_000
# The measurements whose windows are known to depend on readings of that window alone. Run totals (traffic occupancy)
# may count from the start of the span.
BY_WINDOW = frozenset({"presence", "traffic", "room_occupancy", "floor_occupancy", "zone_occupancy"})
_FUNCTIONS = frozenset({"max", "min", "sum", "mean", "median", "first", "last"})
_PLAIN_OPTIONS = {"format": "json", "timestamp": "RFC3339", "includeCalibrationPoints": False}
_FILTERS = frozenset({"start", "stop", "measurements", "value", "time_constraints", "tags", *KEY_OF_FILTER})

SegmentId = tuple[str, int]
"""An asset's id, and the number of a segment."""


@dataclass(frozen=True)
class SegmentedQuery:
    """A query that can be read by segments: its windows, and its body without the assets and the span."""

    query: ReportQuery
    windows: Windows
    dimension: str | None
    """The filter that names the assets. None: all matching assets count as one, whose id is empty."""
    label: Label

    @property
    def level(self) -> str | None:
        """Return the field of rows that names their asset."""
        return KEY_OF_FILTER[self.dimension] if self.dimension else None

    @cached_property
    def span(self) -> Stretch:
        """Return start and stop of the whole windows in the query's span, in epoch seconds."""
        query = self.query
        assert query.start is not None and query.stop is not None  # noqa: S101, PT018 -- `shape_of` has seen to it
        return int(query.start.timestamp()), self.edge(query.stop.timestamp())

    @property
    def tail(self) -> datetime | None:
        """Return the stop if it lies within a window, else None. Some backends answer a part of a window."""
        stop = self.query.stop
        return None if stop is None or self.windows.is_edge(stop) else stop

    @cached_property
    def name(self) -> bytes:
        """Return bytes that are equal for queries which may share segments."""
        filter_ = {
            name: value
            for name, value in self.query.body["filter"].items()
            if name not in ("start", "stop", self.dimension)
        }
        body = {**self.query.body, "filter": filter_}
        return hashlib.sha256(canonical([self.dimension, self.label, body])).digest()

    @property
    def length(self) -> int:
        """Return the length of a segment in seconds."""
        return self.windows.seconds * WINDOWS

    def span_of(self, number: int) -> Stretch:
        """Return the first and the last edge of a segment's windows, in epoch seconds."""
        return self._edge_from(number * self.length), self._edge_from((number + 1) * self.length)

    def _edge_from(self, seconds: int) -> int:
        """Return the first edge at or after a moment."""
        moment = datetime.fromtimestamp(seconds, UTC)
        edge = self.windows.floor(moment)
        return int((edge if edge == moment else self.windows.after(edge)).timestamp())

    def segments(self, start: int, stop: int) -> range:
        """Return the numbers of the segments with windows from `start` up to `stop`."""
        return range(start // self.length, (stop - 1) // self.length + 1)

    def keys(self, scope: str, assets: Iterable[str]) -> dict[SegmentId, str]:
        """Return the cache keys of the segments that the query touches, by asset and segment number."""
        numbers = self.segments(*self.span)
        return {
            (asset, number): key(scope, "segment", b"%b %d %b" % (self.name, number, asset.encode()))
            for asset in assets
            for number in numbers
        }

    def edge(self, seconds: float) -> int:
        """Return the last edge at or before a moment."""
        return int(self.windows.floor(datetime.fromtimestamp(seconds, UTC)).timestamp())

    def rows_between(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of row times, in milliseconds, that belongs to the windows between two edges."""
        shift = 1 if self.label is Label.STOP else 0
        return start * 1000 + shift, stop * 1000 + shift


def why_whole(query: ReportQuery) -> str | None:
    """Say why a report cannot be read by segments; None if it can."""
    return next(chain(_of_span(query), _of_window(query), _of_body(query)), None)


def _of_span(query: ReportQuery) -> Iterator[str]:
    windows, start, stop = query.windows, query.start, query.stop
    if not query.is_flat:
        yield "grouped: the nesting of an answer depends on the whole span"
    if windows is None:
        yield "no window: raw readings have no edges to cut at"
    elif not windows.on_clock:
        yield "the windows do not divide a day: where they begin is not known"
    elif start is None or stop is None:
        yield "a time without an offset: the moment that it names is not known"
    elif not windows.is_edge(start):
        yield "the span does not begin at an edge of a window"
    elif start >= windows.floor(stop):
        yield "the span contains no whole window"


def _of_window(query: ReportQuery) -> Iterator[str]:
    window = query.body.get("window") or {}
    if window.get("create_empty"):
        yield "`create_empty` depends on the whole span"
    for name in sorted(window.keys() - {"every", "function", "timezone", "create_empty"}):
        yield f"`window.{name}` depends on the whole span"
    function = window.get("function")
    if function is not None and function not in _FUNCTIONS:
        yield f"`{function}` is not a function whose windows are known to be independent"


def _of_body(query: ReportQuery) -> Iterator[str]:
    body, filter_, options = query.body, query.body["filter"], query.body.get("options")
    for name in sorted(body.keys() - {"filter", "window", "options", "group_by"}):
        yield f"`{name}` depends on the whole answer"
    for name in sorted(filter_.keys() - _FILTERS):
        yield f"`filter.{name}` may depend on the whole span"
    measurements = filter_.get("measurements")
    if measurements is not None and not (isinstance(measurements, list) and measurements):
        yield "`measurements` is not a list"
    else:
        for name in measurements or ():
            if name not in BY_WINDOW:
                yield f"`{name}` may count from the start of the span"
    if isinstance(options, dict) and any(_PLAIN_OPTIONS.get(name) != value for name, value in options.items()):
        yield "`options` change how rows are written"


def shape_of(query: ReportQuery, dimension: str | None, label: Label) -> SegmentedQuery | None:
    """Return how a report is read by segments; None where `why_whole` has a reason against it."""
    if why_whole(query) is not None or query.windows is None:
        return None
    if dimension == "zones":
        measurements = query.body["filter"].get("measurements") or ("",)
        if not all(name.startswith("zone_") for name in measurements):
            # A sensor's row names one zone, even where the sensor is in several.
            dimension = None
    return SegmentedQuery(query, query.windows, dimension, label)
