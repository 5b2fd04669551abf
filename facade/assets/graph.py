"""`Assets`: all assets that a caller may see, with indexes that all operations of the caller share."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import Self, TypeVar

from ..butlr import ButlrError
from .macs import normal_mac
from .records import (
    RECORD_TYPES,
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


def _by(
    kind: Callable[["Assets"], Mapping[str, R]], ids: Callable[[R], Iterable[str | None] | None]
) -> cached_property[dict[str, list[R]]]:
    """Return an index of one kind of asset by ids that its records name."""

    def index(assets: "Assets") -> dict[str, list[R]]:
        made: dict[str, list[R]] = {}
        for record in kind(assets).values():
            for id_ in ids(record) or ():
                if id_ is not None:
                    made.setdefault(id_, []).append(record)
        return made

    return cached_property(index)


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
        return sum(len(getattr(self, kind)) for kind in RECORD_TYPES)

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
        return Assets(**{kind: _merged(getattr(self, kind), getattr(other, kind)) for kind in RECORD_TYPES})

    @cached_property
    def sensor_by_mac(self) -> dict[str, SensorRecord]:
        return {normal_mac(sensor.mac_address): sensor for sensor in self.sensors.values() if sensor.mac_address}

    @cached_property
    def hive_by_serial(self) -> dict[str, HiveRecord]:
        return {hive.serialNumber.lower(): hive for hive in self.hives.values() if hive.serialNumber}

    sensors_by_hive = _by(lambda assets: assets.sensors, lambda sensor: (sensor.hive_id,))
    sensors_by_room = _by(lambda assets: assets.sensors, lambda sensor: (sensor.room_id,))
    sensors_by_floor = _by(lambda assets: assets.sensors, lambda sensor: (sensor.floor_id,))
    sensors_by_zone = _by(lambda assets: assets.sensors, lambda sensor: sensor.zone_ids)
    hives_by_floor = _by(lambda assets: assets.hives, lambda hive: (hive.floor_id,))
    rooms_by_floor = _by(lambda assets: assets.rooms, lambda room: (room.floor_id,))
    zones_by_floor = _by(lambda assets: assets.zones, lambda zone: (zone.floor_id,))
    floors_by_building = _by(lambda assets: assets.floors, lambda floor: (floor.building_id,))
    buildings_by_site = _by(lambda assets: assets.buildings, lambda building: (building.site_id,))
    floors_by_tag = _by(lambda assets: assets.floors, lambda floor: floor.tag_ids)
    rooms_by_tag = _by(lambda assets: assets.rooms, lambda room: room.tag_ids)
    zones_by_tag = _by(lambda assets: assets.zones, lambda zone: zone.tag_ids)

    def timezone_of(self, place_id: str) -> str | None:
        """Return the time zone of a place: its site's, else its floor's; None if unknown."""
        place = self.rooms.get(place_id) or self.zones.get(place_id)
        floor = self.floors.get((place.floor_id or "") if place else place_id)
        building = self.buildings.get((floor.building_id or "") if floor else place_id)
        site = self.sites.get((building.site_id or "") if building else place_id)
        return (site.timezone if site else None) or (floor.timezone if floor else None)
