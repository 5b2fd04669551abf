"""`Assets`: all assets that a caller may see, with indexes that all operations of the caller share."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import Self, TypeVar

from ..butlr import ButlrError
from .macs import normal_mac
from .records import (
    BuildingRecord,
    FloorRecord,
    HiveRecord,
    Record,
    RoomRecord,
    SensorRecord,
    SiteRecord,
    TagRecord,
    ZoneRecord,
    filled_from,
)

R = TypeVar("R", bound=Record)


def _index(records: Iterable[R], key: Callable[[R], str | None]) -> dict[str, list[R]]:
    index: dict[str, list[R]] = {}
    for record in records:
        if (value := key(record)) is not None:
            index.setdefault(value, []).append(record)
    return index


def _index_many(records: Iterable[R], keys: Callable[[R], Iterable[str] | None]) -> dict[str, list[R]]:
    index: dict[str, list[R]] = {}
    for record in records:
        for value in keys(record) or ():
            index.setdefault(value, []).append(record)
    return index


def _merged(first: Mapping[str, R], second: Mapping[str, R]) -> dict[str, R]:
    merged = dict(first)
    for id_, record in second.items():
        merged[id_] = filled_from(merged[id_], record) if id_ in merged else record
    return merged


class Assets:
    """An immutable snapshot of assets. Each mapping is by id; indexes are made when first used."""

    def __init__(
        self,
        *,
        sites: Mapping[str, SiteRecord] | None = None,
        buildings: Mapping[str, BuildingRecord] | None = None,
        floors: Mapping[str, FloorRecord] | None = None,
        rooms: Mapping[str, RoomRecord] | None = None,
        zones: Mapping[str, ZoneRecord] | None = None,
        sensors: Mapping[str, SensorRecord] | None = None,
        hives: Mapping[str, HiveRecord] | None = None,
        tags: Mapping[str, TagRecord] | None = None,
        failed: Mapping[str, ButlrError] | None = None,
    ) -> None:
        self.sites = sites or {}
        self.buildings = buildings or {}
        self.floors = floors or {}
        self.rooms = rooms or {}
        self.zones = zones or {}
        self.sensors = sensors or {}
        self.hives = hives or {}
        self.tags = tags or {}
        # The error of each kind whose sources all failed. Its list is then empty although there may be assets.
        self.failed = failed or {}

    def __len__(self) -> int:
        """Return the number of assets."""
        kinds: tuple[Mapping[str, Record], ...] = (
            self.sites,
            self.buildings,
            self.floors,
            self.rooms,
            self.zones,
            self.sensors,
            self.hives,
        )
        return sum(map(len, kinds)) + len(self.tags)

    def __bool__(self) -> bool:
        # An empty snapshot is a snapshot too.
        return True

    def without(self, failed: Mapping[str, ButlrError]) -> Self:
        """Return these assets with the errors of the kinds whose sources failed."""
        if failed == self.failed:
            return self
        other = copy(self)
        other.failed = failed
        return other

    def failure(self, kind: str) -> ButlrError | None:
        """Return the error because of which a kind of asset is not known; None if it is known."""
        error = self.failed.get(kind)
        # The error is raised many times, and would otherwise collect the frames of each.
        return error and error.with_traceback(None)

    def require(self, kind: str) -> None:
        """Raise the error of `failure`, if there is one."""
        if error := self.failure(kind):
            raise error

    def filled_from(self, other: "Assets") -> "Assets":
        """Return these assets, with unknown fields and assets taken from `other`."""
        return Assets(
            sites=_merged(self.sites, other.sites),
            buildings=_merged(self.buildings, other.buildings),
            floors=_merged(self.floors, other.floors),
            rooms=_merged(self.rooms, other.rooms),
            zones=_merged(self.zones, other.zones),
            sensors=_merged(self.sensors, other.sensors),
            hives=_merged(self.hives, other.hives),
            tags=_merged(self.tags, other.tags),
        )

    @cached_property
    def sensor_by_mac(self) -> dict[str, SensorRecord]:
        return {normal_mac(sensor.mac_address): sensor for sensor in self.sensors.values() if sensor.mac_address}

    @cached_property
    def hive_by_serial(self) -> dict[str, HiveRecord]:
        return {hive.serialNumber.lower(): hive for hive in self.hives.values() if hive.serialNumber}

    @cached_property
    def sensors_by_hive(self) -> dict[str, list[SensorRecord]]:
        return _index(self.sensors.values(), lambda sensor: sensor.hive_id)

    @cached_property
    def sensors_by_room(self) -> dict[str, list[SensorRecord]]:
        return _index(self.sensors.values(), lambda sensor: sensor.room_id)

    @cached_property
    def sensors_by_floor(self) -> dict[str, list[SensorRecord]]:
        return _index(self.sensors.values(), lambda sensor: sensor.floor_id)

    @cached_property
    def sensors_by_zone(self) -> dict[str, list[SensorRecord]]:
        return _index_many(self.sensors.values(), lambda sensor: sensor.zone_ids)

    @cached_property
    def hives_by_floor(self) -> dict[str, list[HiveRecord]]:
        return _index(self.hives.values(), lambda hive: hive.floor_id)

    @cached_property
    def rooms_by_floor(self) -> dict[str, list[RoomRecord]]:
        return _index(self.rooms.values(), lambda room: room.floor_id)

    @cached_property
    def zones_by_floor(self) -> dict[str, list[ZoneRecord]]:
        return _index(self.zones.values(), lambda zone: zone.floor_id)

    @cached_property
    def floors_by_building(self) -> dict[str, list[FloorRecord]]:
        return _index(self.floors.values(), lambda floor: floor.building_id)

    @cached_property
    def buildings_by_site(self) -> dict[str, list[BuildingRecord]]:
        return _index(self.buildings.values(), lambda building: building.site_id)

    @cached_property
    def floors_by_tag(self) -> dict[str, list[FloorRecord]]:
        return _index_many(self.floors.values(), lambda floor: floor.tag_ids)

    @cached_property
    def rooms_by_tag(self) -> dict[str, list[RoomRecord]]:
        return _index_many(self.rooms.values(), lambda room: room.tag_ids)

    @cached_property
    def zones_by_tag(self) -> dict[str, list[ZoneRecord]]:
        return _index_many(self.zones.values(), lambda zone: zone.tag_ids)

    def timezone_of(self, place_id: str) -> str | None:
        """Return the time zone of a place: its site's, else its floor's; None if unknown."""
        place = self.rooms.get(place_id) or self.zones.get(place_id)
        floor = self.floors.get((place.floor_id or "") if place else place_id)
        building = self.buildings.get((floor.building_id or "") if floor else place_id)
        site = self.sites.get((building.site_id or "") if building else place_id)
        return (site.timezone if site else None) or (floor.timezone if floor else None)
