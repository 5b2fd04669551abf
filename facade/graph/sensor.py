"""Sensors: the devices on ceilings that count people by heat."""

from typing import Any

import strawberry
from strawberry import ID, federation

from ..assets.records import SensorRecord
from .detection import detections_field
from .fields import alias_of, described, many, one
from .lookups import floor_of, hive_of, named, room_of
from .native_types import MetaData
from .node import Node
from .report import report_field
from .scalars import JSON, Time


@federation.type(
    keys=["id"], description="A ceiling sensor (Heatic): it counts people by heat, in a room or through a door."
)
class Sensor(Node):
    sensor_id = alias_of("id", ID | None, "The same as `id`.", deprecated="Butlr deprecates it: use `id`.")
    client_id: ID | None = described("The organisation.")
    mac_address: str | None = described("The MAC address, as Butlr writes it.")
    sensor_serial: str | None = described("The serial number.")
    mode: str | None = described("presence or traffic.")
    name: str | None = described("The name.")
    model: str | None = described("The model.")
    floor_id: ID | None = described("The floor it hangs on.")
    floorID = alias_of("floor_id", ID | None, "The same as `floor_id`.", name="floorID")
    room_id: ID | None = described("The room it hangs in.")
    roomID = alias_of("room_id", ID | None, "The same as `room_id`.", name="roomID")
    hive_id: ID | None = described("The hive it reports to.")
    hiveID = alias_of("hive_id", ID | None, "The same as `hive_id`.", name="hiveID")
    hive_serial: str | None = described("The serial number of that hive.")
    zone_ids: list[ID] | None = described("The zones it looks at.")
    floor = one("Floor", floor_of, "The floor it hangs on.")
    room = one("Room", room_of, "The room it hangs in.")
    hive = one("Hive", hive_of, "The hive it reports to.")
    zones = many("Zone", named("zone_ids", "zones"), "The zones it looks at.")
    metadata: MetaData | None = described("When it was made and changed.")
    sensitivity: float | None = described("The sensitivity.")
    center: list[float] | None = described("Where it hangs on the floor: x, y, in metres.")
    height: float | None = described("How high it hangs, in metres.")
    orientation: list[float] | None = described("Yaw, pitch and roll, in degrees.")
    is_entrance: bool | None = described("Whether it watches an entrance of its floor.")
    parallel_to_door: bool | None = described("Whether it is turned along the door.")
    door_line: float | None = described("Where the door's line runs in its view.")
    in_direction: float | None = described("Which way is in.")
    field_of_view: float | None = described("The angle that it sees, in radians.")
    effective_field_of_view: float | None = described("The angle that it uses.")
    is_online: bool | None = described("Whether it is online; null where no source of assets knows.")
    is_streaming: bool | None = described("Whether it streams.")
    is_sleep_time: bool | None = described("Whether it sleeps now.")
    last_heartbeat: int | None = described("The last heartbeat, epoch seconds.")
    last_raw_message: int | None = described("The last raw message, epoch seconds.")
    last_compressed_message: int | None = described("The last compressed message, epoch seconds.")
    last_occupancy_message: int | None = described("The last occupancy message, epoch seconds.")
    last_detection_message: int | None = described("The last detection message, epoch seconds.")
    last_seen: Time | None = described("The latest report row that names it, where it is known from reports.")
    power_type: str | None = described("Wired or Battery.")
    last_battery_change_date: Time | None = described("When its battery was changed.")
    next_battery_change_date: Time | None = described("When its battery is to be changed.")
    battery_change_by_date: Time | None = described("By when its battery must be changed.")
    estimated_total_runtime_days: int | None = described("How long a battery lasts.")
    algorithm_config: JSON | None = described("The configuration of its algorithm.")
    note: str | None = described("A note.")
    installation_status: str | None = described("INSTALLED or UNINSTALLED.")
    pir_zero_enable: bool | None = described("Whether the motion sensor may set the count to zero.")
    calibration: JSON | None = described("As Butlr has it.", deprecated="Deprecated by Butlr.")
    active_hours: JSON | None = described("As Butlr has it.", deprecated="Deprecated by Butlr.")
    generation: JSON | None = described("As Butlr has it.", deprecated="Deprecated by Butlr.")
    messages_per_second: JSON | None = described("As Butlr has it.", deprecated="Deprecated by Butlr.")
    report = report_field()
    detections = detections_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, SensorRecord)


@strawberry.type(description="A list of sensors.")
class Sensors:
    data: list[Sensor] | None = described("The sensors.")
