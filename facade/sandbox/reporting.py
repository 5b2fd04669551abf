"""Answer a reporting query: rows, rows in nested maps, or statistics in nested maps.

Known is the shape of the answers; where the sources are silent, the choices are these. A window's bucket is
named by its start. A window is cut to the span asked for, and to now. Without a `function` it is `sum` for
traffic and presence times, else `mean`. Rows of one series are in time order, series in the campus's order.
A room, zone or floor has no sensor: a filter by sensor, hive or MAC leaves none of their rows.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, pstdev
from typing import Any
from zoneinfo import ZoneInfo

from .campus import Campus, Floor, Room, Sensor, Zone
from .people import MOST_DAYS, People, Watched
from .report_query import ReportQuery
from .rows import ROW_KEYS, identity, tags_of, utc_offset
from .series import MEASUREMENTS, Function, Number, measure, measured_assets, upper_median
from .validation import format_time
from .windows import SAMPLE_PERIOD, Window, cut, edges, estimate

OVERLOADED: dict[str, Any] = {
    "data": {},
    "page_info": {"page": 0, "page_item_count": 0, "total_item_count": 0, "total_pages": 0},
}
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


def answer(
    query: ReportQuery, people: People, *, max_points: int, max_ids: int | None, shallow: bool
) -> dict[str, Any] | str:
    """Return the JSON reply, or CSV text."""
    campus = people.campus
    asked = [(name, _matching(campus, query, name)) for name in query.measurements]
    if _too_much(query, people, asked, max_points) or (max_ids is not None and query.ids_asked > max_ids):
        return OVERLOADED
    windows = _Windows(query)
    series = [one for name, assets in asked for one in _series(people, query, windows, name, assets)]
    rows = _Rows(query, windows)
    reply: dict[str, Any]
    if query.csv:
        return _csv(_paged(query, list(rows.of_all(series)))[0])
    if not query.grouped:
        data, page_info = _paged(query, list(rows.of_all(series)))
        reply = {"data": data, "page_info": page_info}
    else:
        leaves = rows.grouped(series, shallow) if query.raw else _statistics(query, windows, series, shallow)
        page, page_info = _paged(query, leaves)
        reply = {"data": _nested(page, many=query.raw), "page_info": page_info}
    if query.calibration_points is not None:
        reply["calibrationPoints"] = query.calibration_points
    return reply


def _too_much(query: ReportQuery, people: People, asked: list[tuple[str, list[Watched]]], max_points: int) -> bool:
    if query.start >= query.until:
        return False
    windows = estimate(query.start, query.until, query.window.every)
    points = windows * sum(len(assets) * len(MEASUREMENTS[name].fields) for name, assets in asked)
    if query.window.function in ("first", "last"):
        # Only the days of those samples are drawn.
        return points > max_points
    assets = chain.from_iterable(assets for _, assets in asked)
    return points > max_points or people.floor_days(assets, query.start, query.until) > MOST_DAYS


class _Windows:
    """The query's windows, which differ from floor to floor only where time constraints are local."""

    def __init__(self, query: ReportQuery) -> None:
        self._query = query
        window = query.window
        self._spans = (
            list(edges(query.start, query.until, window.every, window.zone, window.offset))
            if query.start < query.until
            else []
        )
        every = window.every
        self._period = SAMPLE_PERIOD if every.months else min(SAMPLE_PERIOD, every.seconds)
        self._cut: dict[str, list[Window]] = {}
        self._offsets: dict[str, list[str]] = {}
        self.names = [format_time(start, query.digits) for start, _ in self._spans]

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
            found = self._offsets[zone.key] = [utc_offset(start, zone) for start, _ in self._spans]
        return found


def _matching(campus: Campus, query: ReportQuery, name: str) -> list[Watched]:
    return [
        asset
        for asset in measured_assets(campus, MEASUREMENTS[name])
        if all(not ids.isdisjoint(_ids(campus, asset, kind)) for kind, ids in query.ids.items())
    ]


def _ids(campus: Campus, asset: Watched, kind: str) -> Sequence[str]:
    """The asset's own ids as the named filter sees them."""
    floor = asset if isinstance(asset, Floor) else campus.floor[asset.floor_id]
    known: dict[str, Sequence[str]] = {"spaces": (floor.id,), "buildings": (floor.building_id,)}
    match asset:
        case Sensor():
            known["sensors"] = (asset.id,)
            known["rooms"] = (asset.room_id,)
            known["zones"] = asset.zone_ids
            known["hives"] = (asset.hive_id,)
            known["mac_addresses"] = (asset.mac_address,)
        case Room():
            known["rooms"] = (asset.id,)
        case Zone():
            known["zones"] = (asset.id,)
    if kind == "clients":
        return (campus.building[floor.building_id].site_id,)
    if kind == "tags":
        return tags_of(campus, asset)
    return known.get(kind, ())


def _series(
    people: People, query: ReportQuery, windows: _Windows, name: str, assets: list[Watched]
) -> Iterator[Series]:
    campus = people.campus
    for asset in assets:
        floor = asset if isinstance(asset, Floor) else campus.floor[asset.floor_id]
        zone = ZoneInfo(floor.timezone)
        row = identity(campus, asset)
        row["start"], row["stop"] = format_time(query.start), format_time(query.stop)
        for field in MEASUREMENTS[name].fields:
            function = query.window.function or _default_function(field)
            values = measure(people, asset, field, windows.within(zone), function)
            points = _kept(query, values)
            for tag_id in _row_tags(campus, query, asset):
                labels = _labels(name, field, query.calibrated)
                yield Series(asset.id, zone, {**row, **labels, "tag_id": tag_id}, points)


def _default_function(field: str) -> Function:
    return "mean" if field == "occupancy" else "sum"


def _labels(measurement: str, field: str, calibrated: str | None) -> dict[str, Any]:
    # As recorded: calibrated counts come under another measurement's name.
    if calibrated == "true" and measurement.startswith("traffic_"):
        return {"field": "aggregator_occupancy", "measurement": "aggregator_headcount", "preprocessed": True}
    return {"field": field, "measurement": measurement, "preprocessed": False}


def _row_tags(campus: Campus, query: ReportQuery, asset: Watched) -> Sequence[str]:
    """A row names a tag when tags are asked about; grouped by tag, it stands under each of them."""
    wanted = query.ids.get("tags")
    if wanted is None and "tag_id" not in query.order:
        return ("",)
    tags = [tag for tag in tags_of(campus, asset) if wanted is None or tag in wanted] or [""]
    return tags if "tag_id" in query.order else tags[:1]


def _kept(query: ReportQuery, values: list[Number | None]) -> list[Point]:
    window = query.window
    points: list[Point] = []
    previous: Number = 0
    for i, measured in enumerate(values):
        if measured is None and not window.create_empty:
            continue
        fill = previous if window.fill_previous else window.fill_value
        previous = value = fill if measured is None else measured
        if query.keeps(value):
            points.append((i, _plain(value)))
    return points


class _Rows:
    def __init__(self, query: ReportQuery, windows: _Windows) -> None:
        self._query = query
        self._windows = windows

    def of(self, series: Series) -> Iterator[dict[str, Any]]:
        names, offsets = self._windows.names, self._windows.offsets(series.zone)
        # As recorded: what is preprocessed tells no offset.
        tell_offset = not series.row["preprocessed"]
        for i, value in series.points:
            row = series.row.copy()
            row["time"] = names[i]
            row["value"] = value
            if tell_offset:
                row["timezone_offset"] = offsets[i]
            yield row

    def of_all(self, series: list[Series]) -> Iterator[dict[str, Any]]:
        for one in series:
            yield from self.of(one)

    def grouped(self, series: list[Series], shallow: bool) -> list[Leaf]:
        """One leaf a row; leaves of one path are put together when nested."""
        order = _depth(self._query, series, shallow)
        return [
            Leaf(tuple(row[key] for key in order) if order else (one.asset_id, row["time"]), row)
            for one in series
            for row in self.of(one)
        ]


def _statistics(query: ReportQuery, windows: _Windows, series: list[Series], shallow: bool) -> list[Leaf]:
    order = _depth(query, series, shallow)
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


def _depth(query: ReportQuery, series: list[Series], shallow: bool) -> tuple[str, ...]:
    """The levels of nesting. One of Butlr's samples lacks the level of the one id that was asked about."""
    if not shallow:
        return query.order
    return tuple(
        key
        for key in query.order
        if key in ("field", "time") or len({one.row[key] for one in series if one.points}) > 1
    )


def _summary(points: list[Point]) -> dict[str, Number]:
    values = [value for _, value in sorted(points, key=lambda point: point[0])]
    return {
        "sum": _plain(math.fsum(values)),
        "min": min(values),
        "max": max(values),
        "count": len(values),
        "mean": _plain(fmean(values)),
        "median": upper_median(Counter(values)),
        "stddev": _plain(pstdev(values)),
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
    """Cut out the page asked for. As recorded, a reply that was not asked to be paged counts nothing."""
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


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ROW_KEYS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(value: Number) -> Number:
    """JSON of Butlr's has no `2.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
