"""The records behind `Report`: one answer as rows, columns, groups, and the upstream's own data."""

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

from ..butlr import Leaf, Reporting, Row, format_rfc3339, name_levels, to_rfc3339
from ..butlr import ReplyStatistics as StatisticsRecord
from ..cache import Entry
from ..loaders import Points
from ..series import LABELS, WINDOW_FIELDS, Body, Column, WindowTimes, texts_of, time_order
from ..upstream import NotAsked
from .pages import PageInfoRecord, numbered_page
from .record_fields import Unread


@dataclass(slots=True)
class SeriesRecord:
    measurement: str | None
    field: str | None
    sensor_id: str | None
    room_id: str | None
    zone_id: str | None
    space_id: str | None
    windows: WindowTimes
    times: list[str] = dataclasses.field(default_factory=list)
    values: list[float | None] = dataclasses.field(default_factory=list)

    @property
    def starts(self) -> list[str | None]:
        return [self.windows[time][0] for time in self.times]


@dataclass(slots=True)
class GroupKeyRecord:
    name: str
    value: str


@dataclass(slots=True)
class GroupRecord:
    keys: list[GroupKeyRecord]
    statistics: StatisticsRecord | None
    value: float | None
    time: str | int | None
    sensor_id: str | None
    mac_address: str | None
    room_id: str | None
    space_id: str | None


@dataclass(slots=True)
class FreshnessRecord:
    as_of: str
    settled_until: str | None
    partial: bool


class ReportRecord:
    """A `Report` over an answer. Rows, columns and groups are made once, when they are first read.

    In a plan the answer is an error, so that pages are planned all the same.
    """

    def __init__(self, points: Points | NotAsked | None, body: Body) -> None:
        self._whole = points
        self.body = body

    @property
    def _points(self) -> Points:
        if isinstance(self._whole, NotAsked):
            raise self._whole
        if self._whole is None:
            raise RuntimeError("nothing that needs the whole answer was selected")
        return self._whole

    @property
    def _reporting(self) -> Reporting:
        reporting = self._points.reporting
        return _NO_GROUPS if reporting is None else reporting

    @property
    def data(self) -> Any:
        return self._reporting.data

    @property
    def rows(self) -> Unread:
        points = self._points
        parts = points.parts
        return Unread(
            points.rows,
            lambda fields: points.rows_with(fields & ROW_FIELDS),
            parts and (lambda fields: parts(fields & ROW_FIELDS)),
        )

    @cached_property
    def series(self) -> list[SeriesRecord]:
        points = self._points
        windows = points.windows
        if points.reporting is None:
            return [_series_of(column, windows) for column in points.columns]
        if parts := points.parts:
            with suppress(ValueError):
                return columns(chain.from_iterable(parts(COLUMNS)), windows)
        return columns(points.rows_with(COLUMNS), windows)

    @cached_property
    def groups(self) -> list[GroupRecord]:
        reporting = self._reporting
        if reporting.is_flat:
            return []
        query = self._points.query
        statistic = (query.body.get("window") or {}).get("function") or "mean"
        return [_group(leaf, query.order, statistic) for leaf in reporting.leaves]

    @property
    def page_info(self) -> PageInfoRecord | None:
        # The upstream sends page info even without `paginate`, but its counts are then meaningless.
        if "paginate" not in self.body:
            return None
        return numbered_page(self._reporting, self.body["paginate"])

    @property
    def freshness(self) -> FreshnessRecord:
        return freshness_of(self._points.entry)


def records_of(answers: Sequence[Points | Exception | None], bodies: Sequence[Body]) -> list[ReportRecord | Exception]:
    """Return the records of answers to many bodies; an error stays as it is."""
    return [
        ReportRecord(answer, body) if answer is None or isinstance(answer, Points | NotAsked) else answer
        for answer, body in zip(answers, bodies, strict=True)
    ]


# Reports that are read by segments are flat.
_NO_GROUPS = Reporting.from_data([])


def freshness_of(entry: Entry) -> FreshnessRecord:
    settled = entry.settled_until
    return FreshnessRecord(_moment(entry.as_of), None if settled is None else _moment(settled), entry.partial)


def _moment(epoch: float) -> str:
    return format_rfc3339(datetime.fromtimestamp(epoch, UTC))


ROW_FIELDS = frozenset(Row.__struct_fields__) | WINDOW_FIELDS
# The fields of a row that a series has.
COLUMNS = frozenset({"time", "value", "measurement", "field", "sensor_id", "room_id", "zone_id", "space_id"})


def _series_of(column: Column, windows: WindowTimes) -> SeriesRecord:
    said = dict(zip(LABELS, column.labels, strict=True))
    said_by_all: dict[str, Any] = {name: said[name] for name in COLUMNS if name in said}
    return SeriesRecord(**said_by_all, windows=windows, times=texts_of(column.times), values=column.read_values())


def columns(rows: Iterable[Row], windows: WindowTimes) -> list[SeriesRecord]:
    """Return the rows as columns, in order of the first row of each, with rows in order of time."""
    series: dict[tuple[str | None, ...], SeriesRecord] = {}
    for row in rows:
        if row.time is None:
            continue
        key = (row.measurement, row.field, row.sensor_id, row.room_id, row.zone_id, row.space_id)
        entry = series.get(key)
        if entry is None:
            entry = series[key] = SeriesRecord(*key, windows)
        entry.times.append(row.time if isinstance(row.time, str) else to_rfc3339(row.time) or "")
        entry.values.append(row.value)
    for entry in series.values():
        order = time_order(entry.times)
        if order is not None:
            entry.times = [entry.times[at] for at in order]
            entry.values = [entry.values[at] for at in order]
    return list(series.values())


def _group(leaf: Leaf, order: Sequence[str], statistic: str) -> GroupRecord:
    names = name_levels(leaf.path, order)
    levels = dict(zip(names, leaf.path, strict=True))
    only = leaf.rows[0] if leaf.rows and len(leaf.rows) == 1 else None
    value = leaf.value
    if leaf.statistics is not None:
        value = getattr(leaf.statistics, statistic, None)
    elif only is not None:
        value = only.value
    return GroupRecord(
        keys=[GroupKeyRecord(name, level) for name, level in zip(names, leaf.path, strict=True)],
        statistics=leaf.statistics,
        value=value,
        time=levels.get("time") or (only.time if only else None),
        sensor_id=levels.get("sensor_id"),
        mac_address=levels.get("mac_address"),
        room_id=levels.get("room_id"),
        space_id=levels.get("space_id"),
    )
