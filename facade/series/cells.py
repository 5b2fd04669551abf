"""The cells of heatmap_v2: `[x, y, value]` in `array_cells`, wherever in the reply that is."""

from collections.abc import Iterator, Sequence
from math import fsum
from typing import Any

from ..butlr import DETECTIONS_PATH, BadInput, Detections

CELLS = "array_cells"
# Far finer than any grid, far coarser than what adding up leaves behind.
DIGITS = 6
# Levels of a reply that are searched.
DEEPEST = 16
# Ids and names on the way to a list of cells: whose map it is.
Owner = tuple[tuple[str, str], ...]
Cell = tuple[float, float, float]


def map_in(answer: Detections) -> Any:
    """The docs do not show where in the reply the map is: what is not under `heatmap_v2` is the whole reply."""
    if "heatmap_v2" in answer.data_types:
        return answer.raw("heatmap_v2")
    reply = {name: answer.raw(name) for name in answer.data_types}
    return reply if any(_owned(reply)) else None


def added(maps: Sequence[Any], *, normalize: bool = False) -> Any:
    """Add up maps cell by cell, each owner's by itself, into one of the form that they came in.

    What they say beside their cells is kept where they all say the same. Maps of several owners come as a list.
    Raises `BadInput` where there is no telling where their cells are.
    """
    found: dict[Owner, list[dict[str, Any]]] = {}
    for heatmap in maps:
        owned = list(_owned(heatmap))
        if not owned and heatmap:
            raise _too_long(f"the upstream's map has no {CELLS}")
        for owner, holder in owned:
            found.setdefault(owner, []).append(holder)
    totals = [_total(holders, normalize=normalize) for holders in found.values()]
    if len(totals) == 1:
        return _put_back(next(heatmap for heatmap in maps if any(_owned(heatmap))), totals[0])
    # Nobody was anywhere: as empty as the parts are.
    return totals or (maps[0] if maps else None)


def _owned(node: Any, owner: Owner = (), depth: int = 0) -> Iterator[tuple[Owner, dict[str, Any]]]:
    """Each object of the map that holds cells, with the ids and names on the way to it."""
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for item in node:
            yield from _owned(item, owner, depth + 1)
    elif isinstance(node, dict):
        here = (*owner, *((name, text) for name, text in node.items() if isinstance(text, str)))
        if isinstance(node.get(CELLS), list):
            yield here, node
            return
        for name, item in node.items():
            yield from _owned(item, (*here, ("", name)), depth + 1)


def _total(holders: Sequence[dict[str, Any]], *, normalize: bool) -> dict[str, Any]:
    values: dict[tuple[float, float], list[float]] = {}
    for holder in holders:
        for x, y, value in map(_cell, holder[CELLS]):
            values.setdefault((round(x, DIGITS), round(y, DIGITS)), []).append(value)
    sums = {place: fsum(parts) for place, parts in values.items()}
    most = max(sums.values(), default=0)
    scale = most if normalize and most > 0 else 1
    cells = [[*place, round(value / scale, DIGITS)] for place, value in sums.items()]
    first, *others = holders
    kept = {name: item for name, item in first.items() if all(other.get(name) == item for other in others)}
    return {**kept, CELLS: cells}


def _cell(cell: Any) -> Cell:
    if isinstance(cell, list) and len(cell) == 3 and all(type(item) in (int, float) for item in cell):
        return cell[0], cell[1], cell[2]
    raise _too_long("the upstream's cells are not [x, y, value]")


def _put_back(node: Any, total: dict[str, Any], depth: int = 0) -> Any:
    """Copy the map's form with the total in place of the one object that holds cells."""
    if depth > DEEPEST:
        return node
    if isinstance(node, list):
        return [_put_back(item, total, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get(CELLS), list):
        return total
    return {name: _put_back(item, total, depth + 1) for name, item in node.items()}


def _too_long(reason: str) -> BadInput:
    return BadInput(f"heatmap_v2 covers 7 days a call, and {reason}: ask for at most 7 days.", path=DETECTIONS_PATH)
