"""Grouped `data` of a reporting answer: its levels, its leaves, and their statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import orjson

from ._loose import integer, number
from .rows import Row, decode_rows, rows_from


class ReplyStatistics(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    count: int | None = None
    mean: float | None = None
    median: float | None = None
    stddev: float | None = None
    first: float | None = None
    last: float | None = None


# v3 answers have stddev, while the types of v4 say stdev.
_STATISTICS_KEYS = frozenset(ReplyStatistics.__struct_fields__) | {"stdev"}


class Leaf(msgspec.Struct, frozen=True):
    """The value at the end of a path of keys. At most one of `statistics`, `value` and `rows` is set."""

    path: tuple[str, ...]
    raw: Any
    statistics: ReplyStatistics | None = None
    value: float | None = None
    rows: list[Row] | None = None


_level = msgspec.json.Decoder(dict[str, msgspec.Raw])


def flatten(data: Any) -> list[Leaf]:
    """Return the leaves of nested data, in order. `unflatten` is the inverse.

    A map with a known statistic, an array, a number, null and an empty map are leaves; other maps are levels. An empty
    map at the root has no leaf.
    """
    if isinstance(data, dict) and not data:
        return []
    ends = []
    # Not recursive, since the upstream decides how deep it nests.
    pending: list[tuple[tuple[str, ...], Any]] = [((), data)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, dict) and node and not _is_statistics(node):
            pending.extend([((*path, key), child) for key, child in node.items()][::-1])
        else:
            ends.append((path, node))
    # The rows of all leaves are decoded together, since a raw answer may have a leaf for each row.
    rows = iter(rows_at([item for _, node in ends if isinstance(node, list) for item in node]))
    return [_leaf(path, node, rows) for path, node in ends]


def rows_below(data: memoryview) -> bytes:
    """Return the rows of all leaves as one JSON array, without parsing them. Raises ValueError for invalid JSON."""
    arrays: list[memoryview] = []
    pending = [data]
    while pending:
        raw = pending.pop()
        if raw[0] == ord("["):
            if items := raw[1:-1].tobytes().strip():
                arrays.append(memoryview(items))
        elif raw[0] == ord("{"):
            level = _level.decode(raw)
            told = {key: orjson.loads(memoryview(child)) for key, child in level.items() if key in _STATISTICS_KEYS}
            if not _is_statistics(told):
                pending.extend([memoryview(child) for child in level.values()][::-1])
    return b"[%b]" % b",".join(arrays)


def unflatten(leaves: Iterable[Leaf]) -> Any:
    root: dict[str, Any] = {}
    for leaf in leaves:
        if not leaf.path:
            return leaf.raw
        level = root
        for key in leaf.path[:-1]:
            level = level.setdefault(key, {})
        level[leaf.path[-1]] = leaf.raw
    return root


def _is_statistics(node: dict[str, Any]) -> bool:
    return any(key in _STATISTICS_KEYS and (value is None or number(value) is not None) for key, value in node.items())


def _leaf(path: tuple[str, ...], node: Any, rows: Iterator[Row]) -> Leaf:
    if isinstance(node, list):
        return Leaf(path, node, rows=list(islice(rows, len(node))))
    if isinstance(node, dict):
        return Leaf(path, node, statistics=_statistics(node) if node else None)
    return Leaf(path, node, value=number(node))


def rows_at(items: list[Any]) -> list[Row]:
    try:
        # Writing them for the typed decoder takes half the time of reading each field here.
        return decode_rows(orjson.dumps(items))
    except (TypeError, ValueError):
        return rows_from(items)


def _statistics(node: dict[str, Any]) -> ReplyStatistics:
    deviation = number(node.get("stddev"))
    return ReplyStatistics(
        sum=number(node.get("sum")),
        min=number(node.get("min")),
        max=number(node.get("max")),
        count=integer(node.get("count")),
        mean=number(node.get("mean")),
        median=number(node.get("median")),
        stddev=number(node.get("stdev")) if deviation is None else deviation,
        first=number(node.get("first")),
        last=number(node.get("last")),
    )
