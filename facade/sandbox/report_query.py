"""Checks and reads the body of a reporting call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, get_args
from zoneinfo import ZoneInfo

from .config import Era
from .durations import Duration
from .series import FUNCTIONS, MEASUREMENTS, Function, Number
from .validation import Checker
from .windows import TimeConstraints

BODY = {"filter", "window", "group_by", "options", "paginate", "calibration_points", "calibrationPoints"}
ID_FILTERS = ("spaces", "rooms", "zones", "buildings", "clients", "tags", "sensors", "hives", "mac_addresses")
FILTER = {"start", "stop", "measurements", "value", "calibrated", "time_constraints", *ID_FILTERS}
WINDOW = {"every", "function", "timezone", "offset", "create_empty", "fill"}
OPTIONS = {"format", "precision", "timestamp", "includeCalibrationPoints"}
GROUP_KEYS = ("space_id", "room_id", "zone_id", "building_id", "tag_id", "mac_address", "field", "time")
# Digits of a second's fraction.
PRECISIONS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
COMPARISONS: dict[str, Callable[[Number, Number], bool]] = {
    "gte": lambda value, bound: value >= bound,
    "lte": lambda value, bound: value <= bound,
    "gt": lambda value, bound: value > bound,
    "lt": lambda value, bound: value < bound,
}


MINUTE = Duration(60)


@dataclass(frozen=True, slots=True)
class ReportWindow:
    """The windows of a query. By default each minute's sample is a point."""

    every: Duration = MINUTE
    function: Function | None = None
    zone: ZoneInfo | None = None
    offset: int = 0
    create_empty: bool = False
    fill_previous: bool = False
    fill_value: Number = 0


@dataclass(frozen=True, slots=True)
class ReportQuery:
    era: Era
    now: float
    start: float
    stop: float
    until: float  # there is no data after now
    measurements: tuple[str, ...]
    ids: dict[str, frozenset[str]]
    bounds: tuple[tuple[str, Number], ...]
    calibrated: str | None
    constraints: TimeConstraints
    window: ReportWindow
    order: tuple[str, ...]
    raw: bool
    grouped: bool
    csv: bool
    digits: int | None
    calibration_points: list[Any] | None
    page: tuple[int, int] | None
    ids_asked: int = field(default=0)

    def keeps(self, value: Number) -> bool:
        """Return whether a value passes. Zeros are dropped unless bounds such as `value: {gte: 0}` include them."""
        if not self.bounds:
            return value != 0
        return all(COMPARISONS[name](value, bound) for name, bound in self.bounds)


def parse_report(body: dict[str, Any], now: float, era: Era = "today") -> ReportQuery:
    check = Checker(now)
    check.record(body, "", BODY)
    if body.get("filter") is None:
        check.fail("filter", "is required")
        check.finish()
    filters = check.record(body["filter"], "filter", FILTER)
    window = _window(check, body.get("window"), era)
    span = (filters.get("start"), filters.get("stop"), "filter")
    start, stop = check.span(*span) if era == "influx" else check.absolute_span(*span, window.zone or UTC)
    # The default measurement is not documented. Presence is assumed, since its rows have all ids.
    measurements = filters.get("measurements", ["presence"])
    ids = {name: check.ids(filters.get(name), f"filter.{name}") for name in ID_FILTERS}
    group = check.record(body.get("group_by"), "group_by", {"order", "raw"})
    options = check.record(body.get("options"), "options", OPTIONS)
    check.choice(options.get("timestamp"), "options.timestamp", ("RFC3339",))
    precision = check.choice(options.get("precision"), "options.precision", PRECISIONS)
    order = check.choices(group.get("order"), "group_by.order", GROUP_KEYS) or []
    if len(set(order)) < len(order):
        check.fail("group_by.order", "names a key twice")
    query = ReportQuery(
        era=era,
        now=now,
        start=start,
        stop=stop,
        until=min(stop, now),
        measurements=tuple(dict.fromkeys(_measurements(check, measurements))),
        ids={name: _normalised(name, found) for name, found in ids.items() if found},
        bounds=_bounds(check, filters.get("value")),
        calibrated=check.choice(filters.get("calibrated"), "filter.calibrated", ("true", "raw", "false")),
        constraints=_constraints(check, filters.get("time_constraints")),
        window=window,
        order=tuple(order),
        raw=check.flag(group.get("raw"), "group_by.raw"),
        grouped=bool(order) or bool(group.get("raw")),
        csv=check.choice(options.get("format"), "options.format", ("json", "csv")) == "csv",
        digits=PRECISIONS[precision] if precision else None,
        calibration_points=_calibration_points(check, body, options),
        page=_page(check, body.get("paginate")),
        ids_asked=max((len(found) for found in ids.values() if found), default=0),
    )
    check.finish()
    return query


def normalise_mac(mac: str) -> str:
    return mac.lower().replace(":", "-")


def _normalised(name: str, ids: list[str]) -> frozenset[str]:
    return frozenset(map(normalise_mac, ids) if name == "mac_addresses" else ids)


def _measurements(check: Checker, value: Any) -> list[str]:
    found = check.choices(value, "filter.measurements", MEASUREMENTS)
    if not found:
        check.fail("filter.measurements", "must name at least one measurement")
    return found or []


def _bounds(check: Checker, value: Any) -> tuple[tuple[str, Number], ...]:
    given = check.record(value, "filter.value", COMPARISONS.keys())
    bounds = [(name, check.number(bound, f"filter.value.{name}")) for name, bound in given.items()]
    return tuple((name, bound) for name, bound in bounds if bound is not None)


def _constraints(check: Checker, value: Any) -> TimeConstraints:
    path = "filter.time_constraints"
    given = check.record(value, path, {"time_ranges", "exclude_days_of_week"})
    return TimeConstraints(
        check.time_ranges(given.get("time_ranges"), f"{path}.time_ranges"),
        check.weekdays(given.get("exclude_days_of_week"), f"{path}.exclude_days_of_week"),
    )


def _window(check: Checker, value: Any, era: Era) -> ReportWindow:
    if value is None:
        return ReportWindow()
    given = check.record(value, "window", WINDOW)
    if given.get("every") is None:
        check.fail("window.every", "is required")
    every = check.duration(given.get("every"), "window.every")
    if era == "today" and every and every.months and every.seconds:
        check.fail("window.every", "cannot mix months with other units")
    offset = check.duration(given.get("offset"), "window.offset", negative=True)
    if offset and offset.months:
        check.fail("window.offset", "cannot be in months")
    name = check.choice(given.get("function"), "window.function", get_args(Function))
    fill = check.record(given.get("fill"), "window.fill", {"use_previous", "value"})
    return ReportWindow(
        every=every or MINUTE,
        function=next((function for function in FUNCTIONS if function == name), None),
        zone=check.zone(given.get("timezone"), "window.timezone"),
        offset=offset.seconds if offset else 0,
        create_empty=check.flag(given.get("create_empty"), "window.create_empty"),
        fill_previous=check.flag(fill.get("use_previous"), "window.fill.use_previous"),
        fill_value=check.number(fill.get("value"), "window.fill.value") or 0,
    )


def _calibration_points(check: Checker, body: dict[str, Any], options: dict[str, Any]) -> list[Any] | None:
    """Return the calibration points to return. Butlr spells the field in two ways; both are accepted."""
    wanted = check.flag(options.get("includeCalibrationPoints"), "options.includeCalibrationPoints")
    name = "calibrationPoints" if "calibrationPoints" in body else "calibration_points"
    points = body.get(name)
    if points is None:
        points = []
    if not isinstance(points, list):
        check.fail(name, "must be a list")
        return None
    for i, point in enumerate(points):
        given = check.record(point, f"{name}[{i}]", {"timestamp", "occupancy", "type"})
        check.time(given.get("timestamp"), f"{name}[{i}].timestamp", relative=False)
        check.number(given.get("occupancy"), f"{name}[{i}].occupancy")
        check.text(given.get("type"), f"{name}[{i}].type")
    return points if wanted else None


def _page(check: Checker, value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    given = check.record(value, "paginate", {"page", "limit"})
    return (
        check.positive(given.get("page", 1), "paginate.page"),
        check.positive(given.get("limit", 100), "paginate.limit"),
    )
