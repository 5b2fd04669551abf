"""The schema of exported tables: one of reports, one of detections, the same in every format.

Rows are passed around as runs: rows that differ only in their times and numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from ..series import texts_of

# A missing time. A missing number is NaN.
NO_TIME = -(2**63)


class Kind(StrEnum):
    TIME = "a timestamp in UTC, of milliseconds"
    NUMBER = "a number of 64 bits"
    TEXT = "a text, dictionary-encoded"


class Field(NamedTuple):
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class RowRun:
    """Rows of one series: `texts` are the same in all rows, each array of `times` and `numbers` has an entry a row.

    Times are epoch milliseconds. All three are in the order of the table's fields of that kind.
    """

    texts: tuple[str | None, ...]
    times: tuple[array[int], ...]
    numbers: tuple[array[float], ...]

    def __len__(self) -> int:
        return len(self.times[0])

    def between(self, start: int, stop: int) -> RowRun:
        """Return the rows from one index up to another."""
        return RowRun(
            self.texts, tuple(some[start:stop] for some in self.times), tuple(some[start:stop] for some in self.numbers)
        )


@dataclass(frozen=True)
class ExportTable:
    """The name and the fields of an exported table, in order."""

    name: str
    fields: tuple[Field, ...]

    def named(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of the fields of a kind, in the order of a run."""
        return tuple(field.name for field in self.fields if field.kind is kind)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return self.named(Kind.TEXT)

    @cached_property
    def times(self) -> tuple[str, ...]:
        return self.named(Kind.TIME)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        return self.named(Kind.NUMBER)


def _fields(kind: Kind, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names)


REPORT = ExportTable(
    "report",
    (
        *_fields(Kind.TIME, "time", "window_start"),
        *_fields(Kind.TEXT, "timezone", "measurement", "field"),
        *_fields(Kind.NUMBER, "value"),
        *_fields(
            Kind.TEXT,
            "building_id",
            "building_name",
            "space_id",
            "space_name",
            "room_id",
            "room_name",
            "zone_id",
            "zone_name",
            "hive_id",
            "hive_serial",
            "sensor_id",
            "mac_address",
            "tag_id",
            "floor_custom_id",
            "room_custom_id",
            "zone_custom_id",
        ),
    ),
)
DETECTIONS = ExportTable(
    "detections",
    (
        *_fields(Kind.TIME, "time", "window_start"),
        *_fields(Kind.TEXT, "timezone", "data_type", "mac_address"),
        *_fields(Kind.NUMBER, "x", "y"),
    ),
)
TABLES = {table.name: table for table in (REPORT, DETECTIONS)}


def rows_in(runs: Iterable[RowRun]) -> int:
    return sum(map(len, runs))


def in_steps(runs: Iterable[RowRun], rows: int) -> Iterator[list[RowRun]]:
    """Yield runs, some at a time: so many that they have at least `rows`, and less than twice as many."""
    some: list[RowRun] = []
    count = 0
    for run in runs:
        for at in range(0, len(run), rows):
            some.append(run if len(run) <= rows else run.between(at, at + rows))
            count += len(some[-1])
            if count >= rows:
                yield some
                some, count = [], 0
    if some:
        yield some


def texts_of_times(times: array[int]) -> list[str | None]:
    """Return times as RFC 3339 in UTC; None for `NO_TIME`."""
    if NO_TIME not in times:
        return list(texts_of(times))
    return [None if time == NO_TIME else texts_of(array("q", [time]))[0] for time in times]
