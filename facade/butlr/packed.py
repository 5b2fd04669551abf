"""Bodies too large to be held as they came: kept compressed, read again piece by piece."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import zstandard

# From this size on a body is packed. Nothing as large is kept in a cache of the usual size.
PACKED_FROM = 32 * 1024 * 1024
# How much of a body waits until it is packed.
PACKED_AT_ONCE = 4 * 1024 * 1024
# The least that compresses well, and little beside what it makes.
PIECE = 1024 * 1024

_HEAD = re.compile(rb'\s*\{\s*"data"\s*:\s*\[')
_items = msgspec.json.Decoder(list[msgspec.Raw])


class Packed:
    """The bytes of a body, compressed. JSON of rows takes a tenth of its room, or less."""

    def __init__(self, piece: int = PIECE) -> None:
        self.piece = piece
        # The fastest level: the other end is a socket.
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        self._parts: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def held(self) -> int:
        """How many bytes it takes."""
        return sum(map(len, self._parts))

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    async def add(self, chunks: list[bytes]) -> None:
        # In a thread: the compressor lets other threads run, and this is a moment for each megabyte.
        self._parts += await asyncio.to_thread(lambda: [self._compressor.compress(chunk) for chunk in chunks])
        self._size += sum(map(len, chunks))

    def finish(self) -> None:
        self._parts.append(self._compressor.flush())

    def pieces(self) -> Iterator[bytes]:
        reader: Any = _Parts(self._parts)
        return zstandard.ZstdDecompressor().read_to_iter(reader, write_size=self.piece)


class Unpacked:
    """The bytes of a body as they came, to be read piece by piece."""

    def __init__(self, body: bytes, piece: int = PIECE // 4) -> None:
        self.piece = piece
        self._body = body

    def pieces(self) -> Iterator[bytes]:
        return (self._body[at : at + self.piece] for at in range(0, len(self._body), self.piece))


class _Parts:
    """Compressed parts, read one after another as a file is.

    The decompressor copies what `read` returns into a buffer of the size that it asked for, and does not look whether
    that is more.
    """

    def __init__(self, parts: list[bytes]) -> None:
        self._left = iter(parts)
        self._part = memoryview(b"")

    def read(self, size: int) -> bytes:
        # An empty part is not yet the end.
        while not self._part:
            part = next(self._left, None)
            if part is None:
                return b""
            self._part = memoryview(part)
        read, self._part = self._part[:size], self._part[size:]
        return bytes(read)


def is_array(body: Packed | Unpacked) -> bool:
    """Whether the first that a body holds is an array as `data`."""
    return _HEAD.match(next(body.pieces(), b"")) is not None


def arrays(body: Packed | Unpacked) -> Iterator[bytes]:
    """The `data` of a body for which `is_array` is true, cut between items into arrays of about a piece each.

    Last of all comes the body with only the remaining items in it: what follows the data, and that it ends at all, is
    known from that. Raises ValueError where there is no end, or an item larger than can be.
    """
    waiting: bytes | None = None
    for piece in body.pieces():
        if waiting is None:
            head = _HEAD.match(piece)
            if head is None:
                raise ValueError("not an array as data")
            waiting = piece[head.end() :]
            continue
        # Never the last piece: with the end of the data before the cut it would be no array.
        cut = _cut(waiting)
        if cut:
            yield _array(waiting, cut)
            waiting = waiting[cut + 1 :]
        waiting += piece
        if len(waiting) > 32 * body.piece:
            raise ValueError("no end of an item")
    yield b'{"data":[%b' % (waiting or b"")


def _array(text: bytes, end: int) -> bytes:
    return b"".join((b"[", memoryview(text)[:end], b"]"))


def _cut(text: bytes) -> int:
    """Where a comma between two items is, as late as there is one; 0 where there is none.

    What reads as an array up to there is whole items: a comma within one, or in its text, leaves it open.
    """
    at = len(text)
    for _ in range(8):
        at = text.rfind(b"},", 0, at) + 1
        if at == 0:
            return 0
        try:
            _items.decode(_array(text, at))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        return at
    return 0
