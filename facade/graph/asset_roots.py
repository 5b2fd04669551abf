"""Root fields that list assets or find one asset."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry import ID, UNSET

from ..assets import normal_mac
from ..assets.records import Record, SensorRecord, TagRecord
from .context import Info
from .fields import counted
from .scalars import bad_input

# The table of `Assets` for each prefix of ids.
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
    """Return a filter's values; None if it was not given. An empty list was given, and matches nothing."""
    return None if values is None or values is UNSET else set(values)


async def sensors_root(
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


async def sensor_root(info: Info, id: ID | None = UNSET, mac_address: str | None = UNSET) -> Any:
    loaders = info.context.loaders
    if not (id or mac_address):
        raise bad_input("sensor needs `id` or `mac_address`.")
    assets = await loaders.assets()
    assets.require("sensors")
    sensor = assets.sensors.get(id) if id else assets.sensor_by_mac.get(normal_mac(mac_address or ""))
    if sensor and id and mac_address and normal_mac(sensor.mac_address or "") != normal_mac(mac_address):
        return None
    return sensor


async def hives_root(
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


async def hive_root(info: Info, id: ID | None = UNSET, serial_number: str | None = UNSET) -> Any:
    loaders = info.context.loaders
    if not (id or serial_number):
        raise bad_input("hive needs `id` or `serial_number`.")
    assets = await loaders.assets()
    assets.require("hives")
    return assets.hives.get(id) if id else assets.hive_by_serial.get((serial_number or "").lower())


def listed(table: str) -> Callable[..., Any]:
    async def resolve(info: Info, ids: list[str] | None = UNSET) -> Wrapped:
        assets = await info.context.loaders.assets()
        if not info.context.knows(table, assets):
            return Wrapped(None)
        records: dict[str, Record] = getattr(assets, table)
        wanted = _given(ids)
        return Wrapped([record for record in records.values() if wanted is None or record.id in wanted])

    return resolve


def all_of(table: str) -> Callable[..., Any]:
    async def resolve(info: Info) -> Wrapped:
        assets = await info.context.loaders.assets()
        return Wrapped(list(getattr(assets, table).values()) if info.context.knows(table, assets) else None)

    return resolve


def single(table: str, noun: str) -> Callable[..., Any]:
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


async def node_root(info: Info, id: ID) -> Any:
    loaders = info.context.loaders
    table = TABLE_OF_PREFIX.get(id.partition("_")[0])
    if table is None:
        return None
    assets = await loaders.assets()
    return getattr(assets, table).get(id) if info.context.knows(table, assets) else None


async def tags_root(info: Info, ids: list[str] | None = UNSET) -> list[TagRecord] | None:
    assets = await info.context.loaders.assets()
    if not info.context.knows("tags", assets):
        return None
    wanted = _given(ids)
    return [tag for tag in assets.tags.values() if wanted is None or tag.id in wanted]


def by_tag(table: str) -> Callable[..., Any]:
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


def root_field(resolver: Callable[..., Any], type_: Any, text: str) -> Any:
    return strawberry.field(resolver=resolver, graphql_type=type_, description=text)


def assets_of(resolver: Callable[..., Any], type_: Any, text: str) -> Any:
    return root_field(counted(resolver), type_, text)
