"""One read of a report by segments: what the store has, calls for the rest, and slices of both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..auth import Caller
from ..butlr import ButlrError, Reporting, Unauthenticated, UpstreamUnavailable
from ..cache import Entry
from ..upstream import UPSTREAM_FAILED, Answer, ReadLog, asked_part
from .columns import Builder, Column, Unplaceable, laid_over, order_of
from .labels import Label
from .partial_answers import PartialAnswer, oldest
from .plan import Rectangle, Stretch, rectangles
from .segmented_query import SegmentedQuery
from .segments import Merge, WindowRun, age_of, columns_between, fresh_part, without
from .stored_segments import StoredSegments
from .turn import Turn

if TYPE_CHECKING:
    from .fetch import SeriesReader
from .slices import Relabelled, Slice, Slices

# A query that touches more segments is not read by segments.
MOST_SEGMENTS = 8192


class Load:
    """One read of a query by segments."""

    def __init__(
        self, reader: SeriesReader, shape: SegmentedQuery, ids: list[str], caller: Caller, read_log: ReadLog
    ) -> None:
        self._upstream = reader.upstream
        self._calls = reader.calls
        self._labels = reader.labels
        self._shape = shape
        self._ids = ids
        self._caller = caller
        self._read_log = read_log
        self._rules = reader.upstream.rules
        self._start, self._stop = shape.span
        self._after, self._until = shape.rows_between(*shape.span)
        self._numbers = shape.segments(*shape.span)
        self._segments = StoredSegments(reader.upstream, shape, ids, caller)
        # Rows of the last window, by asset, where the span ends within it. They are never stored.
        self._tails: dict[str, tuple[list[Column], Entry]] = {}
        self._entries: dict[tuple[tuple[WindowRun, ...], int], Entry] = {}

    async def run(self) -> Slices | None:
        """Return the slices; None where rows of an answer lack an asset or a time."""
        now = self._upstream.clock()
        await self._segments.recall()
        missing = self._missing(now)
        if missing and not self._read_log.fresh and await self._segments.take_shared(missing, now):
            missing = self._missing(now)
        asked = rectangles(missing, Rectangle(tuple(self._ids), self._start, self._stop))
        if part := asked_part():
            window = self._shape.windows.seconds
            windows = len(self._ids) * ((self._stop - self._start) // window)
            lacks = sum(stop - start for some in missing.values() for start, stop in some) // window
            part.read(windows, windows - lacks, sum(one.size for one in asked) // window)
        if self._shape.tail and not any(one.stop == self._stop and len(one.ids) == len(self._ids) for one in asked):
            asked = await self._with_tail(asked)
        failed: dict[str, ButlrError] = {}
        answers = await asyncio.gather(*(self._ask(one) for one in asked))
        await self._segments.take_others(asked, now)
        try:
            for one, pieces in zip(asked, answers, strict=True):
                for piece in pieces:
                    if piece.answer is None:
                        error = piece.error or UpstreamUnavailable("Butlr gave no answer.")
                        failed |= dict.fromkeys(piece.ids or self._ids, error)
                    else:
                        ids = piece.ids if self._shape.dimension else self._ids
                        await self._take(piece.answer, (one.start, one.stop), ids)
        except Relabelled:
            raise
        except Unplaceable:
            return None
        await self._segments.store()
        if failed:
            return self._without(failed)
        slices: Slices = {}
        turn = Turn()
        for id_ in self._ids:
            slices[id_] = made = self._slice(id_, self._stop)
            await turn.done(1 + sum(len(column.times) for column in made.columns))
        return slices

    async def _with_tail(self, asked: list[Rectangle]) -> list[Rectangle]:
        """Extend the calls for missing windows by the one for a last window that the span ends within."""
        shape = self._shape
        if not self._read_log.fresh and await self._calls.are_kept(
            shape.query, shape.dimension, self._ids, self._caller
        ):
            return [Rectangle(tuple(self._ids), self._start, self._stop)]
        return [*asked, Rectangle(tuple(self._ids), self._stop, self._stop)]

    def _missing(self, now: float) -> dict[str, list[Stretch]]:
        if self._read_log.fresh:
            # With `no-cache` nothing stored is young enough. New rows still replace the stored ones.
            return {id_: [(self._start, self._stop)] for id_ in self._ids}
        # Assets that are read together have the same runs.
        known: dict[tuple[tuple[WindowRun, ...], ...], list[tuple[int, int]]] = {}
        missing: dict[str, list[tuple[int, int]]] = {}
        for id_ in self._ids:
            runs = tuple(segment.runs if (segment := self._segments.get((id_, n))) else () for n in self._numbers)
            lacks = known.get(runs)
            if lacks is None:
                parts = (fresh_part(run, self._shape, self._rules, now) for some in runs for run in some)
                lacks = known[runs] = without((self._start, self._stop), [part for part in parts if part])
            if lacks:
                missing[id_] = lacks
        return missing

    async def _ask(self, one: Rectangle) -> list[PartialAnswer[Reporting]]:
        shape = self._shape
        part = shape.query
        if (one.start, one.stop) != (self._start, self._stop):
            stop = shape.tail if one.stop == self._stop else None
            part = part.between(_moment(one.start), stop or _moment(one.stop))
        if shape.dimension is not None:
            return await self._calls.for_ids(part, shape.dimension, one.ids, self._caller, self._read_log)
        try:
            answer = await self._calls.whole(part, part.body, self._caller, self._read_log)
        except ButlrError as error:
            return [PartialAnswer(one.ids, None, error)]
        return [PartialAnswer(one.ids, answer)]

    async def keep_whole(self, answer: Answer[Reporting]) -> None:
        """Store the answer to the whole query. Raises `Unplaceable`."""
        await self._segments.recall()
        await self._take(answer, (self._start, self._stop), self._ids)
        await self._segments.store()

    async def _take(self, answer: Answer[Reporting], span: tuple[int, int], ids: Sequence[str]) -> None:
        columns = await self._sorted(answer.value)
        if self._shape.tail and span[1] == self._stop:
            columns = self._without_tail(columns, ids, answer.entry)
        await self._keep(columns, span, ids, answer.entry)

    def _without_tail(
        self, columns: Mapping[str, list[Column]], ids: Sequence[str], entry: Entry
    ) -> dict[str, list[Column]]:
        """Return the rows of whole windows. Rows of a last window that the span ends within go to `_tails`."""
        until = self._until
        whole: dict[str, list[Column]] = {}
        for id_, some in columns.items():
            whole[id_] = [part for column in some if (part := column.between(-(2**63), until)) is not None]
        for id_ in ids:
            of_tail = [column.between(until, 2**63 - 1) for column in columns.get(id_, ())]
            self._tails[id_] = [part for part in of_tail if part is not None], entry
        return whole

    async def _sorted(self, value: Reporting) -> dict[str, list[Column]]:
        """Sort the rows of an answer into columns by asset. Raises `Unplaceable`."""
        builder, turn = Builder(self._shape.level), Turn()
        for some in value.in_series():
            builder.add(some)
            await turn.done(sum(len(one.times) for one in some))
        if self._labels.learn(self._shape.query, builder.times) is not self._shape.label:
            raise Relabelled("the rows have another label than was thought")
        return await builder.columns(turn)

    async def _keep(
        self, columns: Mapping[str, list[Column]], span: tuple[int, int], ids: Sequence[str], entry: Entry
    ) -> None:
        """Replace the known rows of a span by those of an answer.

        Raises `Unplaceable`, and changes nothing, if a row lies outside the span or off the edges of windows, or
        belongs to an asset that was not asked for.
        """
        shape = self._shape
        if not columns.keys() <= set(ids):
            raise Unplaceable("a row is of an asset that was not asked for")
        after, until = shape.rows_between(*span)
        times: set[int] = set()
        turn = Turn()
        for some in columns.values():
            for column in some:
                times.update(column.times)
                await turn.done(len(column.times))
        if not all(after <= time < until and shape.edge(time / 1000) * 1000 == time for time in times):
            raise Unplaceable("a row is of no window that was asked for")
        length = 0 if shape.label is Label.STOP else shape.windows.seconds * 1000
        newest = shape.edge((max(times) + length) / 1000) if times else span[0]
        for number in shape.segments(*span):
            first, last = shape.span_of(number)
            run = WindowRun(max(span[0], first), min(span[1], last), entry.as_of, newest)
            if run.start >= run.stop:
                continue
            merge = Merge(run, shape, self._rules)
            for id_ in ids:
                place = (id_, number)
                segment = merge.into(self._segments.get(place), columns.get(id_, ()))
                self._segments.change(place, segment)
                await turn.done(1 + segment.rows)

    def _slice(self, id_: str, stop: int, *, stale: bool = False) -> Slice:
        shape = self._shape
        known = self._segments.of(id_)
        runs = tuple(run for segment in known for run in segment.runs)
        until = self._until - 1000 * (self._stop - stop)
        columns = sorted(columns_between(known, self._after, until), key=order_of)
        entry = self._entries.get((runs, stop))
        if entry is None:
            # Assets that are read together have the same runs.
            entry = self._entries[runs, stop] = age_of(runs, (self._start, stop), shape, self._rules)
        if id_ in self._tails:
            tail, of_tail = self._tails[id_]
            columns = laid_over(columns, tail, 2**63 - 2, 2**63 - 1)
            entry = oldest([entry, of_tail])
        self._read_log.read(entry, stale=stale)
        return Slice(shape.query, shape.label, columns, entry)

    def _without(self, failed: Mapping[str, ButlrError]) -> Slices:
        """Return the slices after failed calls: an asset that lacks windows gets its stale rows, or an error."""
        slices: Slices = {}
        for id_ in self._ids:
            error = failed.get(id_)
            if isinstance(error, Unauthenticated):
                # A refused token may not read what was cached for it.
                return dict.fromkeys(self._ids, error)
            stop = self._stop if error is None else self._known_until(id_)
            usable = error is None or (isinstance(error, UPSTREAM_FAILED) and stop > self._start)
            slices[id_] = self._slice(id_, stop, stale=error is not None) if usable else failed[id_]
        return slices

    def _known_until(self, id_: str) -> int:
        """Return up to where stale windows may be served: from the start on, without a gap, and not too old."""
        at = self._start
        runs = [run for segment in self._segments.of(id_) for run in segment.runs]
        window = float(self._shape.windows.seconds)
        for run in sorted(runs):
            fresh_until = run.as_of + self._rules.fresh_for(run.stop, window, run.as_of, run.newest)
            if run.start <= at and self._upstream.entries.may_stand_in(fresh_until):
                at = max(at, run.stop)
        at = min(at, self._stop)
        # Stale windows that cover less than half of the span are not served.
        return at if 2 * (at - self._start) > self._stop - self._start else self._start


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
