"""What a store keeps: an answer's bytes and what is known of their age."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from zlib import crc32

import msgspec

# The last byte is the version of the layout. The first is no valid UTF-8, so no text reads as an entry.
_MAGIC = b"\xfcFE\x02"
_FRAME = struct.Struct("<4sIQI")  # magic, bytes of the header, bytes of the body, checksum of both

# Epoch seconds: the year 3000.
_LATEST = 32_503_680_000.0

# So many bytes of an entry hold its head, unless its content type is a long one.
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
    """Immutable, so one object may be handed to any number of readers. Times are epoch seconds."""

    body: bytes
    content_type: str
    as_of: float
    """When the upstream answered."""
    fresh_until: float
    settled_until: float | None
    """Up to where nothing changes any more."""
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
        """None for what another version wrote, what is cut or garbled, and whatever else this code did not write."""
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
        """All but the body, from an entry's first bytes."""
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
            # Times of no calendar, or a content type that would begin another header.
            return None
        return cls(
            body=b"",
            content_type=header.content_type,
            as_of=header.as_of,
            fresh_until=header.fresh_until,
            settled_until=header.settled_until,
            partial=header.partial,
        )
