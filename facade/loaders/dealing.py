"""Split one answer about many assets into an answer for each."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from ..butlr import Leaf, Reporting, name_levels, unflatten
from ..series import (
    Body,
    ReportQuery,
)


def is_dealable(dimension: str, body: Body) -> bool:
    """Return whether the answer to one call for all assets can be split.

    A sensor's row names only one of the sensor's zones, so measurements of sensors need a call for each zone.
    """
    if dimension != "zones":
        return True
    measurements = body["filter"].get("measurements") or ()
    return bool(measurements) and all(name.startswith("zone_") for name in measurements)


def with_level(query: ReportQuery, level: str) -> ReportQuery:
    """Add the asset to the levels of a grouped answer that lacks it, so that the answer can be split."""
    if query.is_flat or level in query.order:
        return query
    return query.with_body(group_by={**query.body["group_by"], "order": [level, *query.order]})


def rows_by_id(whole: Reporting, level: str) -> dict[str, Reporting] | None:
    """Split the rows of a flat answer by the asset's id; None if a measurement's rows do not name their asset."""
    dealt: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
    told: set[str | None] = set()
    untold: set[str | None] = set()
    for row, item in zip(whole.rows_with(frozenset({level, "measurement"})), whole.items, strict=True):
        id_ = getattr(row, level)
        if id_ is None:
            untold.add(row.measurement)
            continue
        told.add(row.measurement)
        dealt[id_].append(item)
    if untold - told:
        # No row of this measurement names its asset. A single row without one is dropped instead.
        return None
    return {id_: Reporting.of_items(items) for id_, items in dealt.items()}


def without_level(leaf: Leaf, at: int) -> Leaf:
    return msgspec.structs.replace(leaf, path=(*leaf.path[:at], *leaf.path[at + 1 :]))


def leaves_by_id(
    whole: Reporting, level: str, asked: Sequence[str], wanted: Sequence[str]
) -> dict[str, Reporting] | None:
    """Split a grouped answer by the asset's id; None if a leaf lacks that level."""
    dealt: dict[str, list[Leaf]] = {}
    for leaf in whole.leaves:
        names = name_levels(leaf.path, asked)
        if level not in names:
            return None
        at = names.index(level)
        id_ = leaf.path[at]
        dealt.setdefault(id_, []).append(leaf if level in wanted else without_level(leaf, at))
    return {id_: Reporting.from_data(unflatten(leaves)) for id_, leaves in dealt.items()}
