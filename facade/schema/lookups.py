"""From a record's ids to the records they name: resolvers shared by all that carry such ids."""

from collections.abc import Callable
from typing import Any

import strawberry

from ..assets import normal_mac
from ..assets.records import BuildingRecord, FloorRecord, HiveRecord, RoomRecord, SensorRecord, SiteRecord, ZoneRecord
from .context import Info


async def sensor_of(root: strawberry.Parent[Any], info: Info) -> SensorRecord | None:
    id_: str | None = getattr(root, "sensor_id", None)
    mac: str | None = getattr(root, "mac_address", None)
    if not (id_ or mac):
        return None
    assets = await info.context.loaders.assets()
    return assets.sensors.get(id_) if id_ else assets.sensor_by_mac.get(normal_mac(mac or ""))


async def hive_of(root: strawberry.Parent[Any], info: Info) -> HiveRecord | None:
    if not (root.hive_id or root.hive_serial):
        return None
    assets = await info.context.loaders.assets()
    return assets.hives.get(root.hive_id or "") or assets.hive_by_serial.get((root.hive_serial or "").lower())


async def room_of(root: strawberry.Parent[Any], info: Info) -> RoomRecord | None:
    if not root.room_id:
        return None
    assets = await info.context.loaders.assets()
    return assets.rooms.get(root.room_id)


async def floor_of(root: strawberry.Parent[Any], info: Info) -> FloorRecord | None:
    # Rows call a floor a space; its id is the same.
    id_ = getattr(root, "space_id", None) or getattr(root, "floor_id", None)
    if not id_:
        return None
    assets = await info.context.loaders.assets()
    return assets.floors.get(id_)


async def zone_of(root: strawberry.Parent[Any], info: Info) -> ZoneRecord | None:
    if not root.zone_id:
        return None
    assets = await info.context.loaders.assets()
    return assets.zones.get(root.zone_id)


def via_sensor(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """What the sensor that a detection names refers to."""

    async def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        sensor = await sensor_of(root, info)
        return await lookup(sensor, info) if sensor else None

    return resolve


async def building_of(root: strawberry.Parent[Any], info: Info) -> BuildingRecord | None:
    if not root.building_id:
        return None
    assets = await info.context.loaders.assets()
    return assets.buildings.get(root.building_id)


async def site_of(root: strawberry.Parent[Any], info: Info) -> SiteRecord | None:
    if not root.site_id:
        return None
    assets = await info.context.loaders.assets()
    return assets.sites.get(root.site_id)
