"""Decompress gzip bodies of one or several members (RFC 1952, 2.2). httpx silently stops after the first member."""

import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

# Most bytes that are decompressed at once: one byte of a body of zeros becomes a thousand.
PIECE = 1024 * 1024


async def decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the parts of a body, decompressed. Raises `httpx.DecodingError`, also for a truncated body."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("gzip", "x-gzip") or response.is_stream_consumed:
        async for chunk in response.aiter_bytes():
            yield chunk
        return
    members = Members()
    async for raw in response.aiter_raw():
        for piece in members.pieces(raw):
            yield piece
    members.finish()


class Members:
    """Decompresses the members of a gzip file one after another."""

    def __init__(self) -> None:
        self._member = _member()
        # Whether the member has begun. An empty body is no error.
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            full = False
            while data or full:
                if self._member.eof:
                    # Some writers pad a block with zeros.
                    data = data.lstrip(b"\0")
                    if not data:
                        return
                    self._member, self._begun = _member(), False
                self._begun = True
                piece = self._member.decompress(data, PIECE)
                data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                # The input may be consumed while output is still pending, if the piece reached its limit.
                full = len(piece) == PIECE and not self._member.eof
                if piece:
                    yield piece
        except zlib.error as exc:
            raise httpx.DecodingError(str(exc)) from exc

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise httpx.DecodingError("the body ends within a gzip member")


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
