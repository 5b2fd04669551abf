"""Reports: one answer of the reporting call, as rows, as columns, as groups and as it came."""

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Annotated, Any

import strawberry
from strawberry import ID, UNSET

from ..assets.records import (
    BuildingRecord,
    FloorRecord,
    HiveRecord,
    Record,
    RoomRecord,
    SensorRecord,
    SiteRecord,
    ZoneRecord,
)
from ..butlr import Leaf, Reporting, Row, format_rfc3339, name_levels, to_rfc3339
from ..butlr import ReplyStatistics as StatisticsRecord
from ..cache import Entry
from ..loaders import Points, ReadOptions, ReportOf
from ..series import LABELS, WINDOW_FIELDS, Body, Column, WindowTimes, texts_of, time_order
from ..upstream import NotAsked
from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .enums import Measurement
from .fields import described, one
from .inputs import ReportGroupBy, ReportWindow, TimeConstraints, ValueFilter, with_times, without_unset
from .lookups import floor_of, hive_of, room_of, sensor_of, zone_of
from .pages import BEFORE, FIRST, LAST, PageInfo, PageInfoRecord, extent_of, numbered_page, read_page
from .record_fields import Unread
from .scalars import JSON, Time
from .selection import selected

# The reporting filter that names an asset of each kind. A floor is a "space", a site a "client" there.
DIMENSIONS: dict[type[Record], str] = {
    SiteRecord: "clients",
    BuildingRecord: "buildings",
    FloorRecord: "spaces",
    RoomRecord: "rooms",
    ZoneRecord: "zones",
    HiveRecord: "hives",
    SensorRecord: "sensors",
}


@strawberry.type(description="How fresh an answer is.")
class Freshness:
    as_of: Time = described("When the oldest part of the answer was read upstream.")
    settled_until: Time | None = described("Up to where nothing changes any more; null where all of it may.")
    partial: bool = described("Whether the last window is unfinished.")


@strawberry.type(description="One point of a report, as the upstream gives it. Ids that it leaves empty are null.")
class ReportRow:
    time: Time | None = described(
        "The upstream's own label of the window that the value is of: its stop, since August 2026."
    )
    window_start: Time | None = described("When the window that the value is of begins; null without a window.")
    window_stop: Time | None = described("When it ends.")
    start: Time | None = described("From when the report was asked.")
    stop: Time | None = described("Until when the report was asked.")
    field: str | None = described("`in` and `out` for traffic.")
    measurement: str | None = described("What was measured; it may have another name than what was asked.")
    value: float | None = described("The value.")
    preprocessed: bool | None = described("Whether the value was made ahead of the call.")
    timezone_offset: str | None = described("As the upstream writes it: `-7h`.")
    tag_id: ID | None = described("The tag.")
    building_id: ID | None = described("The building.")
    building_name: str | None = described("The building's name.")
    space_id: ID | None = described("The floor.")
    space_name: str | None = described("The floor's name.")
    room_id: ID | None = described("The room.")
    room_name: str | None = described("The room's name.")
    zone_id: ID | None = described("The zone.")
    zone_name: str | None = described("The zone's name.")
    hive_id: ID | None = described("The hive.")
    hive_serial: str | None = described("The hive's serial number.")
    sensor_id: ID | None = described("The sensor.")
    mac_address: str | None = described("The sensor's MAC address.")
    floor_custom_id: str | None = described("The customer's own id of the floor.")
    room_custom_id: str | None = described("The customer's own id of the room.")
    zone_custom_id: str | None = described("The customer's own id of the zone.")
    sensor = one("Sensor", sensor_of, "The sensor; null where no source of assets knows it.")
    hive = one("Hive", hive_of, "The hive; null where no source of assets knows it.")
    room = one("Room", room_of, "The room.")
    floor = one("Floor", floor_of, "The floor.")
    zone = one("Zone", zone_of, "The zone.")


@strawberry.type(description="The points of one measurement, field and asset as columns: what a chart wants.")
class Series:
    measurement: str | None = described("What was measured.")
    field: str | None = described("`in` and `out` for traffic.")
    sensor_id: ID | None = described("The sensor, where the points are a sensor's.")
    room_id: ID | None = described("The room.")
    zone_id: ID | None = described("The zone.")
    space_id: ID | None = described("The floor.")
    times: list[Time] = described("The points' times, in order; a point without a time is left out.")
    starts: list[Time | None] = described("When the window of each point begins; null without a window.")
    values: list[float | None] = described("Their values.")
    sensor = one("Sensor", sensor_of, "The sensor; null where no source of assets knows it.")
    room = one("Room", room_of, "The room.")
    floor = one("Floor", floor_of, "The floor.")


@strawberry.type(description="Statistics of the values of a group.")
class Statistics:
    sum: float | None = described("The sum.")
    min: float | None = described("The least.")
    max: float | None = described("The greatest.")
    count: int | None = described("How many values.")
    mean: float | None = described("The mean.")
    median: float | None = described("The median.")
    stddev: float | None = described("The standard deviation.")
    first: float | None = described("The first.")
    last: float | None = described("The last.")


@strawberry.type(description="One level of a group.")
class GroupKey:
    name: str = described("The entry of `group_by.order` that the level answers to.")
    value: str = described("Its value.")


@strawberry.type(description="One leaf of a grouped answer.")
class ReportGroup:
    keys: list[GroupKey] = described("The levels that lead to the leaf, outermost first.")
    statistics: Statistics | None = described("The leaf's statistics; null where it holds rows or a number.")
    value: float | None = described(
        "The leaf's one number: the statistic that `window.function` names (else the mean), or its only row's value."
    )
    time: Time | None = described("The level that is a time, or the only row's time.")
    sensor = one("Sensor", sensor_of, "The sensor that a level names.")
    room = one("Room", room_of, "The room that a level names.")
    floor = one("Floor", floor_of, "The floor that a level names.")


@strawberry.type(description="One row and its cursor.")
class ReportRowEdge:
    cursor: str = described("Give it as `after` for what follows.")
    node: ReportRow = described("The row.")


@strawberry.type(description="Some of a report's rows.")
class ReportRowConnection:
    edges: list[ReportRowEdge] = described("The rows, each with its cursor.")
    pageInfo: PageInfo = described("Which part of the rows this is.")
    total_count: int | None = described("How many rows there are in all, where the upstream says.")


async def _rows_connection(
    root: strawberry.Parent[Any],
    info: Info,
    first: Annotated[int | None, strawberry.argument(description=FIRST)] = UNSET,
    after: str | None = UNSET,
    last: Annotated[int | None, strawberry.argument(description=LAST)] = UNSET,
    before: Annotated[str | None, strawberry.argument(description=BEFORE)] = UNSET,
) -> Any:
    return await read_page(info.context.loaders.reports, root.body, extent_of(first, after, last, before))


@strawberry.type(description="An answer of the reporting call (POST /api/v3/reporting).")
class Report:
    rows: list[ReportRow] | None = described(
        "The points: of a flat answer, and of the leaves of a grouped raw one; none for grouped statistics."
    )
    series: list[Series] | None = described("The same points as columns, one entry a measurement, field and asset.")
    groups: list[ReportGroup] | None = described(
        "The nested `data` of a grouped answer, one entry a leaf, at whatever depth it comes."
    )
    data: JSON | None = described("`data` exactly as the REST call answers it.")
    page_info: PageInfo | None = described("Null unless `paginate` was given.")
    freshness: Freshness | None = described("How fresh the answer is.")
    rows_connection = strawberry.field(
        resolver=_rows_connection,
        graphql_type=ReportRowConnection | None,
        description="The rows of a flat report by pages, 100 where `first` does not say; each page is a page upstream, "
        "and selected alone it is the only call.",
    )


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
    """A `Report` over an answer; each of its shapes is made when asked for, and once.

    A plan has an error in the answer's place: pages are planned all the same.
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
        # Without `paginate` the upstream sends one all the same, whose counts mean nothing.
        if "paginate" not in self.body:
            return None
        return numbered_page(self._reporting, self.body["paginate"])

    @property
    def freshness(self) -> FreshnessRecord:
        return freshness_of(self._points.entry)


# What was read by segments is flat.
_NO_GROUPS = Reporting.from_data([])


def freshness_of(entry: Entry) -> FreshnessRecord:
    settled = entry.settled_until
    return FreshnessRecord(_moment(entry.as_of), None if settled is None else _moment(settled), entry.partial)


def _moment(epoch: float) -> str:
    return format_rfc3339(datetime.fromtimestamp(epoch, UTC))


ROW_FIELDS = frozenset(Row.__struct_fields__) | WINDOW_FIELDS
# What of a row stands in a series.
COLUMNS = frozenset({"time", "value", "measurement", "field", "sensor_id", "room_id", "zone_id", "space_id"})


def _series_of(column: Column, windows: WindowTimes) -> SeriesRecord:
    said = dict(zip(LABELS, column.labels, strict=True))
    said_by_all: dict[str, Any] = {name: said[name] for name in COLUMNS if name in said}
    return SeriesRecord(**said_by_all, windows=windows, times=texts_of(column.times), values=column.read_values())


def columns(rows: Iterable[Row], windows: WindowTimes) -> list[SeriesRecord]:
    """Return the rows as columns, in the order in which their assets first come, each ordered by time."""
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


def needs_whole(info: Info) -> bool:
    """Whether a report is selected otherwise than by pages."""
    return not selected(info._raw_info) <= {"rows_connection", "__typename"}  # noqa: SLF001 -- as in detection.py


INCLUDE_OPEN = strawberry.argument(
    description="True: with the windows that are open or have not landed, made from windows of a minute where that is "
    "exact (max, min, sum, first, last and mean); `freshness.partial` says that there are such. Not in `data`."
)


def reading_of(info: Info, include_open: bool | None) -> ReadOptions:
    """How a report is read, by its selection: `data` is as the upstream answers it, byte by byte."""
    verbatim = "data" in selected(info._raw_info)  # noqa: SLF001 -- as in detection.py
    return ReadOptions(verbatim=verbatim, include_open=bool(include_open))


@resolves_many("id")
async def asset_report(
    roots: strawberry.Parent[ParentBatch],
    info: Info,
    start: Time,
    measurements: list[Measurement] | None = UNSET,
    stop: Time | None = UNSET,
    window: ReportWindow | None = UNSET,
    group_by: ReportGroupBy | None = UNSET,
    value: ValueFilter | None = UNSET,
    calibrated: str | None = UNSET,
    time_constraints: TimeConstraints | None = UNSET,
    include_open: Annotated[bool | None, INCLUDE_OPEN] = UNSET,
) -> Any:
    filter_ = with_times(
        without_unset(
            start=start,
            stop=stop,
            measurements=measurements,
            value=value,
            calibrated=calibrated,
            time_constraints=time_constraints,
        )
    )
    if "value" not in filter_ and any("occupancy" in name for name in filter_.get("measurements", ())):
        # An empty room is a reading, and the upstream leaves zeros out unless told.
        filter_["value"] = {"gte": 0}
    body = {"filter": filter_, **without_unset(window=window, group_by=group_by)}
    ids = [record.id for record in roots.records]
    # The records of one list are of one class.
    dimension = DIMENSIONS[type(roots.records[0])]
    # A page is asked of one asset by itself.
    paged = "rows_connection" in selected(info._raw_info)  # noqa: SLF001 -- as in detection.py
    bodies = [{**body, "filter": {**filter_, dimension: {"eq": [id_]}}} if paged else body for id_ in ids]
    if not needs_whole(info):
        return [ReportRecord(None, of_one) for of_one in bodies]
    asks = ReportOf.make_many(dimension, ids, body, reading_of(info, include_open))
    answers = await info.context.loaders.reports.load_many(asks)
    return [
        ReportRecord(answer, of_one) if isinstance(answer, Points | NotAsked) else answer
        for answer, of_one in zip(answers, bodies, strict=True)
    ]


def report_field() -> Any:
    return strawberry.field(
        resolver=asset_report,
        graphql_type=Report | None,
        description="What the reporting call says of this asset. Assets that ask alike are one call. "
        "Occupancy keeps its zeros unless `value` says otherwise.",
    )
