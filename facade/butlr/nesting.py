"""How deep JSON nests. orjson reads 1,024 levels and writes 254, and recursion in Python ends at some hundreds."""

import re

# Real bodies nest five levels; variables that hold a whole body, eight.
MOST_LEVELS = 64

_TEXT_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def nests_too_deep(json: bytes, most: int = MOST_LEVELS) -> bool:
    """Whether a JSON text has brackets within more than `most` brackets. Takes any bytes, in linear time."""
    if json.count(b"[") + json.count(b"{") <= most:
        return False
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(json):
        first = found[0][:1]
        if first in b"[{":
            depth += 1
            if depth > most:
                return True
        elif first in b"]}":
            depth -= 1
    return False
