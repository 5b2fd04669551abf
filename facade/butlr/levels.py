"""Assign the names of `group_by.order` to the levels of a grouped answer.

An answer may have fewer levels than were asked for, so position alone does not decide: Butlr's own sample asks for
`["space_id", "field"]` and gets `{"occupancy": {…}}`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_BY_PREFIX = {
    "sensor": "sensor_id",
    "room": "room_id",
    "zone": "zone_id",
    "space": "space_id",
    "floor": "space_id",
    "building": "building_id",
    "hive": "hive_id",
    "tag": "tag_id",
    "site": "site_id",
}
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?:(?:\1[0-9A-Fa-f]{2}){2})?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}.*)?|[0-9]{10}|[0-9]{13}")
# Several names for one kind of value.
_ALIASES = {"space_id": frozenset({"space_id", "floor_id"})}

UNKNOWN = "key"


def name_levels(path: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    if len(path) == len(order):
        return tuple(order)
    return _names_of_kinds(tuple([kind_of(value) for value in path]), tuple(order))


@lru_cache(maxsize=4096)
def kind_of(value: str) -> str:
    """Return the name that a level's value suggests; "" if it may belong to any."""
    prefix, underscore, rest = value.partition("_")
    if underscore and rest and prefix in _BY_PREFIX:
        return _BY_PREFIX[prefix]
    if value in ("in", "out"):
        return "field"
    if _MAC.fullmatch(value):
        return "mac_address"
    if _TIME.fullmatch(value):
        return "time"
    return ""


@lru_cache(maxsize=1024)
def _names_of_kinds(kinds: tuple[str, ...], order: tuple[str, ...]) -> tuple[str, ...]:
    """Assign names to kinds. Cached, since an answer has thousands of leaves but few patterns of kinds."""
    if len(kinds) > len(order):
        return tuple(kind or UNKNOWN for kind in kinds)
    # best[i][j]: how many of the first i levels can get their suggested name from the first j names.
    levels, names = len(kinds), len(order)
    best = [[0] * (names + 1) for _ in range(levels + 1)]
    for i in range(1, levels + 1):
        for j in range(i, names + 1):
            paired = best[i - 1][j - 1] + _honours(kinds[i - 1], order[j - 1])
            best[i][j] = max(paired, best[i][j - 1]) if j > i else paired
    chosen: list[str] = []
    i, j = levels, names
    while i:
        # From the right, pairing wherever that keeps the best count, so that ties align to the right.
        if best[i - 1][j - 1] + _honours(kinds[i - 1], order[j - 1]) == best[i][j]:
            chosen.append(order[j - 1])
            i -= 1
        j -= 1
    return tuple(reversed(chosen))


def _honours(kind: str, name: str) -> int:
    return int(bool(kind) and name in _ALIASES.get(kind, (kind,)))
