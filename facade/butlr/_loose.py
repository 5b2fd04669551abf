"""Readers for values that the upstream writes in several ways. A value of the wrong type is read as None."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMERAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EMPTY = re.compile(rb"null|\[\s*\]|\{\s*\}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def number(value: object) -> float | None:
    """Read a number or a numeric string. Infinity, NaN and booleans are read as None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not _NUMERAL.fullmatch(value):
            return None
    elif not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def integer(value: object) -> int | None:
    result = number(value)
    return None if result is None else int(result)


def boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        return _BOOLEANS.get(str(value).lower())
    return None


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def filled_text(value: object) -> str | None:
    """Read a text; `""`, which the upstream writes for an absent id or name, as None."""
    return value if isinstance(value, str) and value else None


def moment(value: object) -> str | int | None:
    """Read a time: RFC 3339 text or an epoch number, unchanged."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def is_empty(raw: bytes | memoryview) -> bool:
    """Return whether JSON is null, an empty array or an empty object."""
    return _EMPTY.fullmatch(raw) is not None


def as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
