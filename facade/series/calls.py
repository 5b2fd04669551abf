"""Reporting calls: one, or several smaller ones where one is too much for the upstream."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ..auth import Caller
from ..butlr import REPORTING_PATH, ButlrError, Reporting, UpstreamTimeout, decode_reporting
from ..upstream import Answer, Call, ReadLog, Upstream
from .about import about_report
from .labels import Label, Labels, epoch_of
from .partial_answers import PartialAnswer, oldest
from .query import Body, ReportQuery
from .stitching import halves, put_together, separable, stitched
from .stream import RowStream

# Halving ends after so many parts that could not be halved further and were still answered with `{}`: an upstream that
# answers `{}` to everything is down.
MOST_EMPTY_LEAVES = 3


class Sizes:
    """How many ids one call may name, learnt per caller, measurement and span, and forgotten after an hour."""

    def __init__(self, *, kept_for: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_for = kept_for
        self._clock = clock
        self._learnt: OrderedDict[tuple[object, ...], tuple[int, float]] = OrderedDict()

    def get(self, key: tuple[object, ...], default: int) -> int:
        size, until = self._learnt.get(key, (default, math.inf))
        return min(size, default) if until > self._clock() else default

    def learn(self, key: tuple[object, ...], size: int) -> None:
        self._learnt[key] = (size, self._clock() + self._kept_for)
        self._learnt.move_to_end(key)
        if len(self._learnt) > 1000:
            self._learnt.popitem(last=False)


class HalvedRequest:
    """A caller's request and the bound of its halving: each further call is paid from the endpoint's retry budget."""

    def __init__(self, upstream: Upstream, caller: Caller, read_log: ReadLog) -> None:
        self.caller = caller
        self.read_log = read_log
        self._upstream = upstream
        self._empty_leaves = 0

    def leaf_was_empty(self) -> None:
        self._empty_leaves += 1

    def may_go_on(self) -> bool:
        """Return whether one more part may be asked for, and pay for it if so."""
        return self._empty_leaves < MOST_EMPTY_LEAVES and self._upstream.may_retry(REPORTING_PATH)


class ReportCalls:
    """Makes reporting calls. The upstream answers `{}` to a call that is too much: such a call is halved."""

    def __init__(
        self,
        upstream: Upstream,
        labels: Labels,
        *,
        sizes: Sizes | None = None,
        calibration_key: str = "calibration_points",
    ) -> None:
        """Butlr's docs and its own client spell `calibration_key` in two ways, so it is a setting."""
        self._upstream = upstream
        self._labels = labels
        self._calibration_key = calibration_key
        self._sizes = sizes or Sizes()

    async def whole(self, query: ReportQuery, asked: Body, caller: Caller, read_log: ReadLog) -> Answer[Reporting]:
        """Return the answer to a body as a client wrote it (`asked`), merged from parts if the call had to be halved.

        Raises the `ButlrError` of the call, or of the first part that failed.
        """
        answer = await self._upstream.read(self.call(query, asked), caller, read_log)
        return await self.completed(answer, query, caller, read_log)

    def streamed(self, query: ReportQuery, caller: Caller, read_log: ReadLog) -> RowStream:
        """Start a flat report whose rows are taken as they arrive. Pass its final answer to `completed`."""
        return RowStream(self._upstream, self.call(query), caller, read_log)

    async def completed(
        self, answer: Answer[Reporting], query: ReportQuery, caller: Caller, read_log: ReadLog
    ) -> Answer[Reporting]:
        """Return the answer, or one merged from halves where the call was too much for the upstream."""
        if not answer.value.is_empty_object or "paginate" in query.body:
            return answer
        request = HalvedRequest(self._upstream, caller, read_log)
        dimension, ids = query.widest(at_least=2)
        if dimension is not None and separable(query, dimension):
            return put_together(await self._halved_ids(query, dimension, ids, request))
        if not query.is_flat:
            return answer
        return await self._halved_span(query, request)

    async def for_ids(
        self, query: ReportQuery, dimension: str, ids: Sequence[str], caller: Caller, read_log: ReadLog
    ) -> list[PartialAnswer[Reporting]]:
        """Ask for all `ids` in one call, or in calls of the learnt size. A part that failed carries its error."""
        return await self._in_chunks(query, dimension, ids, HalvedRequest(self._upstream, caller, read_log))

    async def are_kept(self, query: ReportQuery, dimension: str | None, ids: Sequence[str], caller: Caller) -> bool:
        """Return whether the cache has a fresh answer to one call for all `ids`."""
        asked = query.with_ids(dimension, ids) if dimension else query
        return await self._upstream.is_kept(self.call(asked), caller)

    async def _in_chunks(
        self, query: ReportQuery, dimension: str, ids: Sequence[str], request: HalvedRequest
    ) -> list[PartialAnswer[Reporting]]:
        size = self._sizes.get(self._size_key(query, dimension, request.caller), len(ids))
        chunks = [ids[at : at + size] for at in range(0, len(ids), size)]
        pieces = await asyncio.gather(*(self._part(query, dimension, chunk, request) for chunk in chunks))
        return [piece for some in pieces for piece in some]

    async def _part(
        self, query: ReportQuery, dimension: str, ids: Sequence[str], request: HalvedRequest
    ) -> list[PartialAnswer[Reporting]]:
        asked = query.with_ids(dimension, ids)
        try:
            answer = await self._once(asked, request)
            if not answer.value.is_empty_object:
                return [PartialAnswer(tuple(ids), answer)]
            if len(ids) > 1 and separable(asked, dimension):
                return await self._halved_ids(query, dimension, ids, request)
            if asked.is_flat:
                answer = await self._halved_span(asked, request)
            return [PartialAnswer(tuple(ids), answer)]
        except ButlrError as error:
            return [PartialAnswer(tuple(ids), None, error)]

    async def _halved_span(self, query: ReportQuery, request: HalvedRequest) -> Answer[Reporting]:
        """Ask for each half of the span of a flat report that was too much. Raises `ButlrError` if it cannot be cut."""
        parts = halves(query)
        if parts is None:
            request.leaf_was_empty()
            raise _too_much(query)
        answers = []
        for part in parts:
            if not request.may_go_on():
                raise _too_much(query)
            answer = await self._once(part, request)
            if answer.value.is_empty_object:
                answer = await self._halved_span(part, request)
            answers.append(answer)
        rows = stitched(query, [answer.value.data or [] for answer in answers])
        return Answer(Reporting.from_data(rows), oldest([answer.entry for answer in answers]))

    async def _halved_ids(
        self, query: ReportQuery, dimension: str, ids: Sequence[str], request: HalvedRequest
    ) -> list[PartialAnswer[Reporting]]:
        """Halve a request that was answered with `{}`. The first half goes alone, so that its size is learnt."""
        if not query.is_flat and not await self._hides_points(query, dimension, ids, request):
            return [PartialAnswer(tuple(ids), await self._once(query.with_ids(dimension, ids), request))]
        if not request.may_go_on():
            return [PartialAnswer(tuple(ids), None, _too_much(query))]
        middle = (len(ids) + 1) // 2
        first = await self._part(query, dimension, ids[:middle], request)
        if any(piece.answer for piece in first):
            size = max(len(piece.ids) for piece in first if piece.answer)
            self._sizes.learn(self._size_key(query, dimension, request.caller), size)
        elif not request.may_go_on():
            return [*first, PartialAnswer(tuple(ids[middle:]), None, _too_much(query))]
        return [*first, *await self._in_chunks(query, dimension, ids[middle:], request)]

    async def _hides_points(
        self, query: ReportQuery, dimension: str, ids: Sequence[str], request: HalvedRequest
    ) -> bool:
        """Return whether a grouped `{}` means overload: where there is no data, the same body ungrouped gets `[]`."""
        answer = await self._once(query.with_ids(dimension, ids).with_body(group_by=None), request)
        return bool(answer.value.is_empty_object or answer.value.data)

    async def _once(self, query: ReportQuery, request: HalvedRequest) -> Answer[Reporting]:
        return await self._upstream.read(self.call(query), request.caller, request.read_log)

    def call(self, query: ReportQuery, asked: Body | None = None) -> Call[Reporting]:
        """Return the call for a query. `asked` is the body as the client wrote it."""
        windows = query.windows
        return Call(
            name="reporting",
            send=self._upstream.butlr.reporting,
            asked=query.body,
            written=asked if query.is_rewritten else None,
            body=self._with_calibration_key,
            decode=decode_reporting,
            span=query.bounds,
            windows=windows,
            empty=lambda value: value.is_empty,
            newest=lambda value: newest_of(value, query, self._labels),
            about=lambda: about_report(query, self._upstream.now()),
            rows=rows_of,
        )

    def _with_calibration_key(self, body: Body) -> Body:
        if self._calibration_key == "calibration_points" or "calibration_points" not in body:
            return body
        return {self._calibration_key if name == "calibration_points" else name: value for name, value in body.items()}

    def _size_key(self, query: ReportQuery, dimension: str, caller: Caller) -> tuple[object, ...]:
        seconds = query.seconds(self._upstream.now())
        measurements = tuple(sorted(query.body["filter"].get("measurements") or ()))
        every = (query.body.get("window") or {}).get("every")
        width = round(math.log2(seconds)) if seconds >= 1 else 0
        return (caller.scope, measurements, dimension, every, query.is_flat, width)


def rows_of(value: Reporting) -> int | None:
    """Count the rows, or the values of a grouped answer. None for a packed answer, whose rows are never all decoded."""
    if value.is_packed:
        return None
    return len(value.items) if value.is_flat else len(value.leaves)


def newest_of(value: Reporting, query: ReportQuery, labels: Labels) -> float | None:
    """Return the end of the newest window in a flat answer, in epoch seconds; None for an answer without rows."""
    if not value.is_flat or query.windows is None:
        return None
    times = {row.time for row in value.rows_with(frozenset({"time"})) if row.time is not None}
    moments = [moment for time in times if (moment := epoch_of(time)) is not None]
    if not moments:
        return None
    newest = max(moments)
    if labels.learn(query, times) is Label.STOP:
        return newest
    return query.windows.after(datetime.fromtimestamp(newest, UTC)).timestamp()


def _too_much(query: ReportQuery) -> UpstreamTimeout:
    return UpstreamTimeout(
        "Butlr answered with an empty object, as it does when a report takes it too long. "
        f"Ask for fewer assets, a shorter span or a wider window (asked: {', '.join(sorted(query.body['filter']))}).",
        path=REPORTING_PATH,
    )


async def read_csv(upstream: Upstream, query: ReportQuery, caller: Caller, read_log: ReadLog) -> Answer[bytes]:
    """Return the bytes of a CSV answer as they came. They are not parsed, since no source documents the columns."""
    return await upstream.read(
        Call(
            name="reporting",
            send=upstream.butlr.reporting_csv,
            path=REPORTING_PATH,
            asked=query.body,
            decode=bytes,
            span=query.bounds,
            windows=query.windows,
            empty=lambda text: not text.strip(),
        ),
        caller,
        read_log,
    )
