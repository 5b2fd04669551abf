"""The query for all assets of Butlr's own GraphQL API, and the fields that can be omitted from it."""

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from ..records import RECORD_TYPES, AddressRecord, AreaRecord, CapacityRecord, FloorPlanRecord, MetaDataRecord

# A field by its type: ("Sensor", "height").
FieldOf = tuple[str, str]

_TYPES = {kind: kind.removesuffix("s").capitalize() for kind in RECORD_TYPES}
# The types of the fields that are objects.
_PARTS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "metadata": ("MetaData", MetaDataRecord),
    "capacity": ("Capacity", CapacityRecord),
    "area": ("Area", AreaRecord),
    "address": ("Address", AddressRecord),
    "floor_plans": ("FloorPlan", FloorPlanRecord),
}
# `tags` is a plain list; every other list is wrapped in `data`.
_UNWRAPPED = ("tags",)
# Fields of the facade that the native API lacks: they come from reports, or from the tags that places name.
_OURS = {"last_seen", "tag_ids"}

_UNKNOWN = re.compile(r"""[Cc]annot query field ["'`]?(\w+)["'`]? on type ["'`]?(\w+)["'`]?""")
# Error for a field that is a scalar here and an object there, or the reverse. The message names the field's own type.
_OTHER_SHAPE = re.compile(r"""[Ff]ield ["'`]?(\w+)["'`]? .*must (?:not )?have a (?:selection|sub)""")


def query_without(left_out: Collection[FieldOf] = ()) -> str:
    """Return the query without some fields.

    It has `floor_id` and `room_id`, since `floorID` and `roomID` fail for a device without a place.
    """
    lists = [
        f"{kind} {selection}" if kind in _UNWRAPPED else f"{kind} {{ data {selection} }}"
        for kind in RECORD_TYPES
        if ("Query", kind) not in left_out
        for selection in [_selection(_TYPES[kind], _fields(kind), left_out)]
    ]
    return f"query Assets {{ {' '.join(lists)} }}"


def _fields(kind: str) -> Iterator[str]:
    for field in RECORD_TYPES[kind].__struct_fields__:
        if field == "tag_ids":
            yield "tags"
        elif field not in _OURS:
            yield field


def _selection(type_: str, fields: Iterator[str], left_out: Collection[FieldOf]) -> str:
    selected = []
    for field in fields:
        if (type_, field) in left_out:
            continue
        if field == "tags":
            selected.append("tags { id name }")
        elif field in _PARTS:
            inner_type, struct = _PARTS[field]
            inner = _selection(inner_type, iter(struct.__struct_fields__), left_out)
            if inner != "{  }":
                selected.append(f"{field} {inner}")
        else:
            selected.append(field)
    return f"{{ {' '.join(selected)} }}"


def fields_refused(errors: Any) -> set[FieldOf]:
    """Return the fields that the server's schema lacks, or has in another shape, by its errors."""
    refused: set[FieldOf] = set()
    for error in errors if isinstance(errors, list) else ():
        message = error.get("message") if isinstance(error, dict) else None
        if not isinstance(message, str):
            continue
        if unknown := _UNKNOWN.search(message):
            refused.add((unknown[2], unknown[1]))
        elif shape := _OTHER_SHAPE.search(message):
            refused.update(_wherever(shape[1]))
    return {field for field in refused if field[1] not in ("id", "data")}


def fields_failed(errors: Any) -> set[FieldOf]:
    """Return the fields of records whose errors left the answer without data, by the errors' paths.

    A list that failed as a whole is not among them, since an answer without all sensors is of no use.
    """
    failed: set[FieldOf] = set()
    for error in errors if isinstance(errors, list) else ():
        path = error.get("path") if isinstance(error, dict) else None
        names = [step for step in path if isinstance(step, str)] if isinstance(path, list) else []
        if names and names[0] in _TYPES:
            # A path such as sensors, data, metadata, created_at means that the object field (metadata) failed.
            inner = names[1:] if names[0] in _UNWRAPPED else names[2:]
            failed.update((_TYPES[names[0]], field) for field in inner[:1])
    return {field for field in failed if field[1] != "id"}


def _wherever(field: str) -> Iterator[FieldOf]:
    for kind, type_ in _TYPES.items():
        if field in _fields(kind):
            yield type_, field
    for type_, struct in _PARTS.values():
        if field in struct.__struct_fields__:
            yield type_, field
