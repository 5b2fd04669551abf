"""The points of a report: a typed decode where the rows are clean, a tolerant one where they are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from ._loose import boolean, filled_text, moment, number, text


class Row(msgspec.Struct, gc=False, kw_only=True):
    """One value of one window. Absent ids and names, which the wire writes as `""`, are None."""

    time: str | int | None = None
    field: str | None = None
    # Not always the one asked for: occupancy rows may name what they were aggregated from.
    measurement: str | None = None
    value: float | None = None
    timezone_offset: str | None = None
    preprocessed: bool | None = None
    tag_id: str | None = None
    building_id: str | None = None
    building_name: str | None = None
    hive_id: str | None = None
    hive_serial: str | None = None
    sensor_id: str | None = None
    space_id: str | None = None
    space_name: str | None = None
    room_id: str | None = None
    room_name: str | None = None
    zone_id: str | None = None
    zone_name: str | None = None
    mac_address: str | None = None
    # The query's span, not the row's.
    start: str | int | None = None
    stop: str | int | None = None
    floor_custom_id: str | None = None
    room_custom_id: str | None = None
    zone_custom_id: str | None = None


_strict = msgspec.json.Decoder(list[Row])
_lax = msgspec.json.Decoder(list[Row], strict=False)
_items = msgspec.json.Decoder(list[msgspec.Raw])

_READERS: dict[str, Callable[[object], Any]] = {
    "time": moment,
    "start": moment,
    "stop": moment,
    "field": text,
    "measurement": text,
    "timezone_offset": text,
    "value": number,
    "preprocessed": boolean,
}
_READERS |= {name: filled_text for name in Row.__struct_fields__ if name not in _READERS}


def decode_rows(array: bytes | memoryview) -> list[Row]:
    """Of a JSON array. Raises ValueError where it is none, or holds bytes that are no text."""
    rows = _typed(array)
    if rows is not None:
        return rows
    try:
        items = _items.decode(array)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ValueError("not an array of JSON") from exc
    # One by one, so that dirt slows only its own row.
    return [row for item in items for row in _typed(b"[%b]" % item) or rows_from([orjson.loads(bytes(item))])]


def rows_from(items: list[Any]) -> list[Row]:
    """Rows of parsed JSON. What is no row is an empty one, so that positions stay."""
    return [_row(item) for item in items]


def _typed(array: bytes | memoryview) -> list[Row] | None:
    """None where a field is of a type that only a tolerant reader takes."""
    try:
        try:
            rows = _strict.decode(array)
        except msgspec.ValidationError:
            # Takes "3" for 3.0, but "nan" too, which no JSON could write again.
            rows = _lax.decode(array)
            if not all(row.value is None or math.isfinite(row.value) for row in rows):
                return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    _drop_blanks(rows)
    return rows


def _row(item: object) -> Row:
    if not isinstance(item, dict):
        return Row()
    return Row(**{name: read(item[name]) for name, read in _READERS.items() if name in item})


def _drop_blanks(rows: list[Row]) -> None:  # noqa: C901, PLR0912 - unrolled: a loop over names is thrice as slow
    for row in rows:
        if row.tag_id == "":
            row.tag_id = None
        if row.building_id == "":
            row.building_id = None
        if row.building_name == "":
            row.building_name = None
        if row.hive_id == "":
            row.hive_id = None
        if row.hive_serial == "":
            row.hive_serial = None
        if row.sensor_id == "":
            row.sensor_id = None
        if row.space_id == "":
            row.space_id = None
        if row.space_name == "":
            row.space_name = None
        if row.room_id == "":
            row.room_id = None
        if row.room_name == "":
            row.room_name = None
        if row.zone_id == "":
            row.zone_id = None
        if row.zone_name == "":
            row.zone_name = None
        if row.mac_address == "":
            row.mac_address = None
        if row.floor_custom_id == "":
            row.floor_custom_id = None
        if row.room_custom_id == "":
            row.room_custom_id = None
        if row.zone_custom_id == "":
            row.zone_custom_id = None
