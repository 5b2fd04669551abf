"""`Entry`: what a store keeps of an answer, its bytes and their age."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from zlib import crc32

import msgspec

# The last byte is the version of the layout. The first is invalid in UTF-8, so that no text is taken for an entry.
_MAGIC = b"\xfcFE\x02"
_FRAME = struct.Struct("<4sIQI")  # magic, bytes of the header, bytes of the body, checksum of both

# Epoch seconds: the year 3000.
_LATEST = 32_503_680_000.0

# The first bytes of an entry, which hold its head unless the content type is a long one.
HEAD = 256


class _Header(msgspec.Struct, array_like=True, frozen=True, gc=False):
    content_type: str
    as_of: float
    fresh_until: float
    settled_until: float | None
    partial: bool


_header = msgspec.msgpack.Decoder(_Header)


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer. Immutable, so that readers may share it. Times are epoch seconds."""

    body: bytes
    content_type: str
    as_of: float
    """When the upstream answered."""
    fresh_until: float
    settled_until: float | None
    """Nothing before this time changes any more."""
    partial: bool
    """Whether the last window is unfinished."""

    @property
    def size(self) -> int:
        return len(self.body) + len(self.content_type)

    def encode(self) -> bytes:
        header = msgspec.msgpack.encode(
            _Header(self.content_type, self.as_of, self.fresh_until, self.settled_until, self.partial)
        )
        frame = _FRAME.pack(_MAGIC, len(header), len(self.body), crc32(self.body, crc32(header)))
        return b"".join((frame, header, self.body))

    @classmethod
    def decode(cls, data: bytes) -> Entry | None:
        """Decode an entry; None for bytes that are damaged or that this version did not write."""
        head = cls.decode_head(data)
        if head is None:
            return None
        _, header_size, body_size, checksum = _FRAME.unpack_from(data)
        start = _FRAME.size + header_size
        if len(data) != start + body_size or crc32(memoryview(data)[_FRAME.size :]) != checksum:
            return None
        return replace(head, body=data[start:])

    @classmethod
    def decode_head(cls, data: bytes) -> Entry | None:
        """Decode an entry without its body, from its first `HEAD` bytes."""
        if len(data) < _FRAME.size:
            return None
        magic, header_size, _, _ = _FRAME.unpack_from(data)
        if magic != _MAGIC or len(data) < _FRAME.size + header_size:
            return None
        try:
            header = _header.decode(memoryview(data)[_FRAME.size : _FRAME.size + header_size])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        times = (header.as_of, header.fresh_until, header.settled_until or 0.0)
        if not all(0 <= time < _LATEST for time in times) or not header.content_type.isprintable():
            # Times beyond the calendar, or a content type that would begin another header.
            return None
        return cls(
            body=b"",
            content_type=header.content_type,
            as_of=header.as_of,
            fresh_until=header.fresh_until,
            settled_until=header.settled_until,
            partial=header.partial,
        )
