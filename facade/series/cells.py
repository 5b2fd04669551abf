"""The cells of heatmap_v2: lists of `[x, y, value]` named `array_cells`, at any depth of the reply."""

from collections.abc import Iterator, Sequence
from math import fsum
from typing import Any

from ..butlr import DETECTIONS_PATH, BadInput, Detections

CELLS = "array_cells"
# Decimals of a coordinate: finer than any grid, and coarse enough to drop the rounding errors of sums.
DIGITS = 6
# How many levels of a reply are searched for cells.
DEEPEST = 16
# The ids and names on the path to a list of cells. They tell the maps of several assets apart.
Owner = tuple[tuple[str, str], ...]
Cell = tuple[float, float, float]


def map_in(answer: Detections) -> Any:
    """Return the map of a reply: `heatmap_v2`, or the whole reply, since the docs do not show where the map is."""
    if "heatmap_v2" in answer.data_types:
        return answer.raw("heatmap_v2")
    reply = {name: answer.raw(name) for name in answer.data_types}
    return reply if any(_owned(reply)) else None


def added(maps: Sequence[Any], *, normalize: bool = False) -> Any:
    """Add up maps cell by cell, for each owner separately, and return the sums in the form of the input.

    Members beside the cells are kept if they are equal in all maps. Maps of several owners are returned as a list.
    Raises `BadInput` if the cells cannot be found.
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
    # No map has cells: the sum is as empty as the parts.
    return totals or (maps[0] if maps else None)


def _owned(node: Any, owner: Owner = (), depth: int = 0) -> Iterator[tuple[Owner, dict[str, Any]]]:
    """Yield each object of the map that holds cells, with the ids and names on the path to it."""
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
    """Copy the map with the total in place of the object that holds cells."""
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
