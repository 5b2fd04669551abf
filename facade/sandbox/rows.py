"""Rows of the reporting API with the values of sensors and places."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .campus import Campus, Floor, Room, Sensor, Zone
from .people import Watched

# In the order of Butlr's sample, which is also the CSV's.
ROW_KEYS = (
    *("field", "measurement", "time", "start", "stop", "value", "preprocessed", "timezone_offset", "tag_id"),
    *("building_id", "building_name", "hive_id", "hive_serial", "sensor_id", "space_id", "space_name"),
    *("room_id", "room_name", "zone_id", "zone_name", "mac_address"),
)


def identity(campus: Campus, asset: Watched) -> dict[str, Any]:
    """Return the row's ids and names: `""` for missing ones, custom ids only if they are set."""
    row: dict[str, Any] = dict.fromkeys(ROW_KEYS, "")
    floor = asset if isinstance(asset, Floor) else campus.floor[asset.floor_id]
    building = campus.building[floor.building_id]
    room: Room | None = None
    zone: Zone | None = None
    if isinstance(asset, Sensor):
        row |= {
            "hive_id": asset.hive_id,
            "hive_serial": asset.hive_serial,
            "sensor_id": asset.id,
            "mac_address": asset.mac_address,
        }
        room = campus.room.get(asset.room_id)
        zone = campus.zone[asset.zone_ids[0]] if asset.zone_ids else None
    elif isinstance(asset, Room):
        room = asset
    elif isinstance(asset, Zone):
        zone = asset
    row |= {
        "building_id": building.id,
        "building_name": building.name,
        "space_id": floor.id,
        "space_name": floor.name,
    }
    if room:
        row |= {"room_id": room.id, "room_name": room.name}
    if zone:
        row |= {"zone_id": zone.id, "zone_name": zone.name}
    for name, place in (("floor", floor), ("room", room), ("zone", zone)):
        if place and place.customID:
            row[f"{name}_custom_id"] = place.customID
    return row


def tags_of(campus: Campus, asset: Watched) -> tuple[str, ...]:
    """Return the tags of an asset; a sensor has those of its room and zones."""
    if not isinstance(asset, Sensor):
        return asset.tag_ids
    places = [campus.room.get(asset.room_id), *(campus.zone[zone_id] for zone_id in asset.zone_ids)]
    return tuple(dict.fromkeys(tag_id for place in places if place for tag_id in place.tag_ids))


def utc_offset(seconds: float, zone: ZoneInfo) -> str:
    """Return an offset as Butlr writes it: `-7h`, `5h30m`, `0h`."""
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else ''}{hours}h{f'{rest}m' if rest else ''}"
