"""`SeriesReader`: reports of assets as slices of series, from the store and from calls for what the store lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..auth import Caller
from ..butlr import REPORTING_PATH, ButlrError, Reporting
from ..cache import SingleFlight
from ..upstream import Answer, ReadLog, Upstream, explaining
from ..upstream.background import BackgroundTasks
from ..upstream.deadlines import within_deadline
from .calls import ReportCalls
from .columns import Unplaceable
from .labels import Labels
from .load import MOST_SEGMENTS, Load
from .query import ReportQuery
from .segmented_query import MOST_CELLS, SegmentedQuery, shape_of
from .slices import Relabelled, Slices


class SeriesReader:
    """Reads flat reports by asset. Windows that one query has read are not asked for again by another."""

    def __init__(self, upstream: Upstream, calls: ReportCalls, labels: Labels) -> None:
        self._upstream = upstream
        self._calls = calls
        self._labels = labels
        self._flights = SingleFlight()
        self.background = BackgroundTasks()

    async def aclose(self) -> None:
        await self.background.aclose()
        await self._flights.aclose()

    async def read(
        self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller, read_log: ReadLog
    ) -> Slices | None:
        """Return for each asset its slice, or the error of its call. None where the report is not read by segments.

        `dimension` is the filter that names the assets. None: all matching assets count as one, whose id is empty.
        """
        try:
            return await self._read(query, dimension, ids, caller, read_log)
        except Relabelled:
            # The answers that showed the other label are cached, so that the second run makes no calls.
            return await self._read(query, dimension, ids, caller, read_log)

    async def _read(
        self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller, read_log: ReadLog
    ) -> Slices | None:
        shape = shape_of(query, dimension, self._labels.current)
        if shape is None or shape.dimension != dimension or not _is_bounded(shape, ids):
            return None

        async def load() -> tuple[Slices | None, ReadLog]:
            own = ReadLog(
                fresh=read_log.fresh, deadline=read_log.deadline, began=read_log.began, on_call=read_log.on_call
            )
            return await Load(self, shape, list(ids), caller, own).run(), own

        if (explain := explaining()) and explain.is_plan:
            # A plan makes no calls and has no answer, so a caller who wants an answer must not share its flight.
            return (await load())[0]
        # Concurrent equal queries share one load.
        asked = hashlib.sha256(f"{query.span_header} {ids}".encode()).hexdigest()
        async with within_deadline(read_log, REPORTING_PATH):
            slices, notes = await self._flights.run(
                f"{caller.flight} {shape.name.hex()} {asked}", load, since=read_log.since
            )
        read_log.add(notes)
        return slices

    async def has_some(self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller) -> bool:
        """Return whether the store has any window of the query. If not, one call for the whole query is best."""
        shape = shape_of(query, dimension, self._labels.current)
        if shape is None or shape.dimension != dimension or not _is_bounded(shape, ids):
            return False
        keys = list(shape.keys(caller.scope, ids).values())
        return any(entry is not None for entry in await self._upstream.entries.get_many(keys, caller))

    def keep_later(
        self, query: ReportQuery, dimension: str | None, ids: Sequence[str], answer: Answer[Reporting], caller: Caller
    ) -> None:
        """Store the rows of an answer by segments, in the background after the answer has gone out."""

        async def keep() -> None:
            # Twice, since the first attempt may learn that times label the other end of their windows.
            for _ in range(2):
                shape = shape_of(query, dimension, self._labels.current)
                if shape is None or shape.dimension != dimension or not _is_bounded(shape, ids):
                    return
                try:
                    await Load(self, shape, list(ids), caller, ReadLog()).keep_whole(answer)
                except Relabelled:
                    continue
                except (Unplaceable, ButlrError, ValueError):
                    # Rows that do not fit into segments remain in the cache of whole bodies.
                    pass
                return

        self.background.start(keep())

    @property
    def upstream(self) -> Upstream:
        return self._upstream

    @property
    def calls(self) -> ReportCalls:
        return self._calls

    @property
    def labels(self) -> Labels:
        return self._labels


def _is_bounded(shape: SegmentedQuery, ids: Sequence[str]) -> bool:
    start, stop = shape.span
    cells = (stop - start) // shape.windows.seconds * max(len(ids), 1)
    return cells <= MOST_CELLS and len(shape.segments(start, stop)) * len(ids) <= MOST_SEGMENTS
