"""Reads the pieces of an export: in order, a few of them ahead, and waiting as long as Butlr's answers say."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..auth import Caller
from ..butlr import BadInput, ButlrError, RateLimited
from ..cache import Entry
from ..loaders import Budget, Points, ReadOptions, ReportLoader, Services
from ..series import Body, ReportQuery, halves, resolve_report, resolve_span
from ..upstream import ReadLog
from .plan import Days, days_of_detections, days_of_report, halves_of_detections, pieces_of_detections, pieces_of_report
from .runs import runs_of_detections, runs_of_report
from .schema import DETECTIONS, REPORT, ExportTable, RowRun, rows_in

# Pieces that are read at the same time.
AT_ONCE = 4
POINT_KINDS = ("detections_local", "detections_world")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ExportPart:
    """The rows of one piece, and the cache entries that say how old they are."""

    query: ReportQuery
    runs: list[RowRun]
    entries: tuple[Entry, ...]

    @property
    def rows(self) -> int:
        return rows_in(self.runs)

    @property
    def is_settled(self) -> bool:
        """Whether all rows are settled: they do not change any more."""
        stop = None if self.query.stop is None else self.query.stop.timestamp()
        return stop is not None and all(
            entry.settled_until is not None and (entry.settled_until >= stop or entry is not self.entries[-1])
            for entry in self.entries
        )


class Export:
    """One export of one caller: its query, and its parts."""

    def __init__(
        self,
        services: Services,
        caller: Caller,
        read_log: ReadLog,
        table: ExportTable,
        body: Body,
        *,
        now: datetime | None = None,
        timeout: float | None = None,
        keeps: bool = True,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`timeout` is the deadline of each piece, in seconds. `keeps`: use the store of series.

        Raises `BadInput` if the body is not for a table of rows.
        """
        self.table = table
        self.read_log = read_log
        self._services = services
        self._caller = caller
        self._now = now or services.upstream.now()
        self._timeout = timeout
        self._keeps = keeps
        self._sleep = sleep
        self.query = _report(body, self._now) if table is REPORT else _detections(body, self._now)
        self.on_wait: Callable[[float], None] | None = None

    @property
    def pieces(self) -> list[ReportQuery]:
        return self.pieces_of(self.query)

    def pieces_of(self, query: ReportQuery) -> list[ReportQuery]:
        return pieces_of_report(query) if self.table is REPORT else pieces_of_detections(query)

    @property
    def days(self) -> Days | None:
        """The days of the span; None if cutting it at midnights would change its rows."""
        return days_of_report(self.query) if self.table is REPORT else days_of_detections(self.query)

    def check(self, limit: int | None) -> Budget:
        """Estimate the export's points. Raises `TooComplex` if there are more than the limit."""
        budget = Budget(limit, lambda: self._now)
        try:
            if self.table is REPORT:
                budget.report(self.query.body, 1)
            else:
                budget.detections(self.query.body, 1)
        except ValueError as exc:
            raise BadInput(f"{str(exc)[:1].upper()}{str(exc)[1:]}.") from exc
        return budget

    async def parts(
        self, pieces: Sequence[ReportQuery] | None = None, *, patient: bool = False
    ) -> AsyncGenerator[ExportPart]:
        """Yield the parts, oldest first. After a 429 a piece is tried again later; the first only if `patient`.

        Raises the `ButlrError` of the first piece that fails.
        """
        waiting = deque(enumerate(self.pieces if pieces is None else pieces))
        under_way: deque[asyncio.Task[ExportPart]] = deque()
        try:
            while waiting or under_way:
                while waiting and len(under_way) < AT_ONCE:
                    number, piece = waiting.popleft()
                    under_way.append(asyncio.create_task(self._read(piece, patient=patient or number > 0)))
                # Later pieces that are complete already wait as columns.
                yield await under_way[0]
                under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _read(self, piece: ReportQuery, *, patient: bool) -> ExportPart:
        while True:
            own = ReadLog(fresh=self.read_log.fresh, began=self.read_log.began, on_call=self._called)
            if self._timeout is not None:
                own.deadline = time.monotonic() + self._timeout
            try:
                part = await self._read_once(piece, own)
            except RateLimited as error:
                if not patient:
                    raise
                wait = 60.0 if error.retry_after is None else max(error.retry_after, 0.1)
                if self.on_wait:
                    self.on_wait(wait)
                await self._sleep(wait)
            except ButlrError as error:
                halved = halves if self.table is REPORT else halves_of_detections
                parts = halved(piece) if error.too_much else None
                if parts is None:
                    raise
                first, second = [await self._read(half, patient=patient) for half in parts]
                return ExportPart(piece, first.runs + second.runs, first.entries + second.entries)
            else:
                self.read_log.add(replace(own, calls=0))
                return part

    def _called(self, _calls: int) -> None:
        self.read_log.called()

    async def _read_once(self, piece: ReportQuery, read_log: ReadLog) -> ExportPart:
        if self.table is DETECTIONS:
            answer = await self._services.detections.whole(piece, self._caller, read_log)
            runs, entry = runs_of_detections(answer.value, piece), answer.entry
        else:
            points = await self._points(piece, read_log)
            runs, entry = await runs_of_report(points, self._services.reports.labels), points.entry
        # Of the entry only its times are needed, so its bytes are released.
        return ExportPart(piece, runs, (replace(entry, body=b""),))

    async def _points(self, piece: ReportQuery, read_log: ReadLog) -> Points:
        reports = self._services.reports
        if self._keeps:
            loader = ReportLoader(reports, self._caller, read_log, self._now)
            return await loader.whole(piece.body, ReadOptions(in_columns=True))
        whole = await reports.calls.whole(piece, piece.body, self._caller, read_log)
        return Points(piece, reports.labels.current, whole.entry, whole.value)


def _report(body: Body, now: datetime) -> ReportQuery:
    query = resolve_report(body, now)
    if not query.is_flat:
        raise BadInput("An export is of rows: leave out `group_by`.")
    if "paginate" in body:
        raise BadInput("An export has all rows: leave out `paginate`.")
    options = body.get("options")
    if isinstance(options, dict) and "format" in options:
        # The path or `Accept` says the format of the export.
        query = query.with_body(options={name: value for name, value in options.items() if name != "format"} or None)
    return query


def _detections(body: Body, now: datetime) -> ReportQuery:
    kinds = body.get("data_types")
    if not kinds or not set(kinds) <= set(POINT_KINDS):
        raise BadInput(f"An export of detections is of points: give `data_types` of {' and '.join(POINT_KINDS)}.")
    return resolve_span(body, now)
