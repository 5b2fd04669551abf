"""The store of series: columns kept by scope, question, asset and segment of windows, each window with its age.

A segment is a stretch of time of `WINDOWS` windows, aligned to the epoch. A window belongs to the segment that its
start lies in. Which windows of it are known, and as of when, is kept beside the rows: a known window without a row is
an answer.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import msgspec

from ..butlr import Windows
from ..cache import Entry, Rules, canonical, key
from .columns import LABELS, Column, Labelled, joined, laid_over
from .labels import Label
from .plan import Stretch
from .query import KEY_OF_FILTER, ReportQuery

# Of one segment.
WINDOWS = 512
# Assets times windows. A report of more is kept whole alone.
MOST_CELLS = 500_000
CONTENT_TYPE = "application/x-segment"

# What each window's rows are made of is known of these alone: run totals (traffic occupancy) may count from the start
# of the span.
BY_WINDOW = frozenset({"presence", "traffic", "room_occupancy", "floor_occupancy", "zone_occupancy"})
_FUNCTIONS = frozenset({"max", "min", "sum", "mean", "median", "first", "last"})
_PLAIN_OPTIONS = {"format": "json", "timestamp": "RFC3339", "includeCalibrationPoints": False}
_FILTERS = frozenset({"start", "stop", "measurements", "value", "time_constraints", "tags", *KEY_OF_FILTER})


class WindowRun(NamedTuple):
    """Windows from one edge up to another, read at one time. Times are epoch seconds.

    `newest` is the end of the newest window in the answer that they came with.
    """

    start: int
    stop: int
    as_of: float
    newest: int


class Segment(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of one asset in one stretch of time."""

    runs: tuple[WindowRun, ...]
    series: tuple[tuple[Labelled, bytes, bytes, bool], ...]

    def columns(self) -> list[Column]:
        found = []
        for labels, packed_times, packed_values, echoes in self.series:
            times, values = array("q"), array("d")
            times.frombytes(packed_times)
            values.frombytes(packed_values)
            found.append(Column(labels, times, values, echoes))
        return found

    @classmethod
    def of(cls, runs: Iterable[WindowRun], columns: Iterable[Column]) -> Segment:
        return cls(
            tuple(runs),
            tuple((one.labels, one.times.tobytes(), one.values.tobytes(), one.echoes) for one in columns),
        )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Segment)


def decode(body: bytes) -> Segment | None:
    """None for what is no segment: what a shared store gives back is input."""
    try:
        segment = _decoder.decode(body)
        for labels, times, values, _ in segment.series:
            if len(labels) != len(LABELS) or len(times) != len(values) or len(times) % 8:
                return None
    except (msgspec.DecodeError, ValueError):
        return None
    return segment


@dataclass(frozen=True)
class SegmentedQuery:
    """A question that can be read by segments: its windows, and all of it but the assets and the span."""

    query: ReportQuery
    windows: Windows
    dimension: str | None
    """The filter that names the assets; None: all that match are one, whose id is empty."""
    label: Label

    @property
    def level(self) -> str | None:
        """The field of rows that names their asset."""
        return KEY_OF_FILTER[self.dimension] if self.dimension else None

    @cached_property
    def span(self) -> Stretch:
        """The whole windows that are asked for."""
        query = self.query
        assert query.start is not None and query.stop is not None  # noqa: S101, PT018 -- `shape_of` has seen to it
        return int(query.start.timestamp()), self.edge(query.stop.timestamp())

    @property
    def tail(self) -> datetime | None:
        """The stop of a span that ends within a window: of that window some backends give what there is."""
        stop = self.query.stop
        return None if stop is None or self.windows.is_edge(stop) else stop

    @cached_property
    def name(self) -> bytes:
        """Equal for questions that may share segments."""
        filter_ = {
            name: value
            for name, value in self.query.body["filter"].items()
            if name not in ("start", "stop", self.dimension)
        }
        body = {**self.query.body, "filter": filter_}
        return hashlib.sha256(canonical([self.dimension, self.label, body])).digest()

    @property
    def length(self) -> int:
        """Of a segment, in seconds."""
        return self.windows.seconds * WINDOWS

    def span_of(self, number: int) -> Stretch:
        """The edges that the windows of a segment lie between."""
        return self._edge_from(number * self.length), self._edge_from((number + 1) * self.length)

    def _edge_from(self, seconds: int) -> int:
        """The first window's edge at or after a moment."""
        moment = datetime.fromtimestamp(seconds, UTC)
        edge = self.windows.floor(moment)
        return int((edge if edge == moment else self.windows.after(edge)).timestamp())

    def segments(self, start: int, stop: int) -> range:
        """The numbers of the segments that hold windows from `start` up to `stop`."""
        return range(start // self.length, (stop - 1) // self.length + 1)

    def key(self, scope: str, asset: str, number: int) -> str:
        return key(scope, "segment", b"%b %d %b" % (self.name, number, asset.encode()))

    def edge(self, seconds: float) -> int:
        """The last window's edge at or before a moment."""
        return int(self.windows.floor(datetime.fromtimestamp(seconds, UTC)).timestamp())

    def rows_between(self, start: int, stop: int) -> tuple[int, int]:
        """From which time of a row up to which, in milliseconds, rows are of the windows between two edges."""
        shift = 1 if self.label is Label.STOP else 0
        return start * 1000 + shift, stop * 1000 + shift


def why_whole(query: ReportQuery) -> str | None:
    """Why a report cannot be read by segments; None where it can."""
    return next(chain(_of_span(query), _of_window(query), _of_body(query)), None)


def _of_span(query: ReportQuery) -> Iterator[str]:
    windows, start, stop = query.windows, query.start, query.stop
    if not query.is_flat:
        yield "grouped: how an answer nests depends on all of it"
    if windows is None:
        yield "no window: raw readings have no edges to cut at"
    elif not windows.on_clock:
        yield "the windows do not divide a day: where they begin is not known"
    elif start is None or stop is None:
        yield "a time without an offset: the moment that it names is not known"
    elif not windows.is_edge(start):
        yield "the span does not begin at an edge of a window"
    elif start >= windows.floor(stop):
        yield "the span holds no whole window"


def _of_window(query: ReportQuery) -> Iterator[str]:
    window = query.body.get("window") or {}
    if window.get("create_empty"):
        yield "`create_empty` depends on the whole span"
    for name in sorted(window.keys() - {"every", "function", "timezone", "create_empty"}):
        yield f"`window.{name}` depends on the whole span"
    function = window.get("function")
    if function is not None and function not in _FUNCTIONS:
        yield f"`{function}` is no function whose windows are known to stand alone"


def _of_body(query: ReportQuery) -> Iterator[str]:
    body, filter_, options = query.body, query.body["filter"], query.body.get("options")
    for name in sorted(body.keys() - {"filter", "window", "options", "group_by"}):
        yield f"`{name}` depends on the whole answer"
    for name in sorted(filter_.keys() - _FILTERS):
        yield f"`filter.{name}` may depend on the whole span"
    measurements = filter_.get("measurements")
    if measurements is not None and not (isinstance(measurements, list) and measurements):
        yield "`measurements` is no list"
    else:
        for name in measurements or ():
            if name not in BY_WINDOW:
                yield f"`{name}` may count from the start of the span"
    if isinstance(options, dict) and any(_PLAIN_OPTIONS.get(name) != value for name, value in options.items()):
        yield "`options` change how rows are written"


def shape_of(query: ReportQuery, dimension: str | None, label: Label) -> SegmentedQuery | None:
    """How a report is read by segments; None where `why_whole` says why not."""
    if why_whole(query) is not None or query.windows is None:
        return None
    if dimension == "zones":
        measurements = query.body["filter"].get("measurements") or ("",)
        if not all(name.startswith("zone_") for name in measurements):
            # The one zone that a sensor's row names does not say all the zones it stands in.
            dimension = None
    return SegmentedQuery(query, query.windows, dimension, label)


def without(stretch: Stretch, known: Iterable[Stretch]) -> list[Stretch]:
    """What of a stretch none of the others holds."""
    left, at = [], stretch[0]
    for start, stop in sorted(known):
        if start > at:
            left.append((at, min(start, stretch[1])))
        at = max(at, stop)
        if at >= stretch[1]:
            return left
    left.append((at, stretch[1]))
    return left


def fresh_part(run: WindowRun, shape: SegmentedQuery, rules: Rules, now: float) -> Stretch | None:
    """The windows at the start of a run that are fresh: the older a window, the longer it is kept."""
    up_to = rules.fresh_up_to(shape.windows.seconds, run.as_of, run.newest, now)
    stop = run.stop if run.stop <= up_to else shape.edge(max(up_to, run.start))
    return (run.start, stop) if stop > run.start else None


def runs_over(old: Sequence[WindowRun], new: WindowRun) -> list[WindowRun]:
    """The runs with a newer one laid over them."""
    kept = [
        run._replace(start=start, stop=stop)
        for run in old
        for start, stop in without((run.start, run.stop), [(new.start, new.stop)])
        if start < stop
    ]
    return sorted([*kept, new])


def settled_together(runs: Sequence[WindowRun], shape: SegmentedQuery, rules: Rules) -> list[WindowRun]:
    """Neighbours that were settled when they were read, as one run as old as the older."""
    found: list[WindowRun] = []
    for run in runs:
        before = found[-1] if found else None
        window = shape.windows.seconds
        if (
            before is not None
            and before.stop == run.start
            and all(rules.settled_at(one.stop, window, one.newest) <= one.as_of for one in (before, run))
        ):
            as_of, newest = min(before.as_of, run.as_of), max(before.newest, run.newest)
            if rules.settled_at(run.stop, window, newest) <= as_of:
                found[-1] = WindowRun(before.start, run.stop, as_of, newest)
                continue
        found.append(run)
    return found


@dataclass(frozen=True)
class Known:
    """What the store has of one asset, over all segments that a question touches."""

    runs: tuple[WindowRun, ...]
    segments: Mapping[int, Segment]

    def columns(self, after: int, until: int) -> list[Column]:
        """The rows from one time up to another, in milliseconds."""
        parts: dict[tuple[Labelled, bool], list[Column]] = {}
        for segment in self.segments.values():
            for column in segment.columns():
                part = column.between(after, until)
                if part is not None:
                    parts.setdefault((part.labels, part.echoes), []).append(part)
        return [joined(some) for some in parts.values()]


def merged(
    old: Segment | None, run: WindowRun, columns: Sequence[Column], shape: SegmentedQuery, rules: Rules
) -> Segment:
    """A segment with a newer run, and its rows, laid over what was known."""
    after, until = shape.rows_between(run.start, run.stop)
    new = [part for column in columns if (part := column.between(after, until)) is not None]
    runs = settled_together(runs_over(old.runs if old else (), run), shape, rules)
    return Segment.of(runs, laid_over(old.columns() if old else (), new, after, until))


def entry_of(segment: Segment, shape: SegmentedQuery, rules: Rules) -> Entry:
    """What the store keeps of a segment.

    It counts as fresh for as long as its newest run does: then another replica may have put a newer one into the shared
    store.
    """
    newest = max(segment.runs, key=lambda run: run.as_of)
    return Entry(
        body=_encoder.encode(segment),
        content_type=CONTENT_TYPE,
        as_of=min(run.as_of for run in segment.runs),
        fresh_until=newest.as_of + rules.fresh_for(newest.stop, shape.windows.seconds, newest.as_of, newest.newest),
        settled_until=None,
        partial=False,
    )
