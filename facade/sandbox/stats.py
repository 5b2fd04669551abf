"""Answer a stats call: the mean and the median occupancy of each place, over the samples of a span.

What an item has no sensors for is null. The reply is keyed by item, then by measurement.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .auth import Refused
from .campus import Campus, Floor, Room, Zone
from .people import People
from .series import Number, aggregate, tally
from .validation import Checker
from .windows import SAMPLE_PERIOD, TimeConstraints, cut

BODY = {"measurements", "items", "start", "stop", "filters"}
MEASUREMENTS = tuple(
    f"occupancy_{used}{function}_{source}"
    for used in ("", "used_")
    for function in ("avg", "median")
    for source in ("presence", "traffic")
)
BARE_DATE = re.compile(r"\d{4}-\d\d-\d\d")
Place = Room | Zone | Floor


@dataclass(frozen=True, slots=True)
class StatsQuery:
    measurements: tuple[str, ...]
    places: tuple[Place, ...]
    zone: ZoneInfo
    start: float
    stop: float
    constraints: TimeConstraints


def parse_stats(body: dict[str, Any], campus: Campus, now: float) -> StatsQuery:
    check = Checker(now)
    check.record(body, "", BODY)
    measurements = check.choices(body.get("measurements"), "measurements", MEASUREMENTS)
    items = check.texts(body.get("items"), "items")
    for name, given in (("measurements", measurements), ("items", items)):
        if not given:
            check.fail(name, "must list at least one")
    filters = check.record(body.get("filters"), "filters", {"exclude_days_of_week", "time_ranges"})
    constraints = TimeConstraints(
        check.time_ranges(filters.get("time_ranges"), "filters.time_ranges"),
        check.weekdays(filters.get("exclude_days_of_week"), "filters.exclude_days_of_week"),
    )
    places = _places(check, campus, items or [])
    zones = {_floor(campus, place).timezone for place in places}
    if len(zones) > 1:
        check.fail("items", f"must be in one time zone, not {', '.join(sorted(zones))}")
    zone = ZoneInfo(min(zones, default="UTC"))
    start = _moment(check, body.get("start"), "start", zone)
    stop = _moment(check, body.get("stop"), "stop", zone)
    if start is not None and stop is not None and stop <= start:
        check.fail("stop", "must be later than start")
    check.finish()
    return StatsQuery(tuple(measurements or ()), tuple(places), zone, start or 0, min(stop or 0, now), constraints)


def answer(query: StatsQuery, people: People, *, max_points: int) -> dict[str, Any]:
    """Raise Refused (504) if the query is too large, as Butlr does."""
    if people.effort(query.places, query.start, query.stop) > max_points:
        raise Refused(504, "Endpoint request timed out")
    allowed = query.constraints.allowed(query.start, query.stop, query.zone) if query.start < query.stop else []
    return {"data": {place.id: _statistics(query, people, place, allowed) for place in query.places}}


def _statistics(
    query: StatsQuery, people: People, place: Place, allowed: list[tuple[float, float]]
) -> dict[str, Number | None]:
    step = people.occupancy(place, query.start, query.stop)
    (window,) = cut(iter([(query.start, query.stop)]), SAMPLE_PERIOD, allowed)
    samples = tally(step, window)
    known: dict[str, Number | None] = {}
    for name in query.measurements:
        *how, function, source = name.split("_")
        if not _has_sensors(people.campus, place, source):
            known[name] = None
            continue
        counted = Counter({value: n for value, n in samples.items() if value or "used" not in how})
        folded = aggregate(counted, "mean" if function == "avg" else "median") if counted else 0
        known[name] = round(folded, 3)
    return known


def _has_sensors(campus: Campus, place: Place, source: str) -> bool:
    sensors = campus.sensors_of.get(place.id, ())
    entrances_only = source == "traffic" and isinstance(place, Floor)
    return any(sensor.mode == source and (sensor.is_entrance or not entrances_only) for sensor in sensors)


def _places(check: Checker, campus: Campus, items: list[str]) -> list[Place]:
    places: list[Place] = []
    for item in dict.fromkeys(items):
        place = campus.room.get(item) or campus.zone.get(item) or campus.floor.get(item)
        if place is None:
            check.fail("items", f"{item!r} is no room, zone or floor of yours")
        else:
            places.append(place)
    return places


def _floor(campus: Campus, place: Place) -> Floor:
    return place if isinstance(place, Floor) else campus.floor[place.floor_id]


def _moment(check: Checker, value: Any, path: str, zone: ZoneInfo) -> float | None:
    """Read a time. A bare date is midnight in the time zone of the items."""
    if value is None:
        check.fail(path, "is required")
        return None
    if isinstance(value, str) and BARE_DATE.fullmatch(value):
        midnight = check.time(f"{value}T00:00:00Z", path, relative=False)
        return midnight and datetime.fromtimestamp(midnight, UTC).replace(tzinfo=zone).timestamp()
    return check.time(value, path, relative=False)
