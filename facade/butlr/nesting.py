"""Bound the nesting of JSON: orjson reads 1,024 levels but writes 254, and Python's recursion is limited too."""

import re

# Real bodies have five levels; variables with a whole body have eight.
MOST_LEVELS = 64

_TEXT_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def nests_too_deep(json: bytes, most: int = MOST_LEVELS) -> bool:
    """Return whether a JSON text nests brackets deeper than `most`. Accepts any bytes, in linear time."""
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
