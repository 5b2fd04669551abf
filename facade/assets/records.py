"""Asset records: native field names, everything but the id optional.

All sources produce these records, and the schema's types read their fields from them. A field that no source knows is
None. Records are immutable and shared between requests.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct


class CapacityRecord(Struct, frozen=True, kw_only=True):
    max: int | None = None
    mid: int | None = None


class AreaRecord(Struct, frozen=True, kw_only=True):
    value: float | None = None
    unit: str | None = None


class AddressRecord(Struct, frozen=True, kw_only=True):
    lines: list[str] | None = None
    country: str | None = None


class MetaDataRecord(Struct, frozen=True, kw_only=True):
    created_at: str | int | None = None
    updated_at: str | int | None = None
    deleted_at: str | int | None = None


class FloorPlanRecord(Struct, frozen=True, kw_only=True):
    floor_plan_id: str | None = None
    name: str | None = None
    url: str | None = None
    coordinates: Any = None


class Record(Struct, frozen=True, kw_only=True, gc=False):
    id: str
    name: str | None = None


class SiteRecord(Record, frozen=True, kw_only=True):
    butlrCode: str | None = None
    siteNumber: int | None = None
    customID: str | None = None
    timezone: str | None = None
    org_id: str | None = None


class BuildingRecord(Record, frozen=True, kw_only=True):
    site_id: str | None = None
    capacity: CapacityRecord | None = None
    butlr_code: str | None = None
    building_number: int | None = None
    address: AddressRecord | None = None
    customID: str | None = None


class FloorRecord(Record, frozen=True, kw_only=True):
    building_id: str | None = None
    client_id: str | None = None
    metadata: MetaDataRecord | None = None
    timezone: str | None = None
    area: AreaRecord | None = None
    capacity: CapacityRecord | None = None
    installation_date: int | None = None
    installation_status: str | None = None
    service_status: str | None = None
    last_battery_change_date: str | None = None
    next_battery_change_date: str | None = None
    floor_plans: list[FloorPlanRecord] | None = None
    floorNumber: int | None = None
    tag_ids: tuple[str, ...] | None = None
    butlrCode: str | None = None
    customID: str | None = None
    algorithm_config: Any = None


class RoomRecord(Record, frozen=True, kw_only=True):
    floor_id: str | None = None
    client_id: str | None = None
    metadata: MetaDataRecord | None = None
    area: AreaRecord | None = None
    coordinates: list[list[float]] | None = None
    capacity: CapacityRecord | None = None
    rotation: float | None = None
    tag_ids: tuple[str, ...] | None = None
    roomType: str | None = None
    note: str | None = None
    customID: str | None = None
    pir_zero_enable: bool | None = None
    pir_zero_threshold: float | None = None
    pir_zero_window: int | None = None
    algorithm_config: Any = None


class ZoneRecord(Record, frozen=True, kw_only=True):
    room_id: str | None = None
    floor_id: str | None = None
    metadata: MetaDataRecord | None = None
    area: AreaRecord | None = None
    coordinates: list[list[float]] | None = None
    rotation: float | None = None
    capacity: CapacityRecord | None = None
    note: str | None = None
    customID: str | None = None
    tag_ids: tuple[str, ...] | None = None


class TagRecord(Record, frozen=True, kw_only=True):
    organization_id: str | None = None


class HiveRecord(Record, frozen=True, kw_only=True):
    floor_id: str | None = None
    room_id: str | None = None
    metadata: MetaDataRecord | None = None
    serialNumber: str | None = None
    hiveVersion: str | None = None
    hiveType: str | None = None
    lastHeartbeat: int | None = None
    lastRawMessage: int | None = None
    lastCompressedMessage: int | None = None
    lastOccupancyMessage: int | None = None
    lastDetectionMessage: int | None = None
    lastNetworkId: int | None = None
    privateIP: str | None = None
    isStreaming: bool | None = None
    isOnline: bool | None = None
    installed: bool | None = None
    is_sleep_time: bool | None = None
    netPathStability: float | None = None
    coordinates: list[float] | None = None
    note: str | None = None


class SensorRecord(Record, frozen=True, kw_only=True):
    client_id: str | None = None
    floor_id: str | None = None
    room_id: str | None = None
    hive_id: str | None = None
    hive_serial: str | None = None
    zone_ids: tuple[str, ...] | None = None
    metadata: MetaDataRecord | None = None
    mac_address: str | None = None
    sensor_serial: str | None = None
    mode: str | None = None
    model: str | None = None
    sensitivity: float | None = None
    center: list[float] | None = None
    height: float | None = None
    is_entrance: bool | None = None
    parallel_to_door: bool | None = None
    is_online: bool | None = None
    is_streaming: bool | None = None
    is_sleep_time: bool | None = None
    door_line: float | None = None
    in_direction: float | None = None
    field_of_view: float | None = None
    effective_field_of_view: float | None = None
    orientation: list[float] | None = None
    last_heartbeat: int | None = None
    last_raw_message: int | None = None
    last_compressed_message: int | None = None
    last_occupancy_message: int | None = None
    last_detection_message: int | None = None
    power_type: str | None = None
    last_battery_change_date: str | None = None
    next_battery_change_date: str | None = None
    battery_change_by_date: str | None = None
    estimated_total_runtime_days: int | None = None
    algorithm_config: Any = None
    note: str | None = None
    installation_status: str | None = None
    pir_zero_enable: bool | None = None
    calibration: Any = None
    active_hours: Any = None
    generation: Any = None
    messages_per_second: Any = None
    last_seen: str | None = None


# Keyed by the name of their list in `Assets` and in an inventory, from the outermost place to the devices.
RECORD_TYPES: dict[str, type[Record]] = {
    "sites": SiteRecord,
    "buildings": BuildingRecord,
    "floors": FloorRecord,
    "rooms": RoomRecord,
    "zones": ZoneRecord,
    "sensors": SensorRecord,
    "hives": HiveRecord,
    "tags": TagRecord,
}

AnyRecord = TypeVar("AnyRecord", bound=Record)


def filled_from(first: AnyRecord, second: AnyRecord) -> AnyRecord:
    """Return `first` with its unknown fields taken from `second`."""
    missing = {
        field: value
        for field in first.__struct_fields__
        if getattr(first, field) is None and (value := getattr(second, field)) is not None
    }
    return msgspec.structs.replace(first, **missing) if missing else first
