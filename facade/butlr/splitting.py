"""Split complete rows off the body of a report while it is being received."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from .reporting import Reporting, decode
from .rows import Row, decode_rows

T = TypeVar("T")

# Most bytes before the rows: more than any `page_info`.
MOST_BEFORE = 64 * 1024
# How many ends of objects are tried as the end of a row, from the last on: objects inside a row end in the same way.
TRIED = 16

_TOKEN = re.compile(rb'\s*+([{}\[\]:,]|"(?:[^"\\]++|\\.)*+"|[^\s{}\[\]:,"]++)', re.DOTALL)
_COMMA = re.compile(rb"\s*+,")
_DATA = (b'"data"', b":")


class Splitter(Generic[T]):
    """Takes a body in chunks, and returns the items of the array in its `data`, in order.

    The items so far are complete if they parse as an array between `[` and `]`, whatever is in strings or nested. Other
    bytes wait for `rest`.
    """

    def __init__(self, read: Callable[[bytes], list[T]]) -> None:
        """Take `read`, which decodes a JSON array and raises ValueError for anything else."""
        self._read = read
        self._buffer = bytearray()
        # The buffer is not parsed again before it has so many bytes.
        self._enough = 0
        # Whether `data` is an array; None until that is received.
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
            # Parsed again only when it has doubled, so that small chunks do not cause many attempts.
            self._enough = 2 * len(self._buffer)
        return []

    def rest(self) -> Reporting:
        """Return the items that were not split off, once the body is complete. Raises InvalidResponse."""
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
    """Return the position of the first item of `data`; 0 if it is no array, None if that is not known yet."""
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
