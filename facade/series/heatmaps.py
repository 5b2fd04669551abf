"""heatmap_v2 over more than the upstream gives in one call: cut by time, and the cells added up."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from ..butlr import DETECTIONS_PATH, BadInput, Detections
from ..upstream import Answer, Caller, Ledger
from .detections import DetectionsReader
from .pieces import oldest
from .query import Query

MOST = timedelta(days=7)


async def read_heatmap_v2(
    reader: DetectionsReader, query: Query, now: datetime, caller: Caller, ledger: Ledger
) -> Answer[Detections]:
    """Return the answer to a body whose `data_types` is heatmap_v2 alone. Raises `ButlrError`.

    Butlr's docs do not show a cell. Cells of parts are added up where each is an object with one number beside its
    place (`x`, `y` or the like); else, and for normalised maps, whose cells cannot be added, a span of more than
    seven days is `BadInput`.
    """
    parts = _parts(query, now)
    if len(parts) <= 1:
        return await reader.whole(query, caller, ledger)
    options = (query.body.get("window") or {}).get("heatmap_v2_options") or {}
    if options.get("normalize"):
        raise _too_long("normalised maps cannot be added up")
    answers = await asyncio.gather(*(reader.whole(part, caller, ledger) for part in parts))
    cells = added([answer.value.raw("heatmap_v2") for answer in answers])
    return Answer(Detections.from_entries({}, {"heatmap_v2": cells}), oldest([answer.entry for answer in answers]))


def _parts(query: Query, now: datetime) -> list[Query]:
    if query.start is None:
        return [query]
    stop = query.stop or now
    edges = [query.start]
    while edges[-1] + MOST < stop:
        edges.append(edges[-1] + MOST)
    edges.append(stop)
    return [query.between(first, last) for first, last in pairwise(edges)]


def added(maps: Sequence[Any]) -> list[dict[str, Any]]:
    """One map of several. Raises `BadInput` where their cells are not such as can be added."""
    totals: dict[tuple[Any, ...], dict[str, Any]] = {}
    for cells in maps:
        if not isinstance(cells, list):
            raise _too_long("the upstream's map is no list of cells")
        for cell in cells:
            value = _value_of(cell)
            place = tuple(sorted((name, repr(item)) for name, item in cell.items() if name != value))
            if place in totals:
                totals[place][value] += cell[value]
            else:
                totals[place] = dict(cell)
    return list(totals.values())


PLACES = {"x", "y", "lat", "lng", "center_x", "center_y", "row", "column", "col"}


def _value_of(cell: Any) -> str:
    if isinstance(cell, dict):
        numbers: list[str] = [
            name for name, item in cell.items() if name not in PLACES and isinstance(item, int | float)
        ]
        if len(numbers) == 1:
            return numbers[0]
    raise _too_long("the upstream's cells do not say which number is theirs")


def _too_long(reason: str) -> BadInput:
    return BadInput(f"heatmap_v2 covers 7 days a call, and {reason}: ask for at most 7 days.", path=DETECTIONS_PATH)
