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
    sensor_id = alias_of("id", ID | None, deprecated=True)
    client_id: ID | None = described("The organisation.")
    mac_address: str | None = described("The MAC address, as Butlr writes it.")
    sensor_serial: str | None = described("The serial number.")
    mode: str | None = described("presence or traffic.")
    name: str | None = described("The name.")
    model: str | None = described("The model.")
    floor_id: ID | None = described("The floor of the sensor.")
    floorID = alias_of("floor_id", ID | None, name="floorID")
    room_id: ID | None = described("The room of the sensor.")
    roomID = alias_of("room_id", ID | None, name="roomID")
    hive_id: ID | None = described("The hive that it reports to.")
    hiveID = alias_of("hive_id", ID | None, name="hiveID")
    hive_serial: str | None = described("The serial number of the hive that it reports to.")
    zone_ids: list[ID] | None = described("The zones in its view.")
    floor = one("Floor", floor_of, "The floor of the sensor.")
    room = one("Room", room_of, "The room of the sensor.")
    hive = one("Hive", hive_of, "The hive that it reports to.")
    zones = many("Zone", named("zone_ids", "zones"), "The zones in its view.")
    metadata: MetaData | None = described("When it was created and changed.")
    sensitivity: float | None = described("The sensitivity.")
    center: list[float] | None = described("Its position on the floor: x and y in metres.")
    height: float | None = described("Its height above the floor in metres.")
    orientation: list[float] | None = described("Yaw, pitch and roll, in degrees.")
    is_entrance: bool | None = described("Whether it counts at an entrance of its floor.")
    parallel_to_door: bool | None = described("Whether it is turned along the door.")
    door_line: float | None = described("The position of the door's line in its view.")
    in_direction: float | None = described("The direction that counts as in.")
    field_of_view: float | None = described("Its field of view in radians.")
    effective_field_of_view: float | None = described("The part of its field of view that is used.")
    is_online: bool | None = described("Whether it is online; null if no source of assets knows.")
    is_streaming: bool | None = described("Whether it streams.")
    is_sleep_time: bool | None = described("Whether it is in sleep mode now.")
    last_heartbeat: int | None = described("The last heartbeat, epoch seconds.")
    last_raw_message: int | None = described("The last raw message, epoch seconds.")
    last_compressed_message: int | None = described("The last compressed message, epoch seconds.")
    last_occupancy_message: int | None = described("The last occupancy message, epoch seconds.")
    last_detection_message: int | None = described("The last detection message, epoch seconds.")
    last_seen: Time | None = described(
        "The time of the latest report row that names it; null if it is not known from reports."
    )
    power_type: str | None = described("Wired or Battery.")
    last_battery_change_date: Time | None = described("When its battery was changed.")
    next_battery_change_date: Time | None = described("When its battery is due to be changed.")
    battery_change_by_date: Time | None = described("The latest date at which its battery must be changed.")
    estimated_total_runtime_days: int | None = described("The estimated days that a battery lasts.")
    algorithm_config: JSON | None = described("The configuration of its algorithm.")
    note: str | None = described("A note.")
    installation_status: str | None = described("INSTALLED or UNINSTALLED.")
    pir_zero_enable: bool | None = described("Whether the motion sensor may set the count to zero.")
    calibration: JSON | None = described("Passed on from Butlr.", deprecated="Deprecated by Butlr.")
    active_hours: JSON | None = described("Passed on from Butlr.", deprecated="Deprecated by Butlr.")
    generation: JSON | None = described("Passed on from Butlr.", deprecated="Deprecated by Butlr.")
    messages_per_second: JSON | None = described("Passed on from Butlr.", deprecated="Deprecated by Butlr.")
    report = report_field()
    detections = detections_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, SensorRecord)


@strawberry.type(description="A list of sensors.")
class Sensors:
    data: list[Sensor] | None = described("The sensors.")
