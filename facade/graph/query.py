"""The root fields of queries."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from ..assets.webhooks import WebhookRecord
from ..loaders import Points
from ..upstream import NotAsked
from .asset_roots import (
    all_of,
    assets_of,
    by_tag,
    hive_root,
    hives_root,
    listed,
    node_root,
    root_field,
    sensor_root,
    sensors_root,
    single,
    tags_root,
)
from .context import Info
from .detection import DetectionSet, detection_set
from .detection_records import Source
from .hive import Hive, Hives
from .inputs import (
    CalibrationPoint,
    DetectionFilter,
    DetectionWindow,
    Paginate,
    ReportFilter,
    ReportGroupBy,
    ReportOptions,
    ReportWindow,
    with_times,
    without_unset,
)
from .node import Node
from .place import Building, Buildings, Floor, Floors, Room, Rooms, Site, Sites, Tag, Zone, Zones
from .report import INCLUDE_OPEN, Report, needs_whole, reading_of
from .report_records import ReportRecord
from .scalars import bad_input
from .sensor import Sensor, Sensors
from .stats import AssetStats, root_stats
from .streamed_report import StreamedReport, streams_rows
from .webhook import Webhook


async def _report(
    info: Info,
    filter: ReportFilter,
    group_by: ReportGroupBy | None = UNSET,
    window: ReportWindow | None = UNSET,
    options: ReportOptions | None = UNSET,
    paginate: Paginate | None = UNSET,
    calibration_points: list[CalibrationPoint] | None = UNSET,
    include_open: Annotated[bool | None, INCLUDE_OPEN] = UNSET,
) -> Any:
    body = without_unset(
        filter=filter,
        group_by=group_by,
        window=window,
        options=options,
        paginate=paginate,
        calibration_points=calibration_points,
    )
    loaders = info.context.loaders
    body["filter"] = with_times(body["filter"])
    if body.get("options", {}).get("format", "json") != "json":
        raise bad_input(
            'options.format must be "json" here. For CSV call POST /api/v3/reporting with the same body, '
            "or run `facade export`."
        )
    if not needs_whole(info):
        return ReportRecord(None, body)
    if streams_rows(info._raw_info, body):  # noqa: SLF001 -- as in detection.py
        streamed = await loaders.reports.streamed(body)
        if isinstance(streamed, Points):
            return ReportRecord(streamed, body)
        return StreamedReport(*streamed, loaders.reports, body)
    try:
        return ReportRecord(await loaders.reports.whole(body, reading_of(info, include_open)), body)
    except NotAsked as error:
        return ReportRecord(error, body)


async def _detections(info: Info, filter: DetectionFilter, window: DetectionWindow | None = UNSET) -> Any:
    body = {"filter": with_times(without_unset(filter=filter)["filter"]), **without_unset(window=window)}
    return await detection_set(info, Source(body))


async def _webhooks(info: Info) -> list[WebhookRecord] | None:
    loaders = info.context.loaders
    return await loaders.webhooks() if info.context.services.native else None


@strawberry.type(description="Assets as in Butlr's own GraphQL API, and the time series of its REST API.")
class Query:
    sensors = assets_of(
        sensors_root,
        Sensors | None,
        "Sensors that match all given filters.",
    )
    sensor = assets_of(sensor_root, Sensor | None, "One sensor, by id or MAC address; null if there is none.")
    hives = assets_of(hives_root, Hives | None, "Hives that match all given filters.")
    hive = assets_of(hive_root, Hive | None, "One hive, by id or serial number; null if there is none.")
    sites = assets_of(all_of("sites"), Sites | None, "Sites; `data` is null if no source of assets knows sites.")
    site = assets_of(single("sites", "site"), Site | None, "One site, by id or the customer's own id.")
    buildings = assets_of(all_of("buildings"), Buildings | None, "Buildings.")
    building = assets_of(
        single("buildings", "building"), Building | None, "One building, by id or the customer's own id."
    )
    floors = assets_of(listed("floors"), Floors | None, "Floors.")
    floor = assets_of(single("floors", "floor"), Floor | None, "One floor, by id or the customer's own id.")
    rooms = assets_of(listed("rooms"), Rooms | None, "Rooms.")
    room = assets_of(single("rooms", "room"), Room | None, "One room, by id or the customer's own id.")
    zones = assets_of(listed("zones"), Zones | None, "Zones.")
    zone = assets_of(single("zones", "zone"), Zone | None, "One zone, by id or the customer's own id.")
    tags = assets_of(tags_root, list[Tag] | None, "Tags; null if no source of assets knows tags.")
    floorsByTag = assets_of(
        by_tag("floors"), Floors | None, "Floors that have all the tags; with `useOR` any of them. Tags go by id."
    )
    roomsByTag = assets_of(
        by_tag("rooms"), Rooms | None, "Rooms that have all the tags; with `useOR` any of them. Tags go by id."
    )
    zonesByTag = assets_of(
        by_tag("zones"), Zones | None, "Zones that have all the tags; with `useOR` any of them. Tags go by id."
    )
    webhooks = root_field(
        _webhooks,
        list[Webhook] | None,
        "Butlr's webhooks; null unless FACADE_ASSETS contains `native`, since only Butlr's own GraphQL API knows them.",
    )
    node = assets_of(node_root, Node | None, "An object by its id; null if there is none.")
    report = root_field(
        _report,
        Report | None,
        "The reporting call (POST /api/v3/reporting). The arguments are the fields of its body.",
    )
    detections = root_field(
        _detections,
        DetectionSet | None,
        "The detections call (POST /api/v3/detections). The arguments are the fields of its body without `data_types`, "
        "which the selected fields decide.",
    )
    stats = root_field(
        root_stats,
        list[AssetStats] | None,
        "The stats call (POST /api/v4/reporting/stats). The arguments are the fields of its body.",
    )
