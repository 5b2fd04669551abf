"""Saved answers of the ended v2 calls (`/sensors`, `/hives`, `/spaces`) as raw records with native names.

No source gives these shapes in full, so every field is optional, and nested objects are read as records too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..raw_records import Misfit, Raw, Steps

# The kind of a record is told by the prefix of its id, or else by a field that only one kind has.
_PREFIXES = {"sensor_": "sensors", "hive_": "hives", "space_": "floors", "floor_": "floors", "room_": "rooms"}
_SIGNS = (
    ("sensors", ("mac_address",)),
    ("hives", ("serial_number", "num_sensors", "mqtt")),
    ("rooms", ("space", "color", "maxCapacity")),
    ("floors", ("rooms", "hives", "timezone", "installation_date")),
)

Records = Iterator[tuple[str, Raw]]


def saved_records(data: Any, place: Steps = ("data",)) -> Records:
    """Yield the records in the `data` of a saved answer, each with its list. `place` is the path of `data`.

    Raises `Misfit` for a value that is not such a record.
    """
    alone = isinstance(data, dict)
    for index, record in enumerate([data] if alone else data):
        steps: Steps = place if alone else (*place, index)
        if not isinstance(record, dict):
            raise Misfit(steps, "expected a sensor, a hive or a space")
        yield from _READERS[_kind(steps, record)](steps, record, {})


def _kind(steps: Steps, record: Mapping[str, Any]) -> str:
    id_ = record.get("id")
    for prefix, kind in _PREFIXES.items():
        if isinstance(id_, str) and id_.startswith(prefix):
            return kind
    for kind, signs in _SIGNS:
        if any(sign in record for sign in signs):
            return kind
    raise Misfit(steps, "neither a sensor nor a hive nor a space, by its id and its fields")


def _sensor(steps: Steps, record: Mapping[str, Any], known: Mapping[str, Any]) -> Records:
    yield from _mentioned(steps, record)
    hive = record.get("hive")
    serial = hive.get("serial_number") if isinstance(hive, dict) else None
    yield (
        "sensors",
        (
            steps,
            {
                **known,
                **_places(record),
                "hive_id": _id_of(hive) or known.get("hive_id"),
                "hive_serial": serial or known.get("hive_serial"),
                "center": record.get("coordinates"),
                **record,
            },
        ),
    )


def _hive(steps: Steps, record: Mapping[str, Any], known: Mapping[str, Any]) -> Records:
    yield from _mentioned(steps, record)
    places = {**known, **_places(record)}
    yield "hives", (steps, {**places, **record})
    yield from _nested(
        "sensors", steps, record, {"hive_id": record.get("id"), "hive_serial": record.get("serial_number")}
    )


def _space(steps: Steps, record: Mapping[str, Any], _known: Mapping[str, Any]) -> Records:
    floor = {**record, "capacity": _capacity(record), "area": _area(record)}
    if not isinstance(floor.get("installation_date"), int):
        floor.pop("installation_date", None)
    yield "floors", (steps, floor)
    inside = {"floor_id": record.get("id")}
    for name in ("rooms", "hives", "sensors"):
        yield from _nested(name, steps, record, inside)


def _room(steps: Steps, record: Mapping[str, Any], known: Mapping[str, Any]) -> Records:
    yield from _mentioned(steps, record)
    places = {**known, **_places(record)}
    room = {
        **places,
        "roomType": record.get("type"),
        **record,
        "capacity": _capacity(record),
        "area": _area(record),
    }
    yield "rooms", (steps, room)
    yield from _nested("sensors", steps, record, {"floor_id": places.get("floor_id"), "room_id": record.get("id")})


_READERS = {"sensors": _sensor, "hives": _hive, "floors": _space, "rooms": _room}


def _nested(kind: str, steps: Steps, record: Mapping[str, Any], known: Mapping[str, Any]) -> Records:
    """Yield the records, or references by id, inside a record."""
    inner = record.get(kind)
    for index, item in enumerate(inner if isinstance(inner, list) else ()):
        found = item if isinstance(item, dict) else {"id": item}
        if found.get("id"):
            yield from _READERS[kind]((*steps, kind, index), found, known)


def _mentioned(steps: Steps, record: Mapping[str, Any]) -> Records:
    """Yield the places and the hive that a device or room names beside its own fields."""
    floor_id = _id_of(record.get("space"))
    for name, kind in (("space", "floors"), ("room", "rooms"), ("hive", "hives")):
        item = record.get(name)
        if isinstance(item, dict) and item.get("id"):
            mentioned = {"id": item["id"], "name": item.get("name")}
            if kind != "floors":
                mentioned["floor_id"] = floor_id
            if kind == "hives":
                mentioned["serial_number"] = item.get("serial_number")
            yield kind, ((*steps, name), mentioned)


def _places(record: Mapping[str, Any]) -> dict[str, Any]:
    places = {"floor_id": _id_of(record.get("space")), "room_id": _id_of(record.get("room"))}
    return {name: id_ for name, id_ in places.items() if id_}


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _capacity(record: Mapping[str, Any]) -> Any:
    capacity = record.get("capacity")
    if isinstance(capacity, dict):
        return capacity
    most = capacity if capacity is not None else record.get("maxCapacity")
    return {"max": most, "mid": record.get("mid_capacity")}


def _area(record: Mapping[str, Any]) -> Any:
    area = record.get("area")
    return area if isinstance(area, dict) or area is None else {"value": area}
