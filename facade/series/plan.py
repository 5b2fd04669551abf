"""Plan the calls for missing windows: the fewest rectangles of assets and time that cover them. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# A plan of more calls is replaced by one call for the whole query.
MOST_CALLS = 8
# A plan that covers this share of the whole query is replaced by one call for the whole.
NEARLY_ALL = 0.8

Stretch = tuple[int, int]
"""Start and stop in epoch seconds, both at edges of windows."""


class Rectangle(NamedTuple):
    """One call: these assets, from `start` to `stop`."""

    ids: tuple[str, ...]
    start: int
    stop: int

    @property
    def size(self) -> int:
        return len(self.ids) * (self.stop - self.start)


def rectangles(missing: Mapping[str, Sequence[Stretch]], whole: Rectangle) -> list[Rectangle]:
    """Cover the stretches that each id lacks; by `[whole]` where that costs about as much."""
    if not missing:
        return []
    best = min(_by_asset(missing), _by_time(missing), key=lambda found: (len(found), sum(one.size for one in found)))
    if len(best) > MOST_CALLS or sum(one.size for one in best) > NEARLY_ALL * whole.size:
        return [whole]
    return best


def _by_asset(missing: Mapping[str, Sequence[Stretch]]) -> list[Rectangle]:
    """Make one rectangle for all ids that lack the same stretches."""
    alike: defaultdict[tuple[Stretch, ...], list[str]] = defaultdict(list)
    for id_, stretches in missing.items():
        alike[tuple(stretches)].append(id_)
    return [Rectangle(tuple(ids), *stretch) for stretches, ids in alike.items() for stretch in stretches]


def _by_time(missing: Mapping[str, Sequence[Stretch]]) -> list[Rectangle]:
    """Cut time wherever the set of ids that lack something changes, and make one rectangle of each interval."""
    edges = sorted({edge for stretches in missing.values() for stretch in stretches for edge in stretch})
    place = {edge: at for at, edge in enumerate(edges)}
    lacking: list[list[str]] = [[] for _ in edges]
    for id_, stretches in missing.items():
        for start, stop in stretches:
            for at in range(place[start], place[stop]):
                lacking[at].append(id_)
    found: list[Rectangle] = []
    for at, ids in enumerate(lacking[:-1]):
        if not ids:
            continue
        start, stop = edges[at], edges[at + 1]
        if found and found[-1].stop == start and found[-1].ids == tuple(ids):
            found[-1] = found[-1]._replace(stop=stop)
        else:
            found.append(Rectangle(tuple(ids), start, stop))
    return found
