"""Answer a reporting query: rows, rows in nested maps, or statistics in nested maps.

Known is the shape of the answers; where the sources are silent, the choices are these. Without a `function` it is
`sum` for traffic and presence times, else `mean`; without a `window` it is one of a minute. Rows of one series are
in time order, series in the campus's order. A room, zone or floor has no sensor: a filter by sensor, hive or MAC
leaves none of their rows.

In the era `today` a window that has not landed gives nothing, with `create_empty` too, and groups and statistics are
those of the windows that have. Every value is made of one sample a minute, on the minute, so minutes add up to hours.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from .campus import Campus, Floor, Room, Sensor, Zone
from .landing import Landing
from .people import People, Watched
from .report_query import ReportQuery
from .report_shapes import Point, ReportWindows, Series, csv_text, flat, grouped, plain
from .rows import identity, tags_of
from .series import MEASUREMENTS, Function, Number, measure, measured_assets
from .validation import format_time
from .windows import estimate

OVERLOADED: dict[str, Any] = {
    "data": {},
    "page_info": {"page": 0, "page_item_count": 0, "total_item_count": 0, "total_pages": 0},
}


def answer(
    query: ReportQuery, people: People, *, max_points: int, max_ids: int | None, shallow: bool
) -> dict[str, Any] | str:
    """Return the JSON reply, or CSV text."""
    campus = people.campus
    asked = [(name, _matching(campus, query, name)) for name in query.measurements]
    if _too_much(query, people, asked, max_points) or (max_ids is not None and query.ids_asked > max_ids):
        return OVERLOADED
    windows = ReportWindows(query)
    landing = Landing(people.seed, query.now) if query.era == "today" else None
    series = [one for name, assets in asked for one in _series(people, query, windows, landing, name, assets)]
    if query.csv:
        return csv_text(query, windows, series)
    reply = grouped(query, windows, series, shallow=shallow) if query.grouped else flat(query, windows, series)
    if query.calibration_points is not None:
        reply["calibrationPoints"] = query.calibration_points
    return reply


def _too_much(query: ReportQuery, people: People, asked: list[tuple[str, list[Watched]]], max_points: int) -> bool:
    if query.start >= query.until:
        return False
    windows = estimate(query.start, query.until, query.window.every)
    points = windows * sum(len(assets) * len(MEASUREMENTS[name].fields) for name, assets in asked)
    if query.window.function in ("first", "last"):
        # Only the days of those samples are simulated.
        return points > max_points
    assets = chain.from_iterable(assets for _, assets in asked)
    return max(points, people.effort(assets, query.start, query.until)) > max_points


def _matching(campus: Campus, query: ReportQuery, name: str) -> list[Watched]:
    return [
        asset
        for asset in measured_assets(campus, MEASUREMENTS[name])
        if all(not ids.isdisjoint(_ids(campus, asset, kind)) for kind, ids in query.ids.items())
    ]


def _ids(campus: Campus, asset: Watched, kind: str) -> Sequence[str]:
    """Return the asset's ids that the named filter compares."""
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
    people: People,
    query: ReportQuery,
    windows: ReportWindows,
    landing: Landing | None,
    name: str,
    assets: list[Watched],
) -> Iterator[Series]:
    campus = people.campus
    for asset in assets:
        floor = asset if isinstance(asset, Floor) else campus.floor[asset.floor_id]
        zone = ZoneInfo(floor.timezone)
        row = identity(campus, asset)
        row["start"], row["stop"] = format_time(query.start), format_time(query.stop)
        for field in MEASUREMENTS[name].fields:
            function = query.window.function or _default_function(field)
            spans = windows.within(zone)
            values = measure(people, asset, field, spans, function, landing)
            there = [
                landing is None or landing.landed(asset.id, MEASUREMENTS[name].source, span.start, span.stop)
                for span in spans
            ]
            points = _kept(query, values, there)
            for tag_id in _row_tags(campus, query, asset):
                labels = _labels(name, field, query.calibrated)
                yield Series(asset.id, zone, {**row, **labels, "tag_id": tag_id}, points)


def _default_function(field: str) -> Function:
    return "mean" if field == "occupancy" else "sum"


def _labels(measurement: str, field: str, calibrated: str | None) -> dict[str, Any]:
    # As recorded: calibrated counts have another measurement's name.
    if calibrated == "true" and measurement.startswith("traffic_"):
        return {"field": "aggregator_occupancy", "measurement": "aggregator_headcount", "preprocessed": True}
    return {"field": field, "measurement": measurement, "preprocessed": False}


def _row_tags(campus: Campus, query: ReportQuery, asset: Watched) -> Sequence[str]:
    """Return the tags of an asset's rows: none unless asked for, all if grouped by tag, else the first."""
    wanted = query.ids.get("tags")
    if wanted is None and "tag_id" not in query.order:
        return ("",)
    tags = [tag for tag in tags_of(campus, asset) if wanted is None or tag in wanted] or [""]
    return tags if "tag_id" in query.order else tags[:1]


def _kept(query: ReportQuery, values: list[Number | None], landed: list[bool]) -> list[Point]:
    window = query.window
    points: list[Point] = []
    previous: Number = 0
    for i, measured in enumerate(values):
        if not landed[i] or (measured is None and not window.create_empty):
            continue
        fill = previous if window.fill_previous else window.fill_value
        previous = value = fill if measured is None else measured
        if query.keeps(value):
            points.append((i, plain(value)))
    return points
