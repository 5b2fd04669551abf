"""Reports: one answer of the reporting call, as rows, columns, groups, and the upstream's own data."""

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
from ..loaders import ReadOptions, ReportOf
from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .enums import Measurement
from .fields import described, one
from .inputs import ReportGroupBy, ReportWindow, TimeConstraints, ValueFilter, with_times, without_unset
from .lookups import floor_of, hive_of, room_of, sensor_of, zone_of
from .pages import BEFORE, FIRST, LAST, PageInfo, extent_of, read_page
from .report_records import records_of
from .scalars import JSON, Time
from .selection import selected

# The reporting filter for each kind of asset. There a floor is a "space", and a site a "client".
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
    settled_until: Time | None = described(
        "The time before which nothing changes any more; null if everything may change."
    )
    partial: bool = described("Whether the last window is incomplete.")


@strawberry.type(description="One point of a report, as the upstream returns it. Empty ids are null.")
class ReportRow:
    time: Time | None = described("The time of the window as the upstream labels it: its stop, since August 2026.")
    window_start: Time | None = described("The start of the value's window; null without a window.")
    window_stop: Time | None = described("The stop of the value's window.")
    start: Time | None = described("The start of the report's span.")
    stop: Time | None = described("The stop of the report's span.")
    field: str | None = described("`in` and `out` for traffic.")
    measurement: str | None = described(
        "What was measured. The upstream may return another name than the requested one."
    )
    value: float | None = described("The value.")
    preprocessed: bool | None = described("Whether the value was precomputed.")
    timezone_offset: str | None = described("The offset from UTC, as the upstream writes it (`-7h`).")
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
    sensor = one("Sensor", sensor_of, "The sensor; null if no source of assets knows it.")
    hive = one("Hive", hive_of, "The hive; null if no source of assets knows it.")
    room = one("Room", room_of, "The room.")
    floor = one("Floor", floor_of, "The floor.")
    zone = one("Zone", zone_of, "The zone.")


@strawberry.type(description="The points of one measurement, field and asset as columns, for charts.")
class Series:
    measurement: str | None = described("What was measured.")
    field: str | None = described("`in` and `out` for traffic.")
    sensor_id: ID | None = described("The sensor, if the points belong to one.")
    room_id: ID | None = described("The room.")
    zone_id: ID | None = described("The zone.")
    space_id: ID | None = described("The floor.")
    times: list[Time] = described("The times of the points, in order. Points without a time are omitted.")
    starts: list[Time | None] = described("The start of each point's window; null without a window.")
    values: list[float | None] = described("The values of the points.")
    sensor = one("Sensor", sensor_of, "The sensor; null if no source of assets knows it.")
    room = one("Room", room_of, "The room.")
    floor = one("Floor", floor_of, "The floor.")


@strawberry.type(description="Statistics of the values of a group.")
class Statistics:
    sum: float | None = described("The sum.")
    min: float | None = described("The lowest value.")
    max: float | None = described("The highest value.")
    count: int | None = described("The number of values.")
    mean: float | None = described("The mean.")
    median: float | None = described("The median.")
    stddev: float | None = described("The standard deviation.")
    first: float | None = described("The first value.")
    last: float | None = described("The last value.")


@strawberry.type(description="One level of a group.")
class GroupKey:
    name: str = described("The entry of `group_by.order` for this level.")
    value: str = described("Its value.")


@strawberry.type(description="One leaf of a grouped answer.")
class ReportGroup:
    keys: list[GroupKey] = described("The levels of the leaf, outermost first.")
    statistics: Statistics | None = described("The leaf's statistics; null if it contains rows or a number.")
    value: float | None = described(
        "The statistic that `window.function` names (default: the mean), or the value of the leaf's only row."
    )
    time: Time | None = described("The time among its levels, or the time of its only row.")
    sensor = one("Sensor", sensor_of, "The sensor among its levels.")
    room = one("Room", room_of, "The room among its levels.")
    floor = one("Floor", floor_of, "The floor among its levels.")


@strawberry.type(description="One row and its cursor.")
class ReportRowEdge:
    cursor: str = described("The row's cursor: give it as `after` for the rows after it.")
    node: ReportRow = described("The row.")


@strawberry.type(description="Some of a report's rows.")
class ReportRowConnection:
    edges: list[ReportRowEdge] = described("The rows, each with its cursor.")
    pageInfo: PageInfo = described("The page of the rows.")
    total_count: int | None = described("The number of all rows, if the upstream returns it.")


async def _rows_connection(
    root: strawberry.Parent[Any],
    info: Info,
    first: Annotated[int | None, strawberry.argument(description=FIRST)] = UNSET,
    after: str | None = UNSET,
    last: Annotated[int | None, strawberry.argument(description=LAST)] = UNSET,
    before: Annotated[str | None, strawberry.argument(description=BEFORE)] = UNSET,
) -> Any:
    return await read_page(info.context.loaders.reports, root.body, extent_of(first, after, last, before))


@strawberry.type(description="An answer to the reporting call (POST /api/v3/reporting).")
class Report:
    rows: list[ReportRow] | None = described(
        "The points of a flat answer, or of the leaves of a grouped raw answer. Empty for grouped statistics."
    )
    series: list[Series] | None = described(
        "The same points as columns: one entry for each measurement, field and asset."
    )
    groups: list[ReportGroup] | None = described("The leaves of a grouped answer, at any depth of the nested `data`.")
    data: JSON | None = described("`data`, exactly as the REST call returns it.")
    page_info: PageInfo | None = described("The page of the answer; null unless `paginate` was given.")
    freshness: Freshness | None = described("How fresh the answer is.")
    rows_connection = strawberry.field(
        resolver=_rows_connection,
        graphql_type=ReportRowConnection | None,
        description="The rows of a flat report in pages, of 100 rows by default. Each page is one page upstream, "
        "and selected alone it is the only call.",
    )


def needs_whole(info: Info) -> bool:
    """Return whether a selection needs the whole report and not only pages of it."""
    return not selected(info._raw_info) <= {"rows_connection", "__typename"}  # noqa: SLF001 -- as in detection.py


INCLUDE_OPEN = strawberry.argument(
    description="Whether to add the windows that are open or have not landed. They are computed from windows of a "
    "minute where that is exact (max, min, sum, first, last, mean), and marked by `freshness.partial`. Not in `data`."
)


def reading_of(info: Info, include_open: bool | None) -> ReadOptions:
    """Return how a report is read, by its selection: `data` needs the upstream's own bytes."""
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
        # Zero people is a reading too, but the upstream omits zeros without this filter.
        filter_["value"] = {"gte": 0}
    body = {"filter": filter_, **without_unset(window=window, group_by=group_by)}
    ids = [record.id for record in roots.records]
    # The records of one list are of one class.
    dimension = DIMENSIONS[type(roots.records[0])]
    # Pages are read for each asset by itself.
    paged = "rows_connection" in selected(info._raw_info)  # noqa: SLF001 -- as in detection.py
    bodies = [{**body, "filter": {**filter_, dimension: {"eq": [id_]}}} if paged else body for id_ in ids]
    if not needs_whole(info):
        return records_of([None] * len(ids), bodies)
    asks = ReportOf.make_many(dimension, ids, body, reading_of(info, include_open))
    return records_of(await info.context.loaders.reports.load_many(asks), bodies)


def report_field() -> Any:
    return strawberry.field(
        resolver=asset_report,
        graphql_type=Report | None,
        description="The reporting call for this asset. Equal selections on several assets share one call. "
        "Occupancy includes zeros unless `value` excludes them.",
    )
