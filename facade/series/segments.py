"""The store of series: columns by scope, query, asset and segment of windows, with an age for each window.

A segment is `WINDOWS` windows long and aligned to the epoch. A window belongs to the segment in which it starts. Beside
the rows it is kept which windows are known and when they were read: a known window without a row is an answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from ..cache import Entry, Rules
from .columns import LABELS, Column, Labelled, joined, laid_over
from .plan import Stretch
from .segmented_query import SegmentedQuery
from .turn import Turn

CONTENT_TYPE = "application/x-segment"


class WindowRun(NamedTuple):
    """Consecutive windows that were read at one time. Times are epoch seconds.

    `newest` is the end of the newest window in the answer that brought them.
    """

    start: int
    stop: int
    as_of: float
    newest: int


class Segment(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The known windows of one asset in one stretch of time, with their rows."""

    runs: tuple[WindowRun, ...]
    series: tuple[tuple[Labelled, bytes, bytes, bool], ...]

    @property
    def rows(self) -> int:
        return sum(len(times) // 8 for _, times, _, _ in self.series)

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
    """Decode a segment; None for invalid bytes, since a shared store may hold anything."""
    try:
        segment = _decoder.decode(body)
        for labels, times, values, _ in segment.series:
            if len(labels) != len(LABELS) or len(times) != len(values) or len(times) % 8:
                return None
    except (msgspec.DecodeError, ValueError):
        return None
    return segment


def without(stretch: Stretch, known: Iterable[Stretch]) -> list[Stretch]:
    """Return the parts of a stretch that none of the known ones covers."""
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
    """Return the fresh windows of a run, which are its first ones: older windows stay fresh for longer."""
    up_to = rules.fresh_up_to(shape.windows.seconds, run.as_of, run.newest, now)
    stop = run.stop if run.stop <= up_to else shape.edge(max(up_to, run.start))
    return (run.start, stop) if stop > run.start else None


def runs_over(old: Sequence[WindowRun], new: WindowRun) -> list[WindowRun]:
    """Return the runs with a newer one in place of the windows that it covers."""
    kept = [
        run._replace(start=start, stop=stop)
        for run in old
        for start, stop in without((run.start, run.stop), [(new.start, new.stop)])
        if start < stop
    ]
    return sorted([*kept, new])


def settled_together(runs: Sequence[WindowRun], shape: SegmentedQuery, rules: Rules) -> list[WindowRun]:
    """Join neighbouring runs that were settled when read. The joined run has the age of the older."""
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


def columns_between(segments: Iterable[Segment], after: int, until: int) -> list[Column]:
    """Return the rows of one asset's segments, from one time up to another, in milliseconds."""
    parts: dict[tuple[Labelled, bool], list[Column]] = {}
    for segment in segments:
        for column in segment.columns():
            part = column.between(after, until)
            if part is not None:
                parts.setdefault((part.labels, part.echoes), []).append(part)
    return [joined(some) for some in parts.values()]


class Merge:
    """A newer run and its rows, in place of the windows that the run covers, for the segments of many assets."""

    def __init__(self, run: WindowRun, shape: SegmentedQuery, rules: Rules) -> None:
        self._run = run
        self._shape = shape
        self._rules = rules
        self._after, self._until = shape.rows_between(run.start, run.stop)
        # Assets that are read together have the same runs.
        self._runs: dict[tuple[WindowRun, ...], tuple[WindowRun, ...]] = {}

    def into(self, old: Segment | None, columns: Iterable[Column]) -> Segment:
        before = old.runs if old else ()
        runs = self._runs.get(before)
        if runs is None:
            runs = tuple(settled_together(runs_over(before, self._run), self._shape, self._rules))
            self._runs[before] = runs
        after, until = self._after, self._until
        new = [part for column in columns if (part := column.between(after, until)) is not None]
        return Segment.of(runs, laid_over(old.columns() if old else (), new, after, until))


def filled(
    old: Segment | None, other: Segment, lacks: Iterable[Stretch], shape: SegmentedQuery, rules: Rules, now: float
) -> Segment | None:
    """Return a segment, with its missing windows taken from another one if they are fresh there."""
    for lack in lacks:
        for run in other.runs:
            start, stop = fresh_part(run, shape, rules, now) or (0, 0)
            start, stop = max(start, lack[0]), min(stop, lack[1])
            if start < stop:
                old = Merge(run._replace(start=start, stop=stop), shape, rules).into(old, other.columns())
    return old


async def entries_of(segments: Iterable[Segment], shape: SegmentedQuery, rules: Rules) -> list[Entry]:
    """Return the cache entries of segments.

    Each is fresh for as long as its newest run. After that another replica may have stored a newer segment.
    """
    window = shape.windows.seconds
    ages: dict[tuple[WindowRun, ...], Entry] = {}
    entries, turn = [], Turn()
    for segment in segments:
        age = ages.get(segment.runs)
        if age is None:
            newest = max(segment.runs, key=lambda run: run.as_of)
            age = ages[segment.runs] = Entry(
                body=b"",
                content_type=CONTENT_TYPE,
                as_of=min(run.as_of for run in segment.runs),
                fresh_until=newest.as_of + rules.fresh_for(newest.stop, window, newest.as_of, newest.newest),
                settled_until=None,
                partial=False,
            )
        entries.append(replace(age, body=_encoder.encode(segment)))
        await turn.done(1 + segment.rows)
    return entries


def age_of(runs: Sequence[WindowRun], span: Stretch, shape: SegmentedQuery, rules: Rules) -> Entry:
    """Return the freshness of the runs in a span, as an entry without a body.

    It has the age of the oldest run and the shortest lifetime, and is settled as far as all runs are.
    """
    window, settled = float(shape.windows.seconds), span[1]
    parts = [
        run._replace(start=max(run.start, span[0]), stop=min(run.stop, span[1]))
        for run in runs
        if run.start < span[1] and run.stop > span[0]
    ]
    for run in parts:
        # At the oldest age at which anything is still fresh, `fresh_up_to` tells what was settled when it was read.
        up_to = rules.fresh_up_to(window, run.as_of, run.newest, run.as_of + rules.late_for)
        if up_to < run.stop:
            settled = min(settled, max(shape.edge(max(up_to, run.start)), run.start))
    return Entry(
        body=b"",
        content_type="application/json",
        as_of=min(run.as_of for run in parts),
        fresh_until=min(run.as_of + rules.fresh_for(run.stop, window, run.as_of, run.newest) for run in parts),
        settled_until=float(settled) if settled > span[0] else None,
        partial=any(run.stop > run.as_of for run in parts),
    )
