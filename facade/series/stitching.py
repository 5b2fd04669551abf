"""Answers of several calls put together, and what was asked cut in halves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..butlr import Reporting
from ..upstream import Answer
from .partial_answers import PartialAnswer, oldest
from .query import KEY_OF_FILTER, ReportQuery

_ROW_OWN = frozenset({"time", "value", "start", "stop"})


def halves(query: ReportQuery) -> tuple[ReportQuery, ReportQuery] | None:
    """The first and the last half of a report's windows; None where to cut it would change the answer.

    Windows that lie on the clock are cut at an edge, and only where each row is of one window by itself: an empty
    window that is filled depends on its neighbours.
    """
    windows, start, stop = query.windows, query.start, query.stop
    whole = windows and start and stop and query.is_flat and "paginate" not in query.body
    if not (whole and windows and start and stop) or not windows.on_clock or not windows.is_edge(start):
        return None
    if (query.body.get("window") or {}).keys() & {"offset", "fill", "create_empty"}:
        return None
    middle = windows.floor(start + (stop - start) / 2)
    if not start < middle < stop:
        return None
    return query.between(start, middle), query.between(middle, stop)


def stitched(query: ReportQuery, parts: Sequence[list[Any]]) -> list[Any]:
    """The rows of parts, in order of time, as the rows of the whole query: they say its span and not their part's."""
    span = {name: query.within[name] for name in ("start", "stop")}
    rows = [
        {**row, **{name: value for name, value in span.items() if name in row}} if isinstance(row, dict) else row
        for part in parts
        for row in part
    ]
    if any(_is_interleaved(part) for part in parts):
        return rows
    # One series after the other, as the parts do not say otherwise.
    series: dict[object, list[Any]] = {}
    for row in rows:
        series.setdefault(_series_of(row), []).append(row)
    return [row for some in series.values() for row in some]


def _series_of(row: Any) -> object:
    if not isinstance(row, dict):
        return None
    return tuple(sorted((name, str(value)) for name, value in row.items() if name not in _ROW_OWN))


def _is_interleaved(rows: list[Any]) -> bool:
    """Whether a series is taken up again after another: such an answer is ordered by time first."""
    series = [_series_of(row) for row in rows]
    changes = sum(before != after for before, after in pairwise(series))
    return changes >= len(set(series)) > 1


def separable(query: ReportQuery, dimension: str) -> bool:
    """Whether parts by id put together are the whole: statistics over several ids are never merged."""
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
    """Merge nested maps in place; leaves never meet, for each part holds other ids."""
    for name, value in part.items():
        kept = into.get(name)
        if isinstance(kept, dict) and isinstance(value, dict):
            into[name] = merged = dict(kept)
            _merge_maps(merged, value)
        else:
            into[name] = value
