"""`SeriesReader`: reports of assets as slices of series, read from the store and from calls for what it lacks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from ..auth import Caller
from ..butlr import ButlrError, Reporting
from ..cache import SingleFlight
from ..upstream import Answer, ReadLog, Upstream, explaining
from ..upstream.patience import awaited
from .calls import ReportCalls
from .columns import Unplaceable
from .labels import Labels
from .load import MOST_SEGMENTS, Load
from .query import ReportQuery
from .segmented_query import MOST_CELLS, SegmentedQuery, shape_of
from .slices import Relabelled, Slices


class SeriesReader:
    """Reads flat reports by asset. What one question has read of a series another need not ask again."""

    def __init__(self, upstream: Upstream, calls: ReportCalls, labels: Labels) -> None:
        self._upstream = upstream
        self._calls = calls
        self._labels = labels
        self._flights = SingleFlight()
        self._background: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._flights.aclose()

    async def read(
        self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller, read_log: ReadLog
    ) -> Slices | None:
        """Return the slice of each asset, or the error of its call; None where the report is not read by segments.

        `dimension` is the filter that names the assets; None: all that match the query are one, whose id is empty.
        """
        try:
            return await self._read(query, dimension, ids, caller, read_log)
        except Relabelled:
            # The calls that taught it are in the cache.
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
            # Not shared: who asks the same at the same time wants an answer.
            return (await load())[0]
        # Once, however many ask the same at the same time.
        asked = hashlib.sha256(f"{query.span_header} {ids}".encode()).hexdigest()
        async with awaited(read_log):
            slices, notes = await self._flights.run(
                f"{caller.flight} {shape.name.hex()} {asked}", load, since=read_log.since
            )
        read_log.add(notes)
        return slices

    async def has_some(self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller) -> bool:
        """Whether the store knows anything of what is asked: else one call for the whole is the way to it."""
        shape = shape_of(query, dimension, self._labels.current)
        if shape is None or shape.dimension != dimension or not _is_bounded(shape, ids):
            return False
        start, stop = shape.span
        keys = [shape.key(caller.scope, id_, number) for id_ in ids for number in shape.segments(start, stop)]
        return any(entry is not None for entry in await self._upstream.kept_many(keys, caller))

    def keep_later(
        self, query: ReportQuery, dimension: str | None, ids: Sequence[str], answer: Answer[Reporting], caller: Caller
    ) -> None:
        """Keep the rows of an answer by segments once nobody waits for them any more."""

        async def keep() -> None:
            # A second time where the first one taught which end of its window a time is.
            for _ in range(2):
                shape = shape_of(query, dimension, self._labels.current)
                if shape is None or shape.dimension != dimension or not _is_bounded(shape, ids):
                    return
                try:
                    await Load(self, shape, list(ids), caller, ReadLog()).keep_whole(answer)
                except Relabelled:
                    continue
                except (Unplaceable, ButlrError, ValueError):
                    # Nobody waits for it: what cannot be kept by segments is kept whole.
                    pass
                return

        task = asyncio.create_task(keep())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

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
