"""Open and not yet landed windows, computed from windows of a minute where that is exact."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import fmean

from ..cache import Rules
from .columns import LABELS, ORDER, Column, joined, order_of
from .labels import Label
from .partial_answers import oldest
from .query import ReportQuery
from .segmented_query import why_whole
from .slices import Slice

_MINUTE = 60
_DAY = 86_400
# How a window's value follows from the values of its minutes, oldest first. A median does not follow from medians.
_OF_MINUTES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "min": min,
    "sum": math.fsum,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "mean": fmean,
}
# Labels that identify a series. The others, such as names, may change over time.
_TOLD_BY = tuple(LABELS.index(name) for name in (*ORDER, "mac_address"))

Key = tuple[str | bool | None, ...]


def minutes_of(query: ReportQuery, now: datetime, rules: Rules) -> ReportQuery | None:
    """Return the same report by the minute, for the windows that are open or may not have landed.

    None if the span has no such windows, or if a window's value does not follow from its minutes.
    """
    windows, filter_, until = query.windows, query.body["filter"], query.unaligned_stop
    if windows is None or query.start is None or until is None or why_whole(query) is not None:
        return None
    window = query.body.get("window") or {}
    if not _MINUTE < windows.seconds <= _DAY or windows.seconds % _MINUTE or window.get("function") not in _OF_MINUTES:
        return None
    if filter_.get("value") not in (None, {"gte": 0}):
        # No source says whether such a bound applies to readings or to windows.
        return None
    start = max(windows.floor(now - timedelta(seconds=rules.landing_of(windows.seconds))), query.start)
    stop = min(now, until).replace(second=0, microsecond=0)
    if start >= stop:
        return None
    minutes = query.with_body(window={**window, "every": "1m"}, filter={**filter_, "value": {"gte": 0}})
    return minutes.between(start, stop)


def with_open(slice_: Slice, minutes: Slice) -> Slice:
    """Return a slice with its missing windows computed from minutes. A landed window wins over its minutes."""
    query = slice_.query
    made = list(_made(slice_, minutes))
    parts: dict[Key, list[Column]] = {}
    for column in (*slice_.columns, *made):
        parts.setdefault(_key(column), []).append(column)
    # One series whose labels have changed gets the newer ones.
    columns = [
        joined([replace(part, labels=some[-1].labels, echoes=some[0].echoes) for part in some])
        for some in parts.values()
    ]
    entry = replace(oldest([slice_.entry, minutes.entry]), settled_until=slice_.entry.settled_until)
    if made:
        entry = replace(entry, partial=True)
    return Slice(query, slice_.label, sorted(columns, key=order_of), entry)


def _made(slice_: Slice, minutes: Slice) -> Iterable[Column]:
    query, windows = slice_.query, slice_.query.windows
    assert windows is not None  # noqa: S101 -- `minutes_of` has seen to it
    start, stop = minutes.query.start, minutes.query.stop
    assert start is not None and stop is not None  # noqa: S101, PT018 -- as above
    of_minutes = _OF_MINUTES[query.body["window"]["function"]]
    keeps_zeros = query.body["filter"].get("value") is not None
    shift = 1 if slice_.label is Label.STOP else 0
    landed = {(_key(column), time) for column in slice_.columns for time in column.times}
    for column in minutes.columns:
        times, values = array("q"), array("d")
        edge = start
        while edge < stop:
            after = windows.after(edge)
            first, last = (round(moment.timestamp() * 1000) for moment in (edge, after))
            label = last if slice_.label is Label.STOP else first
            part = column.between(first + shift, last + shift)
            known = [value for value in part.values if not math.isnan(value)] if part else []
            if known and (_key(column), label) not in landed:
                value = of_minutes(known)
                if value or keeps_zeros:
                    times.append(label)
                    values.append(value)
            edge = after
        if times:
            yield Column(column.labels, times, values, column.echoes)


def _key(column: Column) -> Key:
    return tuple(column.labels[at] for at in _TOLD_BY)
