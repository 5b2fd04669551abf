"""The assets: one or more sites, their buildings, floors, rooms, zones, sensors, hives and tags.

Names of fields are the native API's wherever it has the field.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from .geometry import FIELD_OF_VIEW

Point = tuple[float, float]
Polygon = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    id: str
    name: str
    organization_id: str


@dataclass(frozen=True, slots=True)
class Site:
    id: str
    name: str
    timezone: str
    org_id: str
    customID: str
    siteNumber: int


@dataclass(frozen=True, slots=True)
class Building:
    id: str
    name: str
    site_id: str
    building_number: int
    capacity: dict[str, int]
    address: dict[str, Any]
    customID: str


@dataclass(frozen=True, slots=True)
class Floor:
    id: str
    name: str
    building_id: str
    timezone: str
    floorNumber: int
    area: dict[str, Any]
    capacity: dict[str, int]
    installation_date: int
    customID: str | None
    tag_ids: tuple[str, ...]


RoomKind = Literal["open", "meeting", "boardroom", "focus", "cafe", "auditorium", "lounge"]


@dataclass(frozen=True, slots=True)
class Room:
    id: str
    name: str
    floor_id: str
    roomType: RoomKind
    area: dict[str, Any]
    capacity: dict[str, int]
    coordinates: Polygon
    customID: str | None
    tag_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str
    floor_id: str
    room_id: str
    area: dict[str, Any]
    capacity: dict[str, int]
    coordinates: Polygon
    customID: str | None
    tag_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hive:
    id: str
    serialNumber: str
    name: str
    floor_id: str
    room_id: str
    coordinates: Point
    is_online: bool = True


@dataclass(frozen=True, slots=True)
class Sensor:
    id: str
    mac_address: str
    sensor_serial: str
    name: str
    mode: Literal["presence", "traffic"]
    model: str
    floor_id: str
    room_id: str
    hive_id: str
    hive_serial: str
    zone_ids: tuple[str, ...]
    center: Point
    height: float
    orientation: tuple[float, float, float]
    power_type: Literal["Wired", "Battery"]
    is_entrance: bool = False
    is_online: bool = True
    field_of_view: float = FIELD_OF_VIEW


@dataclass(frozen=True)
class Campus:
    sites: list[Site] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    sensors: list[Sensor] = field(default_factory=list)
    hives: list[Hive] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)

    def inventory(self) -> dict[str, list[dict[str, Any]]]:
        """Return the assets as flat lists of records, tied by ids."""
        return {
            name: [asdict(asset) for asset in getattr(self, name)]
            for name in ("sites", "buildings", "floors", "rooms", "zones", "sensors", "hives", "tags")
        }

    @cached_property
    def site(self) -> dict[str, Site]:
        return {site.id: site for site in self.sites}

    @cached_property
    def building(self) -> dict[str, Building]:
        return {building.id: building for building in self.buildings}

    @cached_property
    def floor(self) -> dict[str, Floor]:
        return {floor.id: floor for floor in self.floors}

    @cached_property
    def room(self) -> dict[str, Room]:
        return {room.id: room for room in self.rooms}

    @cached_property
    def zone(self) -> dict[str, Zone]:
        return {zone.id: zone for zone in self.zones}

    @cached_property
    def hive(self) -> dict[str, Hive]:
        return {hive.id: hive for hive in self.hives}

    @cached_property
    def sensor(self) -> dict[str, Sensor]:
        return {sensor.id: sensor for sensor in self.sensors}

    @cached_property
    def rooms_of_floor(self) -> dict[str, list[Room]]:
        found: dict[str, list[Room]] = {floor.id: [] for floor in self.floors}
        for room in self.rooms:
            found[room.floor_id].append(room)
        return found

    @cached_property
    def zones_of_floor(self) -> dict[str, list[Zone]]:
        found: dict[str, list[Zone]] = {floor.id: [] for floor in self.floors}
        for zone in self.zones:
            found[zone.floor_id].append(zone)
        return found

    @cached_property
    def sensors_of(self) -> dict[str, list[Sensor]]:
        """The sensors of each floor, room, zone and hive, by its id."""
        found: dict[str, list[Sensor]] = {}
        for sensor in self.sensors:
            for place in (sensor.floor_id, sensor.room_id, sensor.hive_id, *sensor.zone_ids):
                found.setdefault(place, []).append(sensor)
        found.pop("", None)
        return found

    def site_of_floor(self, floor: Floor) -> Site:
        return self.site[self.building[floor.building_id].site_id]
