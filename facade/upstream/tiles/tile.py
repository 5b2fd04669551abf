"""A tile: the rows of one asset in one stretch of time, and which of its windows are covered.

Rows of one series are one form, in which the fields that differ from row to row are left open, and a column for each
of those: a twelfth of the rows' own JSON, from which they are put together faster than they would be parsed.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ...cache import Rules

# Of windows. A stretch is aligned to the epoch.
STRETCH = 256


Place = tuple[str, int]
"""An asset's normal id, and the number of a stretch."""


class Run(NamedTuple):
    """Windows [first, last), asked for at one time. `empty`: the whole answer had no row."""

    first: int
    last: int
    as_of: float
    empty: bool = False

    def fresh_until(self, window: int, every: int, rules: Rules) -> float:
        end = (window + 1) * every
        if end <= self.as_of - rules.late_after:
            return self.as_of + rules.settled_for
        if self.empty:
            return self.as_of + rules.empty_unsettled_for
        if end <= self.as_of:
            return self.as_of + rules.late_for
        return self.as_of + min(max(every, rules.unsettled_least), rules.unsettled_most)

    def fresh(self, now: float, every: int, rules: Rules) -> "Run | None":
        """The windows at its start that are fresh: the older a window, the longer it is kept."""
        low, high = self.first, self.last
        while low < high:
            middle = (low + high) // 2
            if self.fresh_until(middle, every, rules) > now:
                low = middle + 1
            else:
                high = middle
        return self._replace(last=low) if low > self.first else None


Series = tuple[str, bytes, tuple[str, ...]]


class Strand(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Rows of one series, in order of time."""

    array: str
    form: bytes
    """A row's JSON, a `%b` for each open field."""
    names: tuple[str, ...]
    """The open fields, in their order in the row; with a `=` those that echo the ask."""
    rank: tuple[int, int, int]
    """Of the widest answer that held it: how many series that had, its number, and the place in it."""
    windows: list[int]
    columns: tuple[list[bytes], ...]
    """For each open field a value a row, one value where all rows have the same, or none where it echoes the ask."""

    def between(self, first: int, last: int) -> "Strand | None":
        low, high = bisect_left(self.windows, first), bisect_left(self.windows, last)
        if low >= high:
            return None
        if high - low == len(self.windows):
            return self
        columns = tuple(column if len(column) < 2 else column[low:high] for column in self.columns)
        return msgspec.structs.replace(self, windows=self.windows[low:high], columns=columns)

    @property
    def series(self) -> "Series":
        return self.array, self.form, self.names


class Tile(msgspec.Struct, array_like=True, frozen=True, gc=False):
    runs: bytes
    strands: list[Strand]
    envelope: bytes
    """What the newest answer had beside its rows."""
    layouts: int
    """Which orders of rows the answers allow: `shreds.Layout`."""

    @property
    def told_at(self) -> float:
        """When the newest of its answers came that had rows, and so shows how they look."""
        return max((run.as_of for run in runs_of(self.runs) if not run.empty), default=0.0)

    @classmethod
    def of(cls, runs: Sequence[Run], strands: Sequence[Strand], envelope: bytes, layouts: int) -> "Tile":
        return cls(_runs_encoder.encode(joined(runs)), list(strands), envelope, layouts)


# What zlib begins with, and MessagePack's arrays do not.
_PACKED = b"x"
_runs_encoder = msgspec.msgpack.Encoder()
_runs_decoder = msgspec.msgpack.Decoder(list[Run])
_decoder = msgspec.msgpack.Decoder(Tile)


@lru_cache(maxsize=1024)
def runs_of(encoded: bytes) -> tuple[Run, ...]:
    """Most tiles of a group have the same runs, for they were asked together."""
    return tuple(_runs_decoder.decode(encoded))


def encode(tile: Tile, *, packed: bool) -> bytes:
    """`packed`: to a quarter, which takes longer; for what is not written again soon."""
    data = _runs_encoder.encode(tile)
    return zlib.compress(data, 1) if packed else data


def decode(data: bytes) -> Tile | None:
    """None for what another version wrote."""
    try:
        tile = _decoder.decode(zlib.decompress(data) if data[:1] == _PACKED else data)
        runs_of(tile.runs)
    except (msgspec.DecodeError, UnicodeDecodeError, zlib.error):
        return None
    return tile


def joined(runs: Iterable[Run]) -> list[Run]:
    """In order, neighbours asked for together as one."""
    made: list[Run] = []
    for run in sorted(runs):
        if made and made[-1].last == run.first and made[-1][2:] == run[2:]:
            made[-1] = made[-1]._replace(last=run.last)
        else:
            made.append(run)
    return made


def without(run: Run, taken: Iterable[Run]) -> list[Run]:
    """What of a run the others leave."""
    left = [run]
    for other in taken:
        left = [
            piece
            for part in left
            for piece in (
                part._replace(last=min(part.last, other.first)),
                part._replace(first=max(part.first, other.last)),
            )
            if piece.first < piece.last
        ]
    return left


def merged(old: Tile | None, new: Tile) -> Tile:
    """Window by window what was asked for last; a series found in both keeps the rank of the wider answer."""
    if old is None:
        return new
    before = runs_of(old.runs)
    taken = [
        part
        for run in runs_of(new.runs)
        for part in without(run, [other for other in before if other.as_of > run.as_of])
    ]
    kept = [part for run in before for part in without(run, taken)]
    strands = _woven([*_within(old, kept), *_within(new, taken)])
    newest = new if new.told_at >= old.told_at else old
    return Tile.of([*kept, *taken], strands, newest.envelope, old.layouts & new.layouts or newest.layouts)


def _within(tile: Tile, runs: Sequence[Run]) -> list[Strand]:
    spans = joined(run._replace(as_of=0.0, empty=False) for run in runs)
    return [
        part for strand in tile.strands for run in spans if (part := strand.between(run.first, run.last)) is not None
    ]


def _woven(parts: Sequence[Strand]) -> list[Strand]:
    """One strand a series; no two parts have a window in common."""
    by_series: dict[Series, list[Strand]] = {}
    for part in parts:
        by_series.setdefault(part.series, []).append(part)
    return [_joined(sorted(some, key=lambda part: part.windows[0])) for some in by_series.values()]


def _joined(parts: Sequence[Strand]) -> Strand:
    if len(parts) == 1:
        return parts[0]
    columns = []
    for alike in zip(*(part.columns for part in parts), strict=True):
        if all(column == alike[0] and len(column) < 2 for column in alike):
            columns.append(alike[0])
        else:
            columns.append([value for part, column in zip(parts, alike, strict=True) for value in filled(column, part)])
    return msgspec.structs.replace(
        parts[0],
        rank=max((part.rank for part in parts), key=lambda rank: rank[:2]),
        windows=[window for part in parts for window in part.windows],
        columns=tuple(columns),
    )


def filled(column: list[bytes], strand: Strand) -> list[bytes]:
    return column * len(strand.windows) if len(column) == 1 else column
