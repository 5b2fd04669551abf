"""The shapes of an answer: a list of rows, nested maps of rows or statistics, CSV."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from .report_query import ReportQuery
from .rows import ROW_KEYS, utc_offset
from .series import Number
from .validation import format_time
from .wall_clock import clock_windows
from .windows import SAMPLE_PERIOD, Window, cut, edges

UNPAGED = {"page": 1, "page_item_count": 0, "total_item_count": 0, "total_pages": 1}
Point = tuple[int, Number]  # index of the window, value


@dataclass(frozen=True, slots=True)
class Series:
    asset_id: str
    zone: ZoneInfo
    row: dict[str, Any]
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Leaf:
    path: tuple[str, ...]
    value: Any


class ReportWindows:
    """The query's windows, which differ from floor to floor only where time constraints are local.

    In the era `today` they lie on the clock, whole within the span, and are named by their end; in `influx` they
    count from the query's start, are cut to the span, and are named by their start.
    """

    def __init__(self, query: ReportQuery) -> None:
        self._query = query
        every = query.window.every
        self._period = SAMPLE_PERIOD if every.months else min(SAMPLE_PERIOD, every.seconds)
        self._cut: dict[str, list[Window]] = {}
        self._offsets: dict[str, list[str]] = {}

    @cached_property
    def _spans(self) -> list[tuple[float, float]]:
        # Made for the first asset: without assets their number is not bounded.
        query, window = self._query, self._query.window
        if query.start >= query.until:
            return []
        lay = edges if query.era == "influx" else clock_windows
        return list(lay(query.start, query.until, window.every, window.zone, window.offset))

    @cached_property
    def _labels(self) -> list[float]:
        return [start if self._query.era == "influx" else stop for start, stop in self._spans]

    @cached_property
    def names(self) -> list[str]:
        return [format_time(label, self._query.digits) for label in self._labels]

    def within(self, zone: ZoneInfo) -> list[Window]:
        zone = self._query.window.zone or zone
        if (found := self._cut.get(zone.key)) is None:
            constraints = self._query.constraints
            allowed = [(self._query.start, self._query.until)]
            if constraints.ranges or constraints.excluded_days:
                allowed = constraints.allowed(self._query.start, self._query.until, zone)
            found = self._cut[zone.key] = cut(iter(self._spans), self._period, allowed)
        return found

    def offsets(self, zone: ZoneInfo) -> list[str]:
        if (found := self._offsets.get(zone.key)) is None:
            found = self._offsets[zone.key] = [utc_offset(label, zone) for label in self._labels]
        return found


def flat(query: ReportQuery, windows: ReportWindows, series: list[Series]) -> dict[str, Any]:
    data, page_info = _paged(query, list(_rows(windows, series)))
    return {"data": data, "page_info": page_info}


def grouped(query: ReportQuery, windows: ReportWindows, series: list[Series], *, shallow: bool) -> dict[str, Any]:
    order = _levels(series, query.order) if shallow else query.order
    leaves = _raw_leaves(windows, series, order) if query.raw else _statistics(windows, series, order)
    page, page_info = _paged(query, leaves)
    return {"data": _nested(page, many=query.raw), "page_info": page_info}


def csv_text(query: ReportQuery, windows: ReportWindows, series: list[Series]) -> str:
    rows, _ = _paged(query, list(_rows(windows, series)))
    text = io.StringIO()
    writer = csv.DictWriter(text, ROW_KEYS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(windows: ReportWindows, series: list[Series]) -> Iterator[dict[str, Any]]:
    for one in series:
        yield from _rows_of(windows, one)


def _rows_of(windows: ReportWindows, series: Series) -> Iterator[dict[str, Any]]:
    names, offsets = windows.names, windows.offsets(series.zone)
    # As recorded: preprocessed rows have no offset.
    tell_offset = not series.row["preprocessed"]
    for i, value in series.points:
        row = series.row.copy()
        row["time"] = names[i]
        row["value"] = value
        if tell_offset:
            row["timezone_offset"] = offsets[i]
        yield row


def _levels(series: list[Series], order: tuple[str, ...]) -> tuple[str, ...]:
    """Omit levels with a single id, as in one of Butlr's samples."""
    return tuple(
        key for key in order if key in ("field", "time") or len({one.row[key] for one in series if one.points}) > 1
    )


def _raw_leaves(windows: ReportWindows, series: list[Series], order: tuple[str, ...]) -> list[Leaf]:
    """Return one leaf for each row. Rows of the same path are joined when nested."""
    return [
        Leaf(tuple(row[key] for key in order) if order else (one.asset_id, row["time"]), row)
        for one in series
        for row in _rows_of(windows, one)
    ]


def _statistics(windows: ReportWindows, series: list[Series], order: tuple[str, ...]) -> list[Leaf]:
    by_time = order.index("time") if "time" in order else None
    groups: dict[tuple[str, ...], list[Point]] = {}
    for one in series:
        path = [one.row[key] for key in order]
        if by_time is None:
            if one.points:
                groups.setdefault(tuple(path), []).extend(one.points)
            continue
        for point in one.points:
            path[by_time] = windows.names[point[0]]
            groups.setdefault(tuple(path), []).append(point)
    return [Leaf(path, _summary(points)) for path, points in groups.items()]


def _summary(points: list[Point]) -> dict[str, Number]:
    # Series that share a leaf came one after the other: `first` and `last` are in time.
    values = [value for _, value in sorted(points, key=lambda point: point[0])]
    count, total = len(values), math.fsum(values)
    mean = total / count
    # Not by the statistics module, whose fractions are too slow for a hundred thousand leaves.
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / count) if count > 1 else 0
    return {
        "sum": plain(total),
        "min": min(values),
        "max": max(values),
        "count": count,
        "mean": plain(mean),
        "median": sorted(values)[count // 2],
        "stddev": plain(deviation),
        "first": values[0],
        "last": values[-1],
    }


def _nested(leaves: list[Leaf], *, many: bool) -> Any:
    data: dict[str, Any] = {}
    for leaf in leaves:
        if not leaf.path:
            return [leaf.value for leaf in leaves] if many else leaf.value
        at = data
        for key in leaf.path[:-1]:
            at = at.setdefault(key, {})
        if many:
            at.setdefault(leaf.path[-1], []).append(leaf.value)
        else:
            at[leaf.path[-1]] = leaf.value
    return data


def _paged(query: ReportQuery, items: list[Any]) -> tuple[list[Any], dict[str, int]]:
    """Return the requested page. As recorded, the page info of an answer without paging has zeros."""
    if query.page is None:
        return items, UNPAGED
    page, limit = query.page
    shown = items[(page - 1) * limit : page * limit]
    return shown, {
        "page": page,
        "page_item_count": len(shown),
        "total_item_count": len(items),
        "total_pages": max(1, math.ceil(len(items) / limit)),
    }


def plain(value: Number) -> Number:
    """Return a whole float as int, since Butlr's JSON has no `2.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
