"""The rows of a report while its body still comes: whole ones are split off what is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from .reporting import Reporting, decode
from .rows import Row, decode_rows

T = TypeVar("T")

# Bytes that may come before the rows: more than any `page_info`.
MOST_BEFORE = 64 * 1024
# Ends of objects that are tried, from the last on: objects within a row end like one.
TRIED = 16

_TOKEN = re.compile(rb'\s*+([{}\[\]:,]|"(?:[^"\\]++|\\.)*+"|[^\s{}\[\]:,"]++)', re.DOTALL)
_COMMA = re.compile(rb"\s*+,")
_DATA = (b'"data"', b":")


class Splitter(Generic[T]):
    """Is fed a body in chunks cut anywhere, and gives the items of the array that is its `data`, in order.

    An item's end is taken for one only if all before it reads as JSON: whatever is in strings or nested, where `[`,
    the items so far and `]` are an array, the items so far are whole. What cannot be split so waits for `rest`.
    """

    def __init__(self, read: Callable[[bytes], list[T]]) -> None:
        """`read` decodes a JSON array, and raises ValueError where it is none."""
        self._read = read
        self._buffer = bytearray()
        # Of fewer bytes no further item is to be had.
        self._enough = 0
        # Whether `data` is an array; None while that has not come.
        self.is_array: bool | None = None

    def feed(self, chunk: bytes) -> list[T]:
        self._buffer += chunk
        if self.is_array is None:
            self._look()
        if not self.is_array or len(self._buffer) < self._enough:
            return []
        end, tried = len(self._buffer), 0
        while tried < TRIED and (end := self._buffer.rfind(b"}", 0, end)) >= 0:
            comma = _COMMA.match(self._buffer, end + 1)
            if comma is None:
                continue
            tried += 1
            try:
                items = self._read(b"[%b]" % bytes(self._buffer[: end + 1]))
            except ValueError:
                continue
            del self._buffer[: comma.end()]
            self._enough = 0
            return items
        if tried:
            # Read once more when it has doubled: however small the chunks are, it is not read over and over.
            self._enough = 2 * len(self._buffer)
        return []

    def rest(self) -> Reporting:
        """What has not been split off once the body has come. Raises InvalidResponse."""
        return decode(b'{"data":[' + bytes(self._buffer))

    def _look(self) -> None:
        begin = _array_at(self._buffer)
        if begin is not None:
            self.is_array = begin > 0
            del self._buffer[:begin]
        elif len(self._buffer) > MOST_BEFORE:
            self.is_array = False


def split_rows() -> Splitter[Row]:
    return Splitter(decode_rows)


def _array_at(head: bytearray) -> int | None:
    """Where the items of `data` begin; 0 where it is no array, None where that is not to be seen yet."""
    at = depth = 0
    before = (b"", b"")
    while match := _TOKEN.match(head, at):
        token, at = match[1], match.end()
        if depth == 1 and before == _DATA:
            return at if token == b"[" else 0
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            return 0
        before = (before[1], token)
    return None
