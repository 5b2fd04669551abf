"""Hives: the devices that sensors report to."""

from typing import Any

import strawberry
from strawberry import ID, federation

from ..assets.records import HiveRecord
from .detection import place_detections_field
from .fields import alias_of, described, one, some
from .lookups import below, floor_of, room_of
from .native_types import MetaData
from .node import Node
from .report import report_field


@federation.type(keys=["id"], description="A hive: the device that sensors report to and that reports to the cloud.")
class Hive(Node):
    name: str | None = described("The name.")
    serialNumber: str | None = described("The serial number: 16 hexadecimal digits.")
    hiveVersion: str | None = described("The version.")
    hiveType: str | None = described("The type.")
    floor_id: ID | None = described("The floor of the hive.")
    floorID = alias_of("floor_id", ID | None, name="floorID")
    room_id: ID | None = described("The room of the hive.")
    roomID = alias_of("room_id", ID | None, name="roomID")
    floor = one("Floor", floor_of, "The floor of the hive.")
    room = one("Room", room_of, "The room of the hive.")
    metadata: MetaData | None = described("When it was created and changed.")
    lastHeartbeat: int | None = described("The last heartbeat, epoch seconds.")
    lastRawMessage: int | None = described("The last raw message, epoch seconds.")
    lastCompressedMessage: int | None = described("The last compressed message, epoch seconds.")
    lastOccupancyMessage: int | None = described("The last occupancy message, epoch seconds.")
    lastDetectionMessage: int | None = described("The last detection message, epoch seconds.")
    lastNetworkId: int | None = described("The last network id.")
    privateIP: str | None = described("Its IP address in the local network.")
    isStreaming: bool | None = described("Whether it streams.")
    isOnline: bool | None = described("Whether it is online; null if no source of assets knows.")
    is_online = alias_of("isOnline", bool | None)
    installed: bool | None = described("Whether it is installed.")
    is_sleep_time: bool | None = described("Whether it is in sleep mode now.")
    netPathStability: float | None = described("How stable its network path is.")
    coordinates: list[float] | None = described("Its position on the floor.")
    note: str | None = described("A note.")
    sensors = some(
        "Sensor",
        below("sensors_by_hive"),
        "The sensors that report to it; with `ids` only those.",
    )
    report = report_field()
    detections = place_detections_field()

    @classmethod
    def is_type_of(cls, obj: object, _info: Any) -> bool:
        return isinstance(obj, HiveRecord)


@strawberry.type(description="A list of hives.")
class Hives:
    data: list[Hive] | None = described("The hives.")
