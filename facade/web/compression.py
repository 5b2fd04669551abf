"""Compress answers in a coding that the client accepts."""

import asyncio
import gzip
from collections.abc import Callable
from functools import lru_cache

import brotli
import zstandard

from .weights import weighted

# Bytes. A smaller answer is one packet, compressed or not.
LEAST = 1024
# Bytes that are compressed on the event loop, in a few milliseconds. More are compressed in a thread.
AT_ONCE = 64 * 1024

IDENTITY = "identity"
# In order of preference at equal weights. zstd is not first, since a widely used fetch polyfill accepts it and fails.
_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=4)),
    "zstd": lambda body: zstandard.compress(body, 3),
    "gzip": lambda body: gzip.compress(body, 5, mtime=0),
}


@lru_cache(maxsize=256)
def coding_of(accept_encoding: str) -> str:
    """Return the coding to answer in, or `IDENTITY` (RFC 9110, section 12.5.3)."""
    given = _given(accept_encoding)
    rest = given.get("*", 0.0)
    best = max(_CODINGS, key=lambda coding: given.get(coding, rest))
    return best if given.get(best, rest) > 0 else IDENTITY


@lru_cache(maxsize=256)
def takes(accept_encoding: str, coding: str) -> bool:
    """Return whether a client accepts a coding."""
    given = _given(accept_encoding)
    return given.get(coding, given.get("*", 0.0)) > 0


def _given(accept_encoding: str) -> dict[str, float]:
    return {coding: weight for coding, _, weight in weighted(accept_encoding)}


async def encoded(body: bytes, coding: str) -> bytes:
    compress = _CODINGS[coding]
    if len(body) <= AT_ONCE:
        return compress(body)
    return await asyncio.to_thread(compress, body)
