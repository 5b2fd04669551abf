"""Reports about places for the tools: one call for all places, and one value for each window."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from .asking import Asker
from .campus import Place
from .times import LocalSpan, parsed

REPORT = """query AgentReport($filter: ReportFilter!, $window: ReportWindow!, $open: Boolean!) {
  report(filter: $filter, window: $window, include_open: $open) {
    series { measurement field sensor_id room_id zone_id space_id starts times values }
    freshness { as_of settled_until partial }
  }
}"""
FILTERS = {"room": "rooms", "zone": "zones", "floor": "spaces"}
IDS = {"room": "room_id", "zone": "zone_id", "floor": "space_id"}
# In order of preference: presence, then traffic through the doors if there is no presence value. Zones have no doors.
OCCUPANCY = {
    "room": ["room_occupancy", "traffic_room_occupancy"],
    "zone": ["zone_occupancy"],
    "floor": ["floor_occupancy", "traffic_floor_occupancy"],
}
# Most places that a link to the export names. If there are more, the link is for all places.
LINKED = 20

TimedValues = list[tuple[str, float]]


@dataclass
class PlaceReport:
    """For each place the points of its first measurement that has any."""

    points: dict[str, TimedValues] = field(default_factory=dict)
    measurements: dict[str, str] = field(default_factory=dict)
    freshness: dict[str, Any] | None = None

    @property
    def read(self) -> list[str]:
        """Return the measurements of the points."""
        return sorted({self.measurements[id_] for id_ in self.points})

    def within(self, span: LocalSpan) -> "PlaceReport":
        """Return the windows that begin in a span."""
        parts = {
            id_: [(at, value) for at, value in points if span.start <= parsed(at) < span.stop]
            for id_, points in self.points.items()
        }
        return PlaceReport({id_: points for id_, points in parts.items() if points}, self.measurements, self.freshness)


def every_of(span: LocalSpan, every: str | None) -> str:
    """Return the given window, or one that suits a span."""
    if every:
        return every
    if span.length <= timedelta(hours=6):
        return "5m"
    # Shorter windows for short spans, since hours land up to an hour late.
    if span.length <= timedelta(hours=26):
        return "15m"
    return "1h" if span.length <= timedelta(days=31) else "1d"


async def report(
    asker: Asker,
    places: Sequence[Place],
    measurements: Sequence[str],
    times: Mapping[str, str],
    window: Mapping[str, Any],
    *,
    open_too: bool = False,
) -> dict[str, Any]:
    ids = [place.id for place in places]
    filter_ = {**times, "measurements": list(measurements), "value": {"gte": 0}, FILTERS[places[0].kind]: {"eq": ids}}
    data = await asker.ask(REPORT, {"filter": filter_, "window": dict(window), "open": open_too})
    return data["report"] or {}


async def occupancy(
    asker: Asker, places: Sequence[Place], span: LocalSpan, every: str, function: str = "max"
) -> PlaceReport:
    """Return the people in places by window: presence, or traffic if there is no presence value. Makes one call."""
    window = {"every": every, "function": function, "timezone": span.zone.key}
    answer = await report(asker, places, OCCUPANCY[places[0].kind], span.variables, window)
    return _reading(answer, places[0].kind)


async def minutes(asker: Asker, places: Sequence[Place]) -> PlaceReport:
    """Return the landed minutes of the last quarter of an hour. Makes one call."""
    window = {"every": "1m", "function": "median"}
    answer = await report(asker, places, OCCUPANCY[places[0].kind], {"start": "-15m"}, window)
    return _reading(answer, places[0].kind)


def _reading(answer: Mapping[str, Any], kind: str) -> PlaceReport:
    by_measurement: dict[str, dict[str, TimedValues]] = defaultdict(dict)
    for series in answer.get("series") or []:
        points = points_of(series)
        if points and series[IDS[kind]]:
            by_measurement[series["measurement"]][series[IDS[kind]]] = points
    reading = PlaceReport(freshness=answer.get("freshness"))
    for measurement in OCCUPANCY[kind]:
        for id_, points in by_measurement[measurement].items():
            if id_ not in reading.points:
                reading.points[id_], reading.measurements[id_] = points, measurement
    return reading


def points_of(series: Mapping[str, Any]) -> TimedValues:
    """Return the start of each window, and its value."""
    times = zip(series["starts"], series["times"], series["values"], strict=True)
    return [(start or time, value) for start, time, value in times if value is not None]


def export_of(
    asker: Asker, places: Sequence[Place], measurements: Sequence[str], span: LocalSpan, window: Mapping[str, str]
) -> str | None:
    """Return the export URL with all rows of a report; None if the facade has no address."""
    if asker.address is None:
        return None
    fields = {
        "measurements": ",".join(measurements),
        **span.variables,
        **window,
        "timezone": span.zone.key,
        # With windows of zero, as in the answer.
        "gte": 0,
    }
    # A link with many ids would be too long.
    if len(places) <= LINKED:
        fields[FILTERS[places[0].kind]] = ",".join(place.id for place in places)
    return f"{asker.address}/export/report.csv?{urlencode(fields, safe=',:/')}"
