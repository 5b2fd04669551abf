"""Rows as typed columns: a series for each asset, measurement and field, with integer times and float values."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from ..butlr import Row, RowSeries, format_rfc3339, from_epoch
from .labels import epoch_of
from .turn import Turn

# All fields of a row but its time, its value, and the span of the query that it repeats.
LABELS = tuple(name for name in Row.__struct_fields__ if name not in ("time", "value", "start", "stop"))
MEASUREMENT, FIELD = LABELS.index("measurement"), LABELS.index("field")
# The order of the facade's rows: building, floor, room, zone, sensor, measurement, field, and then time.
ORDER = ("building_id", "space_id", "room_id", "zone_id", "sensor_id", "measurement", "field")
_ORDER = tuple(LABELS.index(name) for name in ORDER)

# Longer lists of times are not memoised, so that the memo stays small.
_MOST_SHARED = 4096

_labels_of = attrgetter(*LABELS)

Labelled = tuple[str | bool | None, ...]
"""The values of `LABELS`, in their order."""


class Unplaceable(Exception):  # noqa: N818 -- named for what happened
    """A row that names no asset, or no time: an answer with such a row is not kept by segments."""


@dataclass(frozen=True, slots=True)
class Column:
    """One series. `labels` are the other fields of its rows, which are equal in all of them.

    `times` are the rows' own in epoch milliseconds, oldest first; a value of NaN stands for null.
    """

    labels: Labelled
    times: array[int]
    values: array[float]
    echoes: bool = True
    """Whether its rows repeat the span of the query (`start`, `stop`)."""

    def between(self, after: int, until: int) -> Column | None:
        """Return the rows from `after` up to, not including, `until`; None where there are none."""
        low, high = bisect_left(self.times, after), bisect_left(self.times, until)
        if low >= high:
            return None
        if high - low == len(self.times):
            return self
        return Column(self.labels, self.times[low:high], self.values[low:high], self.echoes)

    @property
    def measurement(self) -> str | None:
        return self.labels[MEASUREMENT]  # type: ignore[return-value]

    @property
    def field(self) -> str | None:
        return self.labels[FIELD]  # type: ignore[return-value]

    def read_values(self) -> list[float | None]:
        """Return the values, with None for null."""
        values: list[float | None] = self.values.tolist()  # type: ignore[assignment]
        # A sum is NaN if any part is.
        if values and math.isnan(sum(self.values)):
            return [None if value != value else value for value in values]  # noqa: PLR0124 -- NaN alone is not itself
        return values


class _Millis(dict[str | int | None, int]):
    """Memo of the epoch milliseconds of row times. Raises `Unplaceable` for what is not a time."""

    def __init__(self, no_time: int | None) -> None:
        super().__init__()
        self._no_time = no_time

    def __missing__(self, time: str | int | None) -> int:
        seconds = None if time is None else epoch_of(time)
        at = self._no_time if seconds is None else round(seconds * 1000)
        if at is None:
            raise Unplaceable("a row has no time")
        self[time] = at
        return at


class Builder:
    """Sorts rows into columns by asset."""

    def __init__(self, level: str | None, *, no_time: int | None = None) -> None:
        """Sort by `level`, the row's field that names its asset. None: all rows belong to one asset, whose id is empty.

        `no_time` is the time given to rows without one. Where it is None too, such a row raises `Unplaceable`.
        """
        self._asset_at = None if level is None else LABELS.index(level)
        self._columns: dict[Labelled, tuple[array[int], array[float], bool]] = {}
        self._millis = _Millis(no_time)

    def add(self, series: Iterable[RowSeries]) -> None:
        """Add rows. Raises `Unplaceable` for a row without a time."""
        for one in series:
            row = one.row
            labels = _labels_of(row)
            column = self._columns.get(labels)
            if column is None:
                echoes = row.start is not None or row.stop is not None
                column = self._columns[labels] = (array("q"), array("d"), echoes)
            column[0].extend(map(self._millis.__getitem__, one.times))
            column[1].extend(one.values)

    @property
    def times(self) -> Iterable[str | int]:
        """Return the distinct times of the rows, as the upstream wrote them."""
        return [time for time in self._millis if time is not None]

    async def columns(self, turn: Turn) -> dict[str, list[Column]]:
        """Return the columns of each asset, sorted by measurement and field. Raises `Unplaceable`."""
        found: dict[str, list[Column]] = {}
        for labels, (times, values, echoes) in self._columns.items():
            asset = "" if self._asset_at is None else labels[self._asset_at]
            if not isinstance(asset, str):
                raise Unplaceable("a row does not say whose it is")
            found.setdefault(asset, []).append(Column(labels, *_in_order(times, values), echoes))
            await turn.done(len(times))
        for columns in found.values():
            columns.sort(key=order_of)
        return found


def order_of(column: Column) -> tuple[str, ...]:
    """Sort key of a column: asset, measurement, field, and then the other labels."""
    labels = column.labels
    return (*(str(labels[at] or "") for at in _ORDER), *map(str, labels))


def _in_order(times: array[int], values: array[float]) -> tuple[array[int], array[float]]:
    if all(map(int.__le__, times, times[1:])):
        return times, values
    order = sorted(range(len(times)), key=times.__getitem__)
    return array("q", [times[at] for at in order]), array("d", [values[at] for at in order])


def laid_over(old: Sequence[Column], new: Sequence[Column], after: int, until: int) -> list[Column]:
    """Return the columns of `old` with their rows from `after` up to `until` replaced by those of `new`."""
    merged: dict[tuple[Labelled, bool], list[Column]] = {}
    for part in (*_outside(old, after, until), *new):
        merged.setdefault((part.labels, part.echoes), []).append(part)
    return sorted((joined(parts) for parts in merged.values()), key=order_of)


def _outside(columns: Sequence[Column], after: int, until: int) -> Iterable[Column]:
    for column in columns:
        for part in (column.between(-(2**63), after), column.between(until, 2**63 - 1)):
            if part is not None:
                yield part


def joined(parts: Sequence[Column]) -> Column:
    """Join parts of one series, whose times do not overlap, to one column."""
    if len(parts) == 1:
        return parts[0]
    times, values = array("q"), array("d")
    is_ordered = True
    for part in sorted((part for part in parts if part.times), key=lambda part: part.times[0]):
        is_ordered = is_ordered and (not times or times[-1] <= part.times[0])
        times.extend(part.times)
        values.extend(part.values)
    columns = (times, values) if is_ordered else _in_order(times, values)
    return Column(parts[0].labels, *columns, parts[0].echoes)


@lru_cache(maxsize=8192)
def text_of(millis: int) -> str:
    """Write a time as answers do: RFC 3339 in UTC."""
    moment = from_epoch(millis) if abs(millis) >= 10**11 else from_epoch(millis / 1000)
    return "" if moment is None else format_rfc3339(moment)


@lru_cache(maxsize=64)
def _texts(packed: bytes) -> list[str]:
    times = array("q")
    times.frombytes(packed)
    return list(map(text_of, times))


def texts_of(times: array[int]) -> list[str]:
    """Return the times as text. The list is shared by all series with the same times: do not change it."""
    if len(times) > _MOST_SHARED:
        return list(map(text_of, times))
    return _texts(times.tobytes())
