"""Cache keys: `v1:<scope>:<call>:<SHA-256 of the canonical body>`.

The scope says which callers may read the entry. A key never holds a token, since keys appear in logs and in Redis.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import orjson

_VERSION = "v1"


def canonical(value: Any) -> bytes:
    """Write a value as JSON in which equal bodies are equal bytes: keys sorted, no whitespace, 0.0 written as 0.

    Raises ValueError for NaN and the infinities, and TypeError for other values that JSON does not have.
    """
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            # orjson would write null, and so give two different bodies one key.
            raise ValueError(f"{value} is not JSON")
        # orjson writes integers of 64 bits only. A greater float has one spelling anyway.
        if value.is_integer() and -(2**63) <= value < 2**64:
            return int(value)
    return value


def token_scope(token: str) -> str:
    return "t-" + hashlib.sha256(token.encode()).hexdigest()[:32]


def scope_prefix(scope: str) -> str:
    """Return the prefix that all keys of a scope, and no others, start with, for `Store.drop`."""
    return f"{_VERSION}:{_part(scope)}:"


def key(scope: str, call: str, body: bytes) -> str:
    return f"{scope_prefix(scope)}{_part(call)}:{hashlib.sha256(body).hexdigest()}"


def prefix_of(key: str) -> str:
    """Return the scope prefix of a key; empty for a key that belongs to no scope."""
    return key[: key.find(":", key.find(":") + 1) + 1]


def scope_of(prefix: str) -> str:
    return prefix[prefix.find(":") + 1 : -1]


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless `prefix` is a `scope_prefix`: a part of one would match other scopes, or none."""
    if not prefix or prefix_of(prefix) != prefix:
        raise ValueError(f"not the prefix of a scope: {prefix!r}")


def _part(text: str) -> str:
    if not text or ":" in text:
        raise ValueError(f"a part of a cache key is a word without a colon, not {text!r}")
    return text
