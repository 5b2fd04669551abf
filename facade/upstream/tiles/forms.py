"""Rows of one series have one form, in which the fields that differ from row to row are left open."""

import re
from collections.abc import Sequence

import msgspec

from .tile import Strand

_SCALAR = rb'(?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|null|true|false)'
_NUMBERS = rb"\[[\[\]0-9eE+., \n\r\t-]*\]"
_VALUE = re.compile(rb"%b|%b" % (_SCALAR, _NUMBERS))
_OPEN = {
    "reporting": ("time", "value", "start", "stop", "timezone_offset"),
    "detections": ("start_time", "sample_time", "value"),
}
OPEN_FIELD = {
    call: re.compile(rb'(?<!\\)("(?:%b)"\s*:\s*)(%b|%b)' % ("|".join(names).encode(), _SCALAR, _NUMBERS))
    for call, names in _OPEN.items()
}
TIME = {"reporting": "time", "detections": "start_time"}
# Fields that may echo the ask.
ECHO = ("start", "stop")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Unplaceable(Exception):  # noqa: N818 -- named for what it says
    """Something in the answer cannot be told apart: it is not cut."""


class Form:
    """Rows of one series, and a way to take apart the next one that looks like the last."""

    def __init__(self, array: str, asset: str, literals: Sequence[bytes], names: tuple[str, ...]) -> None:
        self.array = array
        self.asset = asset
        self.names = names
        self.literals = literals
        self.values: list[list[bytes]] = [[] for _ in names]
        self.windows: list[int] = []
        # Fields that have been the same so far are looked for as they are.
        self.still = set(range(len(names)))
        self.quick: list[bytes] = []
        self.after: Form | None = None

    def add(self, window: int, slots: Sequence[bytes]) -> None:
        self.windows.append(window)
        for column, value in zip(self.values, slots, strict=True):
            column.append(value)
        moved = {at for at in self.still if slots[at] != self.values[at][0]}
        if moved or not self.quick:
            self.still -= moved
            self.quick = self._quick()

    def _quick(self) -> list[bytes]:
        """The literals around the fields that move."""
        made = [self.literals[0]]
        for at, literal in enumerate(self.literals[1:]):
            if at in self.still and len(self.windows) > 1:
                made[-1] += self.values[at][0] + literal
            else:
                made.append(literal)
        return made

    def parse(self, item: bytes, good: set[bytes]) -> list[bytes] | None:
        """The values of the open fields, if this is a row of the series."""
        literals = self.quick
        at = len(literals[0])
        if not item.startswith(literals[0]) or not item.endswith(literals[-1]):
            return None
        found = []
        for literal in literals[1:-1]:
            end = item.find(literal, at)
            if end < 0:
                return None
            found.append(item[at:end])
            at = end + len(literal)
        if len(literals) > 1:
            found.append(item[at : len(item) - len(literals[-1])])
        for value in found:
            if value not in good:
                if not _VALUE.fullmatch(value):
                    return None
                good.add(value)
        if len(found) == len(self.names):
            return found
        moving = iter(found)
        still = self.still
        return [self.values[n][0] if n in still else next(moving) for n in range(len(self.names))]

    def strand(self, shift: int, echoes: bool, rank: tuple[int, int, int]) -> Strand:
        """The rows in order of time, their windows `shift` earlier; `echoes`: `start` and `stop` are the ask's."""
        order = sorted(range(len(self.windows)), key=self.windows.__getitem__)
        sorted_already = order == list(range(len(order)))
        columns: list[list[bytes]] = []
        for name, values in zip(self.names, self.values, strict=True):
            if echoes and name in ECHO:
                columns.append([])
            elif len(set(values)) == 1:
                columns.append(values[:1])
            else:
                columns.append(values if sorted_already else [values[at] for at in order])
        return Strand(
            array=self.array,
            form=b"%b".join(literal.replace(b"%", b"%%") for literal in self.literals),
            names=tuple(f"={name}" if echoes and name in ECHO else name for name in self.names),
            rank=rank,
            windows=[self.windows[at] - shift for at in order],
            columns=tuple(columns),
        )


def taken_apart(call: str, item: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """What stands around the open fields of a row, and their values."""
    parts = OPEN_FIELD[call].split(item)
    slots = parts[2::3]
    del parts[2::3]
    return (*(a + b for a, b in zip(parts[:-1:2], parts[1::2], strict=True)), parts[-1]), slots


def proven(
    call: str, item: bytes, literals: Sequence[bytes], slots: Sequence[bytes]
) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """The names of the open fields, and all fields of a row. Raises `Unplaceable` where they are not the row's own."""
    try:
        fields = {name: bytes(value) for name, value in _object.decode(item).items()}
    except UNREADABLE as error:
        raise Unplaceable("not a row") from error
    names = tuple(_name(literal) for literal in literals[:-1])
    if len(set(names)) < len(names) or any(fields.get(n) != slot for n, slot in zip(names, slots, strict=True)):
        raise Unplaceable("fields within fields")
    if TIME[call] not in names:
        raise Unplaceable("a row without a time")
    return names, fields


def _name(literal: bytes) -> str:
    """The field that a literal ends with: `…"name":`."""
    return literal.rstrip().removesuffix(b":").rstrip()[:-1].rpartition(b'"')[2].decode()
