"""Places: sites, buildings, floors, rooms and zones, and the tags on them."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry import ID, federation

from ..assets.records import BuildingRecord, FloorRecord, Record, RoomRecord, SiteRecord, TagRecord, ZoneRecord
from .detection import place_detections_field
from .fields import alias_of, described, many, one, some
from .lookups import below, building_of, floor_of, named, site_of
from .native_types import Address, Area, Capacity, FloorPlan, MetaData
from .node import Node
from .occupancy import occupancy_field
from .report import report_field
from .scalars import JSON, InstallationStatus, ServiceStatus, Time
from .stats import stats_field


def _is(record: type[Record]) -> Callable[[object, Any], bool]:
    return lambda obj, _info: isinstance(obj, record)


@federation.type(keys=["id"], description="A site: the buildings of one address. The REST API calls it a client.")
class Site(Node):
    name: str | None = described("The name.")
    buildings = many("Building", below("buildings_by_site"), "Its buildings.")
    butlrCode: str | None = described("Butlr's short code.")
    siteNumber: int | None = described("Its number.")
    customID: str | None = described("The customer's own id.")
    timezone: str | None = described("Its IANA time zone.")
    org_id: str | None = described("The organisation.")
    report = report_field()
    is_type_of = staticmethod(_is(SiteRecord))


@federation.type(keys=["id"], description="A building.")
class Building(Node):
    name: str | None = described("The name.")
    capacity: Capacity | None = described("How many people it has room for.")
    floors = many("Floor", below("floors_by_building"), "Its floors.")
    butlr_code: str | None = described("Butlr's short code.")
    butlrCode = alias_of("butlr_code", str | None, name="butlrCode", deprecated=True)
    building_number: int | None = described("Its number.")
    buildingNumber = alias_of("building_number", int | None, name="buildingNumber", deprecated=True)
    address: Address | None = described("Its address.")
    customID: str | None = described("The customer's own id.")
    site_id: ID | None = described("The site it is on.")
    site = one("Site", site_of, "The site it is on.")
    report = report_field()
    is_type_of = staticmethod(_is(BuildingRecord))


@federation.type(keys=["id"], description="A floor; the REST API calls it a space.")
class Floor(Node):
    floor_id = alias_of("id", ID | None, deprecated=True)
    client_id: ID | None = described("The organisation.", deprecated="Deprecated by Butlr.")
    name: str | None = described("The name.")
    building_id: ID | None = described("The building it is in.")
    buildingId = alias_of("building_id", ID | None, name="buildingId", deprecated=True)
    building = one("Building", building_of, "The building it is in.")
    metadata: MetaData | None = described("When it was created and changed.")
    timezone: str | None = described("Its IANA time zone, if one is set. The time zone of its site takes precedence.")
    area: Area | None = described("Its area.")
    capacity: Capacity | None = described("How many people it has room for.")
    installation_date: int | None = described("When its devices were installed, epoch seconds.")
    installation_status: InstallationStatus | None = described("The status of the installation.")
    service_status: ServiceStatus | None = described("Its service status.")
    sensors = many("Sensor", below("sensors_by_floor"), "Its sensors.")
    hives = many("Hive", below("hives_by_floor"), "Its hives.")
    last_battery_change_date: Time | None = described("When batteries were changed.")
    next_battery_change_date: Time | None = described("When batteries are due to be changed.")
    floor_plans: list[FloorPlan] | None = described("Its floor plans.")
    floorNumber: int | None = described("Its number.")
    tags = many("Tag", named("tag_ids", "tags"), "Its tags; null if no source of assets knows tags.")
    rooms = some("Room", below("rooms_by_floor"), "Its rooms; with `ids` only those.")
    zones = some("Zone", below("zones_by_floor"), "Its zones; with `ids` only those.")
    butlrCode: str | None = described("Butlr's short code.")
    customID: ID | None = described("The customer's own id.")
    algorithm_config: JSON | None = described("The configuration of its algorithm.")
    report = report_field()
    stats = stats_field()
    occupancy = occupancy_field()
    detections = place_detections_field()
    is_type_of = staticmethod(_is(FloorRecord))


@federation.type(keys=["id"], description="A room.")
class Room(Node):
    room_id = alias_of("id", ID | None, deprecated=True)
    client_id: ID | None = described("The organisation.", deprecated="Deprecated by Butlr.")
    name: str | None = described("The name.")
    floor_id: ID | None = described("The floor it is on.")
    floorID = alias_of("floor_id", ID | None, name="floorID")
    floor = one("Floor", floor_of, "The floor it is on.")
    metadata: MetaData | None = described("When it was created and changed.")
    area: Area | None = described("Its area.")
    coordinates: list[list[float]] | None = described("Its outline on the floor, as a list of [x, y].")
    capacity: Capacity | None = described("How many people it has room for.")
    rotation: float | None = described("The rotation of its outline.")
    tags = many("Tag", named("tag_ids", "tags"), "Its tags; null if no source of assets knows tags.")
    roomType: str | None = described("Its use.")
    sensors = some("Sensor", below("sensors_by_room"), "The sensors in it; with `ids` only those.")
    note: str | None = described("A note.")
    customID: str | None = described("The customer's own id.")
    pir_zero_enable: bool | None = described("Whether its motion sensors may set the count to zero.")
    pir_zero_threshold: float | None = described(
        "The share of time without motion, 0 to 1, from which the count is set to zero."
    )
    pir_zero_window: int | None = described("The seconds over which that share is measured.")
    algorithm_config: JSON | None = described("The configuration of its algorithm.")
    report = report_field()
    stats = stats_field()
    occupancy = occupancy_field()
    detections = place_detections_field()
    is_type_of = staticmethod(_is(RoomRecord))


@federation.type(keys=["id"], description="A zone: a part of a floor. Zones and rooms are siblings.")
class Zone(Node):
    name: str | None = described("The name.")
    room_id: ID | None = described("A room's id, as Butlr has it. Zones do not belong to rooms.")
    roomID = alias_of("room_id", ID | None, name="roomID")
    floor_id: ID | None = described("The floor it is on.")
    floorID = alias_of("floor_id", ID | None, name="floorID")
    floor = one("Floor", floor_of, "The floor it is on.")
    metadata: MetaData | None = described("When it was created and changed.")
    area: Area | None = described("Its area.")
    coordinates: list[list[float]] | None = described("Its outline on the floor, as a list of [x, y].")
    rotation: float | None = described("The rotation of its outline.")
    capacity: Capacity | None = described("How many people it has room for.")
    sensors = many("Sensor", below("sensors_by_zone"), "The sensors that have it in their view.")
    note: str | None = described("A note.")
    customID: str | None = described("The customer's own id.")
    tags = many("Tag", named("tag_ids", "tags"), "Its tags; null if no source of assets knows tags.")
    report = report_field()
    stats = stats_field()
    occupancy = occupancy_field()
    is_type_of = staticmethod(_is(ZoneRecord))


@federation.type(keys=["id"], description="A tag on floors, rooms and zones.")
class Tag(Node):
    name: str | None = described("The name.")
    organization_id: str | None = described("The organisation.")
    rooms = many("Room", below("rooms_by_tag"), "The rooms that have it.")
    zones = many("Zone", below("zones_by_tag"), "The zones that have it.")
    floors = many("Floor", below("floors_by_tag"), "The floors that have it.")
    is_type_of = staticmethod(_is(TagRecord))


@strawberry.type(description="A list of sites.")
class Sites:
    data: list[Site] | None = described("The sites.")


@strawberry.type(description="A list of buildings.")
class Buildings:
    data: list[Building] | None = described("The buildings.")


@strawberry.type(description="A list of floors.")
class Floors:
    data: list[Floor] | None = described("The floors.")


@strawberry.type(description="A list of rooms.")
class Rooms:
    data: list[Room] | None = described("The rooms.")


@strawberry.type(description="A list of zones.")
class Zones:
    data: list[Zone] | None = described("The zones.")
