"""Convert the graph's data to the answers of REST calls.

The v2 shapes are known from clients of that time, not from official docs. An unknown id is "", as everywhere in the
REST API. Any other value that no source of assets knows is null.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..butlr import parse_rfc3339
from .operations import HEAT_MAPS

Data = Mapping[str, Any]
# Returns the REST answer, or None if the requested asset does not exist.
Shape = Callable[[Data], dict[str, Any] | None]


def sensor(data: Data) -> dict[str, Any]:
    hive = data["hive"] or {}
    return {
        "id": data["id"],
        "mac_address": data["mac_address"] or "",
        "mode": data["mode"],
        "hive": {
            "id": hive.get("id") or data["hive_id"] or "",
            "serial_number": hive.get("serialNumber") or data["hive_serial"] or "",
        },
        "space": _named(data["floor"], data["floor_id"]),
        "room": _named(data["room"], data["room_id"]),
        "orientation": data["orientation"],
        "height": data["height"],
        "coordinates": data["center"],
    }


def hive_row(data: Data) -> dict[str, Any]:
    return {
        "id": data["id"],
        "serial_number": data["serialNumber"] or "",
        "num_sensors": len(data["sensors"] or ()),
    }


def hive(data: Data) -> dict[str, Any]:
    return {
        **hive_row(data),
        "sensors": [_sensor_in(one) for one in data["sensors"] or ()],
        # No current API has gateways or MQTT.
        "gateways": [],
        "space": _named(data["floor"], data["floor_id"]),
        "mqtt": None,
    }


def room(data: Data) -> dict[str, Any]:
    capacity = data["capacity"] or {}
    return {
        "id": data["id"],
        "name": data["name"],
        "type": data["roomType"],
        "area": (data["area"] or {}).get("value"),
        "capacity": capacity.get("max"),
        "mid_capacity": capacity.get("mid"),
        "maxCapacity": capacity.get("max"),
        "coordinates": data["coordinates"],
        # Fields that rooms no longer have. Today sensors have them.
        **dict.fromkeys(("color", "height", "door_line", "in_direction", "parallel_to_door", "sensitivity")),
        "sensors": [_sensor_in(one) for one in data["sensors"] or ()],
        "space": _named(data["floor"], data["floor_id"]),
    }


def space(data: Data) -> dict[str, Any]:
    capacity, building = data["capacity"] or {}, data["building"] or {}
    lines = (building.get("address") or {}).get("lines")
    return {
        "id": data["id"],
        "name": data["name"],
        "address": ", ".join(lines) if lines else None,
        "capacity": capacity.get("max"),
        "mid_capacity": capacity.get("mid"),
        "area": (data["area"] or {}).get("value"),
        # The site's time zone comes first, since a floor's days are counted in it.
        "timezone": (building.get("site") or {}).get("timezone") or data["timezone"],
        "installation_date": data["installation_date"],
        "sensors": [_sensor_in(one) for one in data["sensors"] or ()],
        "hives": [{"id": one["id"], "serial_number": one["serialNumber"] or ""} for one in data["hives"] or ()],
        "rooms": [{"id": one["id"], "name": one["name"]} for one in data["rooms"] or ()],
        "gateways": [],
    }


def _sensor_in(data: Data) -> dict[str, Any]:
    return {"id": data["id"], "mac_address": data["mac_address"] or "", "mode": data["mode"]}


def _named(place: Data | None, id_: str | None) -> dict[str, Any]:
    return {"id": (place or {}).get("id") or id_ or "", "name": (place or {}).get("name")}


def report(data: Data) -> dict[str, Any] | None:
    answer = data["report"]
    if answer is None:
        return None
    # The REST call has page info without pages too, but its numbers are then meaningless.
    return {"data": answer["data"], **({"page_info": answer["page_info"]} if answer["page_info"] else {})}


def stats(data: Data) -> dict[str, Any] | None:
    if data["stats"] is None:
        return None
    return {
        "data": {
            one["item"]: {value["measurement"]: value["value"] for value in one["values"]} for one in data["stats"]
        }
    }


def detections(data: Data) -> dict[str, Any] | None:
    answer = data["detections"]
    if answer is None:
        return None
    return {
        type_: value if type_ in HEAT_MAPS or value is None else [_entry(entry) for entry in value]
        for type_, value in answer.items()
    }


def _entry(entry: Data) -> dict[str, Any]:
    return {
        "start_time": _epoch_ms(entry["start_time"]),
        "sample_time": _epoch_ms(entry["sample_time"]),
        "mac_address": entry["mac_address"] or "",
        "value": entry["value"],
    }


def _epoch_ms(time: str | None) -> int | None:
    moment = parse_rfc3339(time) if time else None
    return round(moment.timestamp() * 1000) if moment else None


def session(field: str) -> Shape:
    def shape(data: Data) -> dict[str, Any] | None:
        answer = data[field]
        # A client login has no refresh token, and its REST answer omits the field.
        return answer and {name: value for name, value in answer.items() if value is not None}

    return shape
