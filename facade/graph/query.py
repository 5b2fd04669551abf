"""The roots of the graph."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from strawberry import ID, UNSET

from ..assets import normal_mac
from ..assets.records import Record, SensorRecord, TagRecord
from ..assets.webhooks import WebhookRecord
from ..loaders import Points
from ..upstream import NotAsked
from .context import Info
from .detection import DetectionSet, Source, detection_set
from .fields import counted
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
from .report import INCLUDE_OPEN, Report, ReportRecord, needs_whole, reading_of
from .scalars import bad_input
from .sensor import Sensor, Sensors
from .stats import AssetStats, root_stats
from .streamed_report import StreamedReport, streams_rows
from .webhook import Webhook

# Which of a caller's assets an id names, by its prefix.
TABLE_OF_PREFIX = {
    "site": "sites",
    "building": "buildings",
    "space": "floors",
    "floor": "floors",
    "room": "rooms",
    "zone": "zones",
    "sensor": "sensors",
    "hive": "hives",
    "tag": "tags",
}


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A list as the native API wraps it."""

    data: list[Any] | None


def _given(values: Collection[str] | None) -> set[str] | None:
    """A filter's values; None where it was not given. An empty list is given, and matches nothing."""
    return None if values is None or values is UNSET else set(values)


async def _sensors(
    info: Info,
    ids: list[str] | None = UNSET,
    mac_addresses: list[str] | None = UNSET,
    floor_ids: list[str] | None = UNSET,
    room_ids: list[str] | None = UNSET,
    hive_ids: list[str] | None = UNSET,
    hive_serials: list[str] | None = UNSET,
    mode: str | None = UNSET,
) -> Wrapped:
    assets = await info.context.loaders.assets()
    assets.require("sensors")
    found: list[SensorRecord] = list(assets.sensors.values())
    for values, of in (
        (_given(ids), lambda sensor: sensor.id),
        (_given(floor_ids), lambda sensor: sensor.floor_id),
        (_given(room_ids), lambda sensor: sensor.room_id),
        (_given(hive_ids), lambda sensor: sensor.hive_id),
        (_lowered(hive_serials), lambda sensor: (sensor.hive_serial or "").lower()),
        (_macs(mac_addresses), lambda sensor: normal_mac(sensor.mac_address or "")),
    ):
        if values is not None:
            found = [sensor for sensor in found if of(sensor) in values]  # type: ignore[no-untyped-call]
    return Wrapped([sensor for sensor in found if not mode or sensor.mode == mode])


def _lowered(values: list[str] | None) -> set[str] | None:
    given = _given(values)
    return None if given is None else {value.lower() for value in given}


def _macs(values: list[str] | None) -> set[str] | None:
    given = _given(values)
    return None if given is None else {normal_mac(value) for value in given}


async def _sensor(info: Info, id: ID | None = UNSET, mac_address: str | None = UNSET) -> Any:
    loaders = info.context.loaders
    if not (id or mac_address):
        raise bad_input("sensor needs `id` or `mac_address`.")
    assets = await loaders.assets()
    assets.require("sensors")
    sensor = assets.sensors.get(id) if id else assets.sensor_by_mac.get(normal_mac(mac_address or ""))
    if sensor and id and mac_address and normal_mac(sensor.mac_address or "") != normal_mac(mac_address):
        return None
    return sensor


async def _hives(
    info: Info,
    ids: list[str] | None = UNSET,
    serial_numbers: list[str] | None = UNSET,
    returnPlaceholders: bool | None = UNSET,  # noqa: ARG001 -- no REST call knows placeholders
) -> Wrapped:
    assets = await info.context.loaders.assets()
    assets.require("hives")
    wanted, serials = _given(ids), _lowered(serial_numbers)
    return Wrapped(
        [
            hive
            for hive in assets.hives.values()
            if (wanted is None or hive.id in wanted)
            and (serials is None or (hive.serialNumber or "").lower() in serials)
        ]
    )


async def _hive(info: Info, id: ID | None = UNSET, serial_number: str | None = UNSET) -> Any:
    loaders = info.context.loaders
    if not (id or serial_number):
        raise bad_input("hive needs `id` or `serial_number`.")
    assets = await loaders.assets()
    assets.require("hives")
    return assets.hives.get(id) if id else assets.hive_by_serial.get((serial_number or "").lower())


def _listed(table: str) -> Callable[..., Any]:
    async def resolve(info: Info, ids: list[str] | None = UNSET) -> Wrapped:
        assets = await info.context.loaders.assets()
        if not info.context.knows(table, assets):
            return Wrapped(None)
        records: dict[str, Record] = getattr(assets, table)
        wanted = _given(ids)
        return Wrapped([record for record in records.values() if wanted is None or record.id in wanted])

    return resolve


def _all(table: str) -> Callable[..., Any]:
    async def resolve(info: Info) -> Wrapped:
        assets = await info.context.loaders.assets()
        return Wrapped(list(getattr(assets, table).values()) if info.context.knows(table, assets) else None)

    return resolve


def _single(table: str, noun: str) -> Callable[..., Any]:
    async def resolve(info: Info, id: ID | None = UNSET, customID: ID | None = UNSET) -> Any:
        loaders = info.context.loaders
        if not (id or customID):
            raise bad_input(f"{noun} needs `id` or `customID`.")
        assets = await loaders.assets()
        if not info.context.knows(table, assets):
            return None
        records = getattr(assets, table)
        if id:
            return records.get(id)
        return next((record for record in records.values() if record.customID == customID), None)

    return resolve


async def _node(info: Info, id: ID) -> Any:
    loaders = info.context.loaders
    table = TABLE_OF_PREFIX.get(id.partition("_")[0])
    if table is None:
        return None
    assets = await loaders.assets()
    return getattr(assets, table).get(id) if info.context.knows(table, assets) else None


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
            'options.format takes "json" here. For CSV call POST /api/v3/reporting with the same body, '
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


async def _tags(info: Info, ids: list[str] | None = UNSET) -> list[TagRecord] | None:
    assets = await info.context.loaders.assets()
    if not info.context.knows("tags", assets):
        return None
    wanted = _given(ids)
    return [tag for tag in assets.tags.values() if wanted is None or tag.id in wanted]


def _by_tag(table: str) -> Callable[..., Any]:
    async def resolve(
        info: Info,
        tagIDs: list[str] | None = UNSET,
        useOR: bool | None = UNSET,
    ) -> Wrapped:
        assets = await info.context.loaders.assets()
        if not info.context.knows("tags", assets):
            return Wrapped(None)
        assets.require(table)
        records: dict[str, Any] = getattr(assets, table)
        wanted = _given(tagIDs) or set()
        fits = wanted.intersection if useOR else wanted.issubset
        found = (record for record in records.values() if wanted and fits(record.tag_ids or ()))
        return Wrapped(list(found))

    return resolve


def _field(resolver: Callable[..., Any], type_: Any, text: str) -> Any:
    return strawberry.field(resolver=resolver, graphql_type=type_, description=text)


def _assets(resolver: Callable[..., Any], type_: Any, text: str) -> Any:
    return _field(counted(resolver), type_, text)


@strawberry.type(description="Assets as Butlr's own GraphQL API gives them, and the time series of its REST API.")
class Query:
    sensors = _assets(
        _sensors,
        Sensors | None,
        "Sensors; every filter given must match. MAC addresses in any case, with - or :.",
    )
    sensor = _assets(_sensor, Sensor | None, "One sensor, by id or MAC address; null where there is none.")
    hives = _assets(_hives, Hives | None, "Hives; every filter given must match.")
    hive = _assets(_hive, Hive | None, "One hive, by id or serial number; null where there is none.")
    sites = _assets(_all("sites"), Sites | None, "Sites; `data` is null where no source of assets knows sites.")
    site = _assets(_single("sites", "site"), Site | None, "One site, by id or the customer's own id.")
    buildings = _assets(_all("buildings"), Buildings | None, "Buildings.")
    building = _assets(
        _single("buildings", "building"), Building | None, "One building, by id or the customer's own id."
    )
    floors = _assets(_listed("floors"), Floors | None, "Floors.")
    floor = _assets(_single("floors", "floor"), Floor | None, "One floor, by id or the customer's own id.")
    rooms = _assets(_listed("rooms"), Rooms | None, "Rooms.")
    room = _assets(_single("rooms", "room"), Room | None, "One room, by id or the customer's own id.")
    zones = _assets(_listed("zones"), Zones | None, "Zones.")
    zone = _assets(_single("zones", "zone"), Zone | None, "One zone, by id or the customer's own id.")
    tags = _assets(_tags, list[Tag] | None, "Tags; null where no source of assets knows tags.")
    floorsByTag = _assets(
        _by_tag("floors"), Floors | None, "Floors that have all the tags; with `useOR` any of them. Tags go by id."
    )
    roomsByTag = _assets(
        _by_tag("rooms"), Rooms | None, "Rooms that have all the tags; with `useOR` any of them. Tags go by id."
    )
    zonesByTag = _assets(
        _by_tag("zones"), Zones | None, "Zones that have all the tags; with `useOR` any of them. Tags go by id."
    )
    webhooks = _field(
        _webhooks, list[Webhook] | None, "Webhooks; null unless FACADE_ASSETS has `native`: only that API knows them."
    )
    node = _assets(_node, Node | None, "Anything with an id; null where there is none.")
    report = _field(
        _report,
        Report | None,
        "The reporting call (POST /api/v3/reporting): its body is this field's variables.",
    )
    detections = _field(
        _detections,
        DetectionSet | None,
        "The detections call (POST /api/v3/detections): its body is this field's variables, less `data_types`, "
        "which the selected fields decide.",
    )
    stats = _field(
        root_stats,
        list[AssetStats] | None,
        "The stats call (POST /api/v4/reporting/stats): its body is this field's variables.",
    )
