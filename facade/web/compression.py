"""Answers compressed, as far as a client takes it."""

import asyncio
import gzip
import re
from collections.abc import Callable
from functools import lru_cache

import brotli
import zstandard

# Bytes. A smaller answer is one packet either way.
LEAST = 1024
# Bytes that are compressed in some milliseconds; more than that must not keep the others waiting.
AT_ONCE = 64 * 1024

IDENTITY = "identity"
_WEIGHT = re.compile(r"[01](\.[0-9]*)?")
# At equal weights the first. zstd is not: a fetch polyfill in wide use says that it takes zstd, and fails on it.
_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=4)),
    "zstd": lambda body: zstandard.compress(body, 3),
    "gzip": lambda body: gzip.compress(body, 5, mtime=0),
}


@lru_cache(maxsize=256)
def coding_of(accept_encoding: str) -> str:
    """Return the coding to answer in, `IDENTITY` for none (RFC 9110, section 12.5.3)."""
    given = _given(accept_encoding)
    rest = given.get("*", 0.0)
    best = max(_CODINGS, key=lambda coding: given.get(coding, rest))
    return best if given.get(best, rest) > 0 else IDENTITY


@lru_cache(maxsize=256)
def takes(accept_encoding: str, coding: str) -> bool:
    """Whether a client takes a coding."""
    given = _given(accept_encoding)
    return given.get(coding, given.get("*", 0.0)) > 0


def _given(accept_encoding: str) -> dict[str, float]:
    given: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.partition(";")
        given[name.strip()] = _quality(weight)
    return given


def _quality(parameters: str) -> float:
    """The weight among the parameters of a value, 0 for one that is none."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
    return 1.0


async def encoded(body: bytes, coding: str) -> bytes:
    compress = _CODINGS[coding]
    if len(body) <= AT_ONCE:
        return compress(body)
    return await asyncio.to_thread(compress, body)
