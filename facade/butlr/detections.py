"""Answers of the detections call: an array for each data type, or heat maps, whose shape is not documented."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Self

import msgspec
import orjson

from ._loose import filled_text, is_empty, moment, number
from .client import DETECTIONS_PATH
from .errors import undecodable


class DetectionEntry(msgspec.Struct, gc=False, kw_only=True):
    """The points that one sensor saw in one window. Times are as received: epoch milliseconds, or RFC 3339."""

    start_time: int | str | float | None = None
    sample_time: int | str | float | None = None
    mac_address: str | None = None
    # Points of two numbers: in the sensor's own square (0 to 1), or on the floor.
    value: list[list[float]] | None = None


class WorldEntry(DetectionEntry, gc=False, kw_only=True):
    """An entry whose points are in metres on the floor."""


_ENTRY_OF_TYPE = {"detections_world": WorldEntry}
_strict = msgspec.json.Decoder(list[DetectionEntry])
_strict_world = msgspec.json.Decoder(list[WorldEntry])
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Detections:
    """An answer, of which only the parts that are read get decoded."""

    def __init__(self, raw: dict[str, memoryview], *, body: bytes, path: str = DETECTIONS_PATH) -> None:
        self.body = body
        self._path = path
        self._raw = raw
        self._entries: dict[str, list[DetectionEntry] | None] = {}
        self._parsed: dict[str, Any] = {}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        return cls({key: memoryview(orjson.dumps(value)) for key, value in data.items()}, body=orjson.dumps(data))

    @classmethod
    def from_entries(cls, entries: dict[str, list[DetectionEntry] | None], parsed: dict[str, Any]) -> Self:
        """Make an answer of decoded entries by data type and parsed heat maps, which it takes over."""
        made = cls({}, body=b"")
        made._entries = entries
        made._parsed = parsed
        return made

    @property
    def data_types(self) -> tuple[str, ...]:
        return tuple({**self._raw, **self._entries, **self._parsed})

    def lacks(self, data_types: Iterable[str]) -> bool:
        """Return whether the answer has nothing for these data types, without decoding points."""
        return all(name not in self._raw or is_empty(self._raw[name]) for name in data_types)

    def entries(self, data_type: str) -> list[DetectionEntry] | None:
        """Return the entries of a data type; None if the answer lacks it. Raises InvalidResponse if it is no array."""
        if data_type not in self._entries:
            if data_type not in self._raw:
                return None
            self._entries[data_type] = self._decode_entries(data_type)
        return self._entries[data_type]

    def raw(self, data_type: str) -> Any:
        """Return a data type unchanged, since its shape is not documented. It is shared: do not change it."""
        if data_type not in self._parsed:
            if data_type not in self._raw:
                return None
            try:
                self._parsed[data_type] = orjson.loads(self._raw[data_type])
            except ValueError as exc:
                raise undecodable(self.body, self._path, "detections") from exc
        return self._parsed[data_type]

    def _decode_entries(self, data_type: str) -> list[DetectionEntry]:
        typed = _typed(self._raw[data_type], data_type)
        if typed is not None:
            return typed
        items = self.raw(data_type)
        # The upstream may write null or an empty array for a sensor that saw nobody.
        if items is None:
            return []
        if not isinstance(items, list):
            raise undecodable(self.body, self._path, f"a list of {data_type}")
        made = _ENTRY_OF_TYPE.get(data_type, DetectionEntry)
        return [_entry(item, made) for item in items]


def decode(body: bytes, path: str = DETECTIONS_PATH) -> Detections:
    """Decode an answer. Raises InvalidResponse if the body is not an object."""
    try:
        raw = _keys.decode(body)
        if raw.keys() == {"data"} and memoryview(raw["data"])[0] in b"{n":
            # Accepted although Butlr's docs have no wrapper here, since every other call wraps its answer.
            raw = msgspec.json.decode(raw["data"], type=dict[str, msgspec.Raw] | None) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise undecodable(body, path, "detections") from exc
    return Detections({key: memoryview(value) for key, value in raw.items()}, body=body, path=path)


def _typed(array: memoryview, data_type: str) -> list[DetectionEntry] | None:
    entries: list[DetectionEntry]
    try:
        # Lists are invariant in their type, but no entry is ever added to this one.
        entries = _strict_world.decode(array) if data_type in _ENTRY_OF_TYPE else _strict.decode(array)  # type: ignore[assignment]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for entry in entries:
        if entry.mac_address == "":
            entry.mac_address = None
        for point in entry.value or ():
            if len(point) != 2:
                return None
    return entries


def _entry(item: object, made: type[DetectionEntry]) -> DetectionEntry:
    if not isinstance(item, dict):
        return made()
    points = item.get("value")
    return made(
        start_time=_time(item.get("start_time")),
        sample_time=_time(item.get("sample_time")),
        mac_address=filled_text(item.get("mac_address")),
        value=[point for point in map(_point, points) if point] if isinstance(points, list) else None,
    )


def _time(value: object) -> int | str | float | None:
    return value if isinstance(value, float) and math.isfinite(value) else moment(value)


def _point(item: object) -> list[float] | None:
    """Return the first two coordinates; None if there are fewer."""
    if not isinstance(item, list) or len(item) < 2:
        return None
    x, y = number(item[0]), number(item[1])
    return None if x is None or y is None else [x, y]
