"""Decode rows by series: the fields that all rows of a series share once, and of each row only its time and value.

Nearly all bytes of a long report are ids and names that each row repeats.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec
import orjson

from ._loose import number
from .rows import Row, decode_rows

# Rows that are decoded in one step on the event loop.
ROWS_AT_ONCE = 4096

_items = msgspec.json.Decoder(list[msgspec.Raw] | None)
_text = msgspec.json.Decoder(str)
_TIME, _VALUE = b'"time":', b'"value":'
_OWN = re.compile(rb'"(time|value)"\s*:')
_ESCAPED_NAME = re.compile(rb'\\[^"]*"\s*:')


@dataclass(slots=True)
class RowSeries:
    """Rows that differ only in time and value: the first row, and the times and values of all. NaN stands for null."""

    row: Row
    times: list[str | int | None] = field(default_factory=list)
    values: array[float] = field(default_factory=lambda: array("d"))

    @classmethod
    def of(cls, row: Row) -> Self:
        """Make a series of one row."""
        return cls(row, [row.time], array("d", (math.nan if row.value is None else row.value,)))


_UNSEEN = RowSeries(Row())


class _Times(dict[bytes, str]):
    def __missing__(self, written: bytes) -> str:
        self[written] = time = _text.decode(b'"%b"' % written)
        return time


class _Values(dict[bytes, float]):
    def __missing__(self, written: bytes) -> float:
        value = number(orjson.loads(written))
        self[written] = read = math.nan if value is None else value
        return read


def in_series(rows: bytes | memoryview) -> Iterator[list[RowSeries]]:
    """Yield the rows of a JSON array by series, in steps. Raises ValueError as `decode_rows` does."""
    try:
        items = _items.decode(rows) or []
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ValueError("not an array of JSON") from exc
    for at in range(0, len(items), ROWS_AT_ONCE):
        yield _in_series(items[at : at + ROWS_AT_ONCE])


def _in_series(items: Sequence[msgspec.Raw]) -> list[RowSeries]:
    found: dict[tuple[bytes, bytes, bytes], RowSeries | None] = {}
    series: list[RowSeries] = []
    times, values = _Times(), _Values()
    one: RowSeries | None = None
    before = between = after = b""
    time_at = time_end = value_at = 0
    for item in items:
        text = bytes(item)
        # Most rows belong to the series of the previous row.
        alike = text.startswith(before) and text.endswith(after) and text[time_end:value_at] == between
        if one is None or not alike:
            time_at = text.find(b'"', text.find(_TIME) + 7) + 1
            time_end = text.find(b'"', time_at)
            value_at = text.find(_VALUE, time_end) + 8
            value_end = text.find(b",", value_at)
            before, between = text[:time_at], text[time_end:value_at]
            after = text[value_end:] if value_end > 0 else text[-1:]
            one = found.get((before, between, after), _UNSEEN)
        try:
            time, value = times[text[time_at:time_end]], values[text[value_at : -len(after)]]
        except (ValueError, msgspec.DecodeError):
            one = None
        else:
            if one is _UNSEEN:
                one = found[before, between, after] = _opened(text, time, value)
                if one is not None:
                    series.append(one)
        if one is None:
            # A row that is written differently, or is invalid, is decoded by itself.
            series.append(RowSeries.of(decode_rows(b"[%b]" % text)[0]))
        else:
            one.times.append(time)
            one.values.append(value)
    return series


def _opened(text: bytes, time: str, value: float) -> RowSeries | None:
    """Return a new series that begins with a row; None if its time and value may not be where they were found."""
    if sorted(_OWN.findall(text)) != [b"time", b"value"] or text.count(b"{") != 1 or _ESCAPED_NAME.search(text):
        return None
    row = decode_rows(b"[%b]" % text)[0]
    read = math.nan if row.value is None else row.value
    same = read == value or (math.isnan(read) and math.isnan(value))
    return RowSeries(row) if row.time == time and same else None
