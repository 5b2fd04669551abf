"""Which parts to ask for: the fewest rectangles of assets and windows that hold all that is missing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# More calls than this are worse than one for the whole.
MOST = 8
# So much of the whole is as good as all of it.
NEARLY_ALL = 0.8

Stretch = tuple[int, int]


class Rectangle(NamedTuple):
    ids: tuple[str, ...]
    first: int
    last: int

    @property
    def cells(self) -> int:
        return len(self.ids) * (self.last - self.first)


def rectangles(missing: Mapping[str, Sequence[Stretch]], cells: int) -> list[Rectangle] | None:
    """Cover the stretches of windows that each id lacks, of `cells` in all; None where to ask for all is as well."""
    if not missing:
        return []
    best = min(_by_asset(missing), _by_time(missing), key=lambda found: (len(found), sum(one.cells for one in found)))
    if len(best) > MOST or sum(one.cells for one in best) > NEARLY_ALL * cells:
        return None
    return best


def _by_asset(missing: Mapping[str, Sequence[Stretch]]) -> list[Rectangle]:
    """Ids that lack the same are asked for together."""
    alike: defaultdict[tuple[Stretch, ...], list[str]] = defaultdict(list)
    for id_, stretches in missing.items():
        alike[tuple(stretches)].append(id_)
    return [Rectangle(tuple(ids), *stretch) for stretches, ids in alike.items() for stretch in stretches]


def _by_time(missing: Mapping[str, Sequence[Stretch]]) -> list[Rectangle]:
    """From one change of who lacks something to the next, all who do."""
    edges = sorted({edge for stretches in missing.values() for stretch in stretches for edge in stretch})
    lacking: list[list[str]] = [[] for _ in edges]
    place = {edge: at for at, edge in enumerate(edges)}
    for id_, stretches in missing.items():
        for first, last in stretches:
            for at in range(place[first], place[last]):
                lacking[at].append(id_)
    found: list[Rectangle] = []
    for at, ids in enumerate(lacking[:-1]):
        if not ids:
            continue
        first, last = edges[at], edges[at + 1]
        if found and found[-1].last == first and found[-1].ids == tuple(ids):
            found[-1] = found[-1]._replace(last=last)
        else:
            found.append(Rectangle(tuple(ids), first, last))
    return found
