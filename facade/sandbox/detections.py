"""Answer a detections call: where each presence sensor saw people.

The API gives one entry a sensor and window, at a sample that the window's function picks: the `first`, the
`last` (also without a function), the one with most (`max`) or fewest (`min`) people, or one with a middling
number (`mean`, `median`). Without a window it is a minute. Only presence sensors are asked: what traffic
sensors detect is told as crossings.

No source shows a heat map's reply. Here `heatmap` has the entries of the others, with `value` a grid of
8 x 8 counts over the local unit square, row by row. Of `heatmap_v2` the docs give the cells, `[x, y, value]` in
`array_cells`: the centre in metres on the floor and, here, the minutes spent there (normalised: of the most visited
cell's). Cells without a visit are left out. Where the list is in the reply is a guess: an object beside the span.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .campus import Sensor
from .durations import Duration
from .geometry import to_world
from .people import People
from .report_query import normalise_mac
from .schedule import Stay
from .series import FUNCTIONS
from .steps import Step
from .validation import Checker, Invalid
from .windows import SAMPLE_PERIOD, Window, cut, edges, estimate

DATA_TYPES = ("detections_local", "detections_world", "heatmap", "heatmap_v2")
BODY = {"data_types", "filter", "window"}
FILTER = {"start", "stop", "space_id", "room_id", "mac_addresses", "omit_empty_value"}
WINDOW = {"every", "function", "heatmap_v2_options"}
HEATMAP_OPTIONS = {"grid_resolution", "heatmap_type", "normalize"}
RESOLUTIONS = (0.25, 0.5, 1.0)
HEATMAP_DAYS = 7
HEATMAP_GRID = 8
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DetectionQuery:
    data_types: tuple[str, ...]
    start: float
    stop: float
    space_id: str | None
    room_id: str | None
    mac_addresses: frozenset[str] | None
    omit_empty_value: bool
    every: Duration
    function: str
    grid_resolution: float
    normalize: bool


def parse_detections(body: dict[str, Any], now: float) -> DetectionQuery:
    check = Checker(now)
    check.record(body, "", BODY)
    data_types = check.choices(body.get("data_types"), "data_types", DATA_TYPES)
    if not data_types:
        check.fail("data_types", "is required: at least one of " + ", ".join(DATA_TYPES))
    if body.get("filter") is None:
        check.fail("filter", "is required")
        check.finish()
    filters = check.record(body["filter"], "filter", FILTER)
    start, stop = check.span(filters.get("start"), filters.get("stop"), "filter")
    if "heatmap_v2" in (data_types or ()) and stop - start > HEATMAP_DAYS * 86_400:
        check.fail("filter.stop", f"heatmap_v2 covers {HEATMAP_DAYS} days at most")
    macs = check.texts(filters.get("mac_addresses"), "filter.mac_addresses")
    window = check.record(body.get("window"), "window", WINDOW)
    options = check.record(window.get("heatmap_v2_options"), "window.heatmap_v2_options", HEATMAP_OPTIONS)
    resolution = check.number(options.get("grid_resolution", 0.5), "window.heatmap_v2_options.grid_resolution")
    if resolution not in RESOLUTIONS:
        check.fail("window.heatmap_v2_options.grid_resolution", "must be one of 0.25, 0.5, 1.0")
    check.choice(options.get("heatmap_type"), "window.heatmap_v2_options.heatmap_type", ("occupancy",))
    query = DetectionQuery(
        data_types=tuple(dict.fromkeys(data_types or ())),
        start=start,
        stop=min(stop, now),
        space_id=check.text(filters.get("space_id"), "filter.space_id"),
        room_id=check.text(filters.get("room_id"), "filter.room_id"),
        mac_addresses=None if macs is None else frozenset(map(normalise_mac, macs)),
        omit_empty_value=check.flag(filters.get("omit_empty_value"), "filter.omit_empty_value"),
        every=check.duration(window.get("every"), "window.every") or Duration(SAMPLE_PERIOD),
        function=check.choice(window.get("function"), "window.function", FUNCTIONS) or "last",
        grid_resolution=resolution or 0.5,
        normalize=check.flag(options.get("normalize"), "window.heatmap_v2_options.normalize"),
    )
    check.finish()
    return query


def answer(query: DetectionQuery, people: People, *, max_points: int) -> dict[str, Any]:
    """Return one list for each data type. Raises Invalid if the lists would be too long."""
    sensors = [sensor for sensor in people.campus.sensors if _matches(query, sensor)]
    per_window = [kind for kind in query.data_types if kind != "heatmap_v2"]
    windows: list[Window] = []
    if sensors and query.start < query.stop:
        entries = len(sensors) * estimate(query.start, query.stop, query.every) if per_window else 0
        if max(entries, people.effort(sensors, query.start, query.stop)) > max_points:
            raise Invalid([{"field": "filter", "message": f"asks for too much: {max_points} points at most"}])
        if per_window:
            period = SAMPLE_PERIOD if query.every.months else min(SAMPLE_PERIOD, query.every.seconds)
            spans = edges(query.start, query.stop, query.every)
            windows = cut(spans, period, [(query.start, query.stop)])
    reply: dict[str, Any] = {kind: [] for kind in query.data_types}
    for sensor in sensors if windows else ():
        for start, sampled, points in _sightings(query, people, sensor, windows):
            entry = {
                "start_time": round(start * 1000),
                "sample_time": round(sampled * 1000),
                "mac_address": sensor.mac_address,
            }
            for kind in per_window:
                reply[kind].append({**entry, "value": _value(kind, sensor, points)})
    if "heatmap_v2" in query.data_types:
        reply["heatmap_v2"] = {
            "start_time": round(query.start * 1000),
            "stop_time": round(query.stop * 1000),
            "grid_resolution": query.grid_resolution,
            "array_cells": _cells(query, people, sensors),
        }
    return reply


def _matches(query: DetectionQuery, sensor: Sensor) -> bool:
    return (
        sensor.mode == "presence"
        and bool(sensor.floor_id)
        and (query.space_id is None or sensor.floor_id == query.space_id)
        and (query.room_id is None or sensor.room_id == query.room_id)
        and (query.mac_addresses is None or sensor.mac_address in query.mac_addresses)
    )


def _sightings(
    query: DetectionQuery, people: People, sensor: Sensor, windows: list[Window]
) -> Iterator[tuple[float, float, list[Point]]]:
    """Yield for each window its start, the time of the selected sample, and the people seen then."""
    seen = people.occupancy(sensor, query.start, query.stop)
    stays = people.stays(sensor, query.start, query.stop)
    begun, present = 0, list[Stay]()
    for window in windows:
        sampled = _pick(query.function, seen, window)
        if seen.at(sampled) == 0:
            if not query.omit_empty_value:
                yield window.start, sampled, []
            continue
        while begun < len(stays) and stays[begun].start <= sampled:
            present.append(stays[begun])
            begun += 1
        present = [stay for stay in present if stay.stop > sampled]
        here = sorted(present, key=lambda stay: stay.person)
        yield window.start, sampled, [_local(stay, sampled) for stay in here]


def points_at(people: People, sensor: Sensor, time: int) -> tuple[list[Point], list[Point]]:
    """Return where a sensor sees people at this second: in its own view, and on the floor."""
    here = [stay for stay in people.stays(sensor, time, time + 1) if stay.start <= time]
    local = [_local(stay, time) for stay in sorted(here, key=lambda stay: stay.person)]
    return local, _value("detections_world", sensor, local)


def _pick(function: str, seen: Step, window: Window) -> float:
    """Return the time of the sample that represents the window; of several equal ones the first."""
    if function in ("first", "last") or window.samples == 1:
        return window.first if function == "first" else window.last
    runs = sorted(window.counts(seen), key=lambda run: run.people)
    if function == "max":
        return window.sample_time(next(run.first for run in runs if run.people == runs[-1].people))
    if function == "min":
        return window.sample_time(runs[0].first)
    middle = window.samples // 2
    for run in runs:
        if middle < run.samples:
            return window.sample_time(run.first + middle)
        middle -= run.samples
    raise ValueError("no samples")


def _local(stay: Stay, time: float) -> Point:
    """Move a sitting person by a hand's breadth every quarter of a minute."""
    fidget = (stay.person * 2_654_435_761 + int(time) // 15 * 40_503) & 0xFFFF
    u = stay.seat.u + ((fidget & 0xFF) / 255 - 0.5) * 0.04
    v = stay.seat.v + ((fidget >> 8) / 255 - 0.5) * 0.04
    return round(u, 2), round(v, 2)


def _value(kind: str, sensor: Sensor, points: list[Point]) -> list[Any]:
    if kind == "detections_local":
        return points
    if kind == "detections_world":
        return [_rounded(_world(sensor, point)) for point in points]
    grid = [[0] * HEATMAP_GRID for _ in range(HEATMAP_GRID)]
    if not points:
        return []
    for u, v in points:
        grid[int(v * HEATMAP_GRID)][int(u * HEATMAP_GRID)] += 1
    return grid


def _world(sensor: Sensor, local: Point) -> Point:
    return to_world(
        local,
        center=sensor.center,
        height=sensor.height,
        yaw_degrees=sensor.orientation[2],
        field_of_view=sensor.field_of_view,
    )


def _rounded(point: Point) -> Point:
    return round(point[0], 2), round(point[1], 2)


def _cells(query: DetectionQuery, people: People, sensors: list[Sensor]) -> list[list[float]]:
    side = query.grid_resolution
    seconds: Counter[tuple[int, int]] = Counter()
    for sensor in sensors:
        for stay in people.stays(sensor, query.start, query.stop):
            x, y = _world(sensor, (stay.seat.u, stay.seat.v))
            spent = min(stay.stop, query.stop) - max(stay.start, query.start)
            seconds[int(x // side), int(y // side)] += round(spent)
    most = max(seconds.values(), default=1) if query.normalize else 60
    return [
        [(column + 0.5) * side, (row + 0.5) * side, round(spent / most, 3)]
        for (column, row), spent in sorted(seconds.items())
        if spent
    ]
