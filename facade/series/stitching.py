"""Cut a query in halves, and merge the answers of several calls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..butlr import Reporting, Windows
from ..upstream import Answer
from .partial_answers import PartialAnswer, oldest
from .query import KEY_OF_FILTER, ReportQuery

_ROW_OWN = frozenset({"time", "value", "start", "stop"})


def halves(query: ReportQuery, readings: Windows | None = None) -> tuple[ReportQuery, ReportQuery] | None:
    """Return the first and the second half of a query's span; None where the cut would change the answer.

    The cut is at an edge of windows, and only if each row depends on its own window alone: a filled empty window
    depends on its neighbours. `readings` are the edges for a query whose rows are readings, which has no window.
    """
    windows, start, stop = query.windows or readings, query.start, query.stop
    whole = windows and start and stop and query.is_flat and "paginate" not in query.body
    if not (whole and windows and start and stop) or not windows.on_clock:
        return None
    if query.windows and not windows.is_edge(start):
        return None
    if (query.body.get("window") or {}).keys() & {"offset", "fill", "create_empty"}:
        return None
    middle = windows.floor(start + (stop - start) / 2)
    if not start < middle < stop:
        return None
    return query.between(start, middle), query.between(middle, stop)


def stitched(query: ReportQuery, parts: Sequence[list[Any]]) -> list[Any]:
    """Return the rows of parts, oldest part first, with the span of the whole query in place of their part's."""
    span = {name: query.within[name] for name in ("start", "stop")}
    rows = [
        {**row, **{name: value for name, value in span.items() if name in row}} if isinstance(row, dict) else row
        for part in parts
        for row in part
    ]
    if any(_is_interleaved(part) for part in parts):
        return rows
    # The parts have one series after another, so the whole has too.
    series: dict[object, list[Any]] = {}
    for row in rows:
        series.setdefault(_series_of(row), []).append(row)
    return [row for some in series.values() for row in some]


def _series_of(row: Any) -> object:
    if not isinstance(row, dict):
        return None
    return tuple(sorted((name, str(value)) for name, value in row.items() if name not in _ROW_OWN))


def _is_interleaved(rows: list[Any]) -> bool:
    """Return whether a series continues after rows of another: such an answer is ordered by time first."""
    series = [_series_of(row) for row in rows]
    changes = sum(before != after for before, after in pairwise(series))
    return changes >= len(set(series)) > 1


def separable(query: ReportQuery, dimension: str) -> bool:
    """Return whether answers for some of the ids can be merged: statistics over several ids cannot."""
    return query.is_flat or KEY_OF_FILTER.get(dimension) in query.order


def put_together(pieces: Sequence[PartialAnswer[Reporting]]) -> Answer[Reporting]:
    return pieces[0].unwrap() if len(pieces) == 1 else merged_groups([piece.unwrap() for piece in pieces])


def merged_groups(answers: Sequence[Answer[Reporting]]) -> Answer[Reporting]:
    values = [answer.value for answer in answers]
    data: Any = {}
    if any(value.is_flat for value in values):
        data = [row for value in values if value.is_flat for row in value.data]
    else:
        for value in values:
            _merge_maps(data, value.data)
    return Answer(Reporting.from_data(data), oldest([answer.entry for answer in answers]))


def _merge_maps(into: dict[str, Any], part: dict[str, Any]) -> None:
    """Merge nested maps in place. Leaves never collide, since each part has other ids."""
    for name, value in part.items():
        kept = into.get(name)
        if isinstance(kept, dict) and isinstance(value, dict):
            into[name] = merged = dict(kept)
            _merge_maps(merged, value)
        else:
            into[name] = value
