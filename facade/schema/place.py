"""Places: buildings, floors, rooms and zones."""

from typing import Any

import strawberry
from strawberry import ID, UNSET

from ..assets.records import FloorRecord, HiveRecord, RoomRecord, SensorRecord, ZoneRecord
from .context import Info
from .fields import alias_of, described, many, one
from .lookups import floor_of
from .node import Node
from .report import report_field


def _only(records: Any, ids: list[str] | None) -> list[Any]:
    return [record for record in records if not ids or record.id in ids]


async def _floor_rooms(
    root: strawberry.Parent[FloorRecord], info: Info, ids: list[str] | None = UNSET
) -> list[RoomRecord]:
    return _only((await info.context.loaders.assets()).rooms_by_floor.get(root.id, ()), ids)


async def _floor_zones(
    root: strawberry.Parent[FloorRecord], info: Info, ids: list[str] | None = UNSET
) -> list[ZoneRecord]:
    return _only((await info.context.loaders.assets()).zones_by_floor.get(root.id, ()), ids)


async def _floor_sensors(root: strawberry.Parent[FloorRecord], info: Info) -> list[SensorRecord]:
    return (await info.context.loaders.assets()).sensors_by_floor.get(root.id, [])


async def _floor_hives(root: strawberry.Parent[FloorRecord], info: Info) -> list[HiveRecord]:
    return (await info.context.loaders.assets()).hives_by_floor.get(root.id, [])


async def _room_sensors(
    root: strawberry.Parent[RoomRecord], info: Info, ids: list[str] | None = UNSET
) -> list[SensorRecord]:
    return _only((await info.context.loaders.assets()).sensors_by_room.get(root.id, ()), ids)


async def _zone_sensors(root: strawberry.Parent[ZoneRecord], info: Info) -> list[SensorRecord]:
    return (await info.context.loaders.assets()).sensors_by_zone.get(root.id, [])


@strawberry.type(description="A floor; the REST API calls it a space.")
class Floor(Node):
    floor_id = alias_of("id", ID | None, "The same as `id`.")
    name: str | None = described("The name.")
    customID: ID | None = described("The customer's own id.")
    building_id: ID | None = described("The building it is in.")
    rooms = many("Room", _floor_rooms, "Its rooms; `ids` keeps some of them.")
    zones = many("Zone", _floor_zones, "Its zones; `ids` keeps some of them.")
    sensors = many("Sensor", _floor_sensors, "Its sensors.")
    hives = many("Hive", _floor_hives, "Its hives.")
    report = report_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, FloorRecord)


@strawberry.type(description="A room.")
class Room(Node):
    room_id = alias_of("id", ID | None, "The same as `id`.")
    name: str | None = described("The name.")
    customID: str | None = described("The customer's own id.")
    floor_id: ID | None = described("The floor it is on.")
    floorID = alias_of("floor_id", ID | None, "The same as `floor_id`.", name="floorID")
    floor = one("Floor", floor_of, "The floor it is on.")
    sensors = many("Sensor", _room_sensors, "The sensors in it; `ids` keeps some of them.")
    report = report_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, RoomRecord)


@strawberry.type(description="A zone: a part of a floor, drawn beside its rooms.")
class Zone(Node):
    name: str | None = described("The name.")
    customID: str | None = described("The customer's own id.")
    room_id: ID | None = described("A room's id; zones and rooms are siblings, so it says little.")
    floor_id: ID | None = described("The floor it is on.")
    floor = one("Floor", floor_of, "The floor it is on.")
    sensors = many("Sensor", _zone_sensors, "The sensors that look at it.")
    report = report_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, ZoneRecord)


@strawberry.type(description="A list of floors.")
class Floors:
    data: list[Floor] | None = described("The floors.")


@strawberry.type(description="A list of rooms.")
class Rooms:
    data: list[Room] | None = described("The rooms.")


@strawberry.type(description="A list of zones.")
class Zones:
    data: list[Zone] | None = described("The zones.")
