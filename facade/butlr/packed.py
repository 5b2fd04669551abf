"""Packed bodies: very large ones are kept compressed, and read piece by piece."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import zstandard

# Bytes from which on a body is packed. A cache of the usual size keeps no entry so large.
PACKED_FROM = 32 * 1024 * 1024
# Bytes that are collected before they are compressed.
PACKED_AT_ONCE = 4 * 1024 * 1024
# Bytes of one piece: a few milliseconds on the event loop, and little memory beside the records made from it.
PIECE = 256 * 1024

_HEAD = re.compile(rb'\s*\{\s*"data"\s*:\s*\[')
_items = msgspec.json.Decoder(list[msgspec.Raw])


class Packed:
    """The bytes of a body, compressed. Rows in JSON take a tenth of their size or less."""

    def __init__(self, piece: int = PIECE) -> None:
        self.piece = piece
        # The fastest level, to keep up with the socket.
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        self._parts: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def held(self) -> int:
        """Return the compressed size in bytes."""
        return sum(map(len, self._parts))

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    async def add(self, chunks: list[bytes]) -> None:
        # In a thread, since the compressor releases the GIL.
        self._parts += await asyncio.to_thread(lambda: [self._compressor.compress(chunk) for chunk in chunks])
        self._size += sum(map(len, chunks))

    def finish(self) -> None:
        self._parts.append(self._compressor.flush())

    def pieces(self) -> Iterator[bytes]:
        reader: Any = _Parts(self._parts)
        return zstandard.ZstdDecompressor().read_to_iter(reader, write_size=self.piece)


class Unpacked:
    """The bytes of a body, uncompressed, to be read piece by piece."""

    def __init__(self, body: bytes, piece: int = PIECE) -> None:
        self.piece = piece
        self._body = body

    def pieces(self) -> Iterator[bytes]:
        return (self._body[at : at + self.piece] for at in range(0, len(self._body), self.piece))


class _Parts:
    """A file-like reader of compressed parts.

    `read` must not return more than it was asked for: the decompressor copies the result into a buffer of that size
    without a check.
    """

    def __init__(self, parts: list[bytes]) -> None:
        self._left = iter(parts)
        self._part = memoryview(b"")

    def read(self, size: int) -> bytes:
        # An empty part is not the end.
        while not self._part:
            part = next(self._left, None)
            if part is None:
                return b""
            self._part = memoryview(part)
        read, self._part = self._part[:size], self._part[size:]
        return bytes(read)


def is_array(body: Packed | Unpacked) -> bool:
    """Return whether a body begins with an array as `data`."""
    return _HEAD.match(next(body.pieces(), b"")) is not None


def arrays(body: Packed | Unpacked) -> Iterator[bytes]:
    """Yield the `data` of a body for which `is_array` is true, as arrays of about one piece, cut between items.

    The last one is the body with only the remaining items in it, from which the caller sees whether it ends correctly.
    Raises ValueError if it does not end, or if an item is too large.
    """
    waiting: bytes | None = None
    for piece in body.pieces():
        if waiting is None:
            head = _HEAD.match(piece)
            if head is None:
                raise ValueError("not an array as data")
            waiting = piece[head.end() :]
            continue
        # The last piece is not cut here: an array that contains the end of the data would be invalid.
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
    """Return the position of the last comma between two items; 0 if there is none.

    The text before a comma is whole items if it parses as an array: a comma inside an item would leave the item open.
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
