"""Reports of many assets: one call for all loads that differ only in the asset."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from ..auth import Caller
from ..butlr import ButlrError, Reporting
from ..cache import Entry, Rules
from ..series import (
    KEY_OF_FILTER,
    Body,
    Labels,
    PartialAnswer,
    Points,
    ReportCalls,
    ReportQuery,
    RowStream,
    SeriesReader,
    Slice,
    WindowTimes,
    minutes_of,
    oldest,
    order_of,
    resolve_report,
    why_apart,
    why_whole,
    with_open,
)
from ..upstream import Answer, ReadLog, Upstream, asked_part, part_of
from .asks import ReadOptions, ReportOf
from .batch import Batch
from .budget import Budget, BudgetSpent
from .dealing import is_dealable, leaves_by_id, rows_by_id, with_level


@dataclass(frozen=True, slots=True)
class Reports:
    """The process-wide services that reports are read through."""

    calls: ReportCalls
    series: SeriesReader
    labels: Labels
    rules: Rules

    @classmethod
    def create(
        cls, upstream: Upstream, labels: Labels | None = None, *, calibration_key: str = "calibration_points"
    ) -> "Reports":
        labels = labels or Labels()
        calls = ReportCalls(upstream, labels, calibration_key=calibration_key)
        return cls(calls, SeriesReader(upstream, calls, labels), labels, upstream.rules)

    async def aclose(self) -> None:
        await self.series.aclose()


Loaded = dict[str, Points | Exception]


class ReportLoader:
    """Loads reports by asset, and splits the answer by asset."""

    def __init__(
        self, reports: Reports, caller: Caller, read_log: ReadLog, now: datetime, budget: Budget | None = None
    ) -> None:
        """Take `now`, one moment for the whole operation, so that a relative time means the same everywhere in it."""
        self._reports = reports
        self._budget = budget or Budget()
        self._caller = caller
        self._read_log = read_log
        self._now = now
        self._batch: Batch[ReportOf, Points] = Batch(self._load)
        self.load_many = self._batch.load_many
        self._streams: list[RowStream] = []

    async def whole(self, body: Body, read: ReadOptions | None = None) -> Points:
        """Return the answer to a body as the client wrote it. Raises `ButlrError` and `BudgetSpent`."""
        with part_of("a report", 0):
            return await self._whole(body, read or ReadOptions())

    async def _whole(self, body: Body, read: ReadOptions) -> Points:
        query = self._query(body)
        self._budget.report(query.body, 1)
        if read.verbatim or why_whole(query) is not None:
            _say_verbatim(read)
            answer = await self._reports.calls.whole(query, body, self._caller, self._read_log)
            if not answer.value.is_flat:
                self._budget.report_again(query.body, len(answer.value.leaves))
            return self._points(answer, query)
        dimension, ids = query.widest(at_least=1)
        ids = sorted(set(ids)) if dimension else [""]
        series = self._reports.series
        minutes = self._minutes(query, len(ids), read)
        by_segments = minutes or read.in_columns or self._read_log.fresh
        if by_segments or await series.has_some(query, dimension, ids, self._caller):
            slices = await self._slices(query, minutes, dimension, ids)
            if slices is not None:
                return self._put_together(slices, query)
        answer = await self._reports.calls.whole(query, body, self._caller, self._read_log)
        if answer.value.is_flat:
            series.keep_later(query, dimension, ids, answer, self._caller)
        return self._points(answer, query)

    async def streamed(self, body: Body) -> tuple[RowStream, ReportQuery] | Points:
        """As `whole`, but return the stream of a flat report's rows if they are still being received."""
        query = self._query(body)
        self._budget.report(query.body, 1)
        stream = self._reports.calls.streamed(query, self._caller, self._read_log)
        self._streams.append(stream)
        if await stream.comes_in_rows():
            return stream, query
        answer = await self._reports.calls.completed(await stream.answer(), query, self._caller, self._read_log)
        return self._points(answer, query)

    def _query(self, body: Body) -> ReportQuery:
        query = resolve_report(body, self._now)
        try:
            moves_at = query.stop_moves_at
        except OverflowError:
            moves_at = None
        if moves_at is not None:
            self._read_log.until(moves_at.timestamp())
        return query

    def windows_of(self, query: ReportQuery) -> WindowTimes:
        """Return the windows of a query's rows by their times."""
        return WindowTimes(query, self._reports.labels.current)

    def points_of(self, answer: Answer[Reporting], query: ReportQuery) -> Points:
        """Return the points of the answer to a call that `streamed` started."""
        return self._points(answer, query)

    def cancel(self) -> None:
        """Cancel all loads: nobody waits for them any more."""
        self._batch.cancel()
        for stream in self._streams:
            stream.close()

    def _points(self, answer: Answer[Reporting], query: ReportQuery) -> Points:
        return Points(
            query, self._reports.labels.current, answer.entry, answer.value, is_ordered=why_whole(query) is None
        )

    @staticmethod
    def _put_together(slices: Mapping[str, Slice | Exception], query: ReportQuery) -> Points:
        """Join slices to one report of all assets. Raises the error of the first slice that has one."""
        good: list[Slice] = []
        for each in slices.values():
            if isinstance(each, Exception):
                raise each
            good.append(each)
        columns = sorted((column for each in good for column in each.columns), key=order_of)
        return Points(query, good[0].label, oldest([each.entry for each in good]), columns=columns)

    async def _load(self, keys: Sequence[ReportOf]) -> Mapping[ReportOf, Points | Exception]:
        alike: dict[tuple[str, bytes, ReadOptions], list[str]] = defaultdict(list)
        for key in keys:
            alike[key.dimension, key.body, key.read].append(key.id)

        async def load(dimension: str, body: Body, ids: Sequence[str], read: ReadOptions) -> Loaded:
            with part_of(f"report of {len(ids)} {dimension}", len(ids), lambda: _why_apart(alike)):
                return await self._load_alike(dimension, body, ids, read)

        found = await asyncio.gather(
            *(load(dimension, orjson.loads(body), sorted(ids), read) for (dimension, body, read), ids in alike.items())
        )
        return {
            ReportOf(dimension, id_, body, read): answer
            for (dimension, body, read), answers in zip(alike, found, strict=True)
            for id_, answer in answers.items()
        }

    def _minutes(self, query: ReportQuery, assets: int, read: ReadOptions) -> ReportQuery | None:
        """Return the report by the minute from which open windows are computed. Raises `BudgetSpent`."""
        if read.verbatim or not read.include_open:
            return None
        minutes = minutes_of(query, self._now, self._reports.rules)
        if minutes is not None:
            self._budget.report(minutes.body, assets)
        return minutes

    async def _slices(
        self, query: ReportQuery, minutes: ReportQuery | None, dimension: str | None, ids: Sequence[str]
    ) -> dict[str, Slice | ButlrError] | None:
        series = self._reports.series
        read = [series.read(each, dimension, ids, self._caller, self._read_log) for each in (query, minutes) if each]
        slices, *of_minutes = await asyncio.gather(*read)
        if slices is None or not of_minutes or of_minutes[0] is None:
            return slices
        return {id_: _opened(each, of_minutes[0][id_]) for id_, each in slices.items()}

    async def _load_alike(self, dimension: str, body: Body, ids: Sequence[str], read: ReadOptions) -> Loaded:
        query = self._query(body)
        level = KEY_OF_FILTER.get(dimension)
        together = len(ids) > 1 and level is not None and is_dealable(dimension, body)
        try:
            self._budget.report(query.body, len(ids), calls=1 if together else len(ids))
            minutes = self._minutes(query, len(ids), read)
        except BudgetSpent as error:
            return dict.fromkeys(ids, error)
        if not together:
            if len(ids) > 1 and (part := asked_part()):
                part.reasons.append(_why_each(dimension))
            return await self._one_by_one(query, minutes, dimension, ids, read)
        if not read.verbatim:
            slices = await self._slices(query, minutes, dimension, ids)
            if slices is not None:
                return {id_: self._of_slice(each, query) for id_, each in slices.items()}
        assert level is not None  # noqa: S101 -- see `together`
        _say_verbatim(read)
        asked = with_level(query, level)
        pieces = await self._reports.calls.for_ids(asked, dimension, ids, self._caller, self._read_log)
        loaded: Loaded = {}
        for piece in pieces:
            dealt = self._deal(piece, level, query, asked)
            if dealt is None:
                if part := asked_part():
                    part.reasons.append("a call each: rows of the answer do not name their asset")
                dealt = await self._one_by_one(query, minutes, dimension, piece.ids, read)
            loaded.update(dealt)
        return loaded

    def _of_slice(self, each: Slice | Exception, query: ReportQuery) -> Points | Exception:
        if isinstance(each, Exception):
            return each
        return Points(query, each.label, each.entry, columns=each.columns)

    async def _one_by_one(
        self, query: ReportQuery, minutes: ReportQuery | None, dimension: str, ids: Iterable[str], read: ReadOptions
    ) -> Loaded:
        """Make a call for each asset, since one answer for all could not be split."""
        calls = self._reports.calls

        async def one(id_: str) -> Points | Exception:
            if not read.verbatim:
                # Rows may not name their asset, but all rows of an answer about one asset belong to it.
                of_one = query.with_ids(dimension, [id_])
                named = dimension if dimension in KEY_OF_FILTER and is_dealable(dimension, query.body) else None
                by_minute = minutes and minutes.with_ids(dimension, [id_])
                slices = await self._slices(of_one, by_minute, named, [id_] if named else [""])
                if slices is not None:
                    return self._of_slice(next(iter(slices.values())), of_one)
            pieces = await calls.for_ids(query, dimension, [id_], self._caller, self._read_log)
            piece = pieces[0]
            if piece.answer is None:
                return piece.error or RuntimeError("a piece has an answer or an error")
            return self._points(piece.answer, query)

        ids = list(ids)
        return dict(zip(ids, await asyncio.gather(*map(one, ids)), strict=True))

    def _deal(
        self, piece: PartialAnswer[Reporting], level: str, query: ReportQuery, asked: ReportQuery
    ) -> Loaded | None:
        """Split the piece's answer by asset; None if a part does not name its asset."""
        if piece.answer is None:
            return dict.fromkeys(piece.ids, piece.error or RuntimeError("a piece has an answer or an error"))
        whole = piece.answer.value
        parts = rows_by_id(whole, level) if whole.is_flat else leaves_by_id(whole, level, asked.order, query.order)
        if parts is None or not parts.keys() <= set(piece.ids):
            return None
        nothing = Reporting.from_data([] if whole.is_flat else {})
        entry: Entry = piece.answer.entry
        return {id_: self._points(Answer(parts.get(id_) or nothing, entry), query) for id_ in piece.ids}


def _opened(slice_: Slice | ButlrError, minutes: Slice | ButlrError) -> Slice | ButlrError:
    if isinstance(slice_, ButlrError) or isinstance(minutes, ButlrError):
        # Without the minutes only landed windows are returned.
        return slice_
    return with_open(slice_, minutes)


def _say_verbatim(read: ReadOptions) -> None:
    if read.verbatim and (part := asked_part()):
        part.reasons.append("whole, not by segments: `data` is the upstream's own answer")


def _why_apart(alike: Mapping[tuple[str, bytes, ReadOptions], object]) -> list[str]:
    """Say why the reports of one batch are not one call: the names of what they differ in."""
    return why_apart(
        [{"kind of assets": dimension, **orjson.loads(body), **read._asdict()} for dimension, body, read in alike]
    )


def _why_each(dimension: str) -> str:
    if dimension == "zones":
        return "a call each: a sensor's row names one of its zones only"
    return f"a call each: rows do not name their asset among the {dimension}"
