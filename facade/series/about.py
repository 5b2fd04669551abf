"""Describe what a body asks for: estimated points for the cost limit, and reasons in words for explain."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..butlr import Duration, parse_duration
from ..upstream import About
from .query import Body, ReportQuery
from .segmented_query import why_whole

# The measurements that count for a report that names none.
_ALL_MEASUREMENTS = ("presence", "traffic")
# Traffic comes as in and out.
_FIELDS_OF = {"traffic": 2}
# Seconds between readings where no window says otherwise.
READING_EVERY = 60.0
# An answer with statistics has no readings: so many readings of the span count as one point.
READINGS_A_STATISTIC = 100
# A month in seconds, for bounds.
MONTH = 30 * 86_400
_PLURALS = {
    "start": "spans",
    "stop": "spans",
    "every": "windows",
    "function": "functions",
    "timezone": "time zones",
    "measurements": "measurements",
    "data_types": "data types",
    "group_by": "groupings",
}


def report_points(query: ReportQuery, now: datetime, *, assets: int = 1) -> int:
    """Estimate the points of a reporting call, for `assets` assets where it is made for each of them.

    Raises ValueError for an invalid duration.
    """
    filter_ = query.body["filter"]
    named = max((len(listed(value.get("eq"))) for value in filter_.values() if isinstance(value, dict)), default=0)
    fields = sum(_FIELDS_OF.get(str(name), 1) for name in listed(filter_.get("measurements")) or _ALL_MEASUREMENTS)
    points = fields * max(named, 1) * assets * _windows(query, now)
    group = query.body.get("group_by")
    group = group if isinstance(group, dict) else {}
    order = listed(group.get("order"))
    if order and not group.get("raw") and "time" not in order:
        points = points / READINGS_A_STATISTIC
    # Only flat answers come in pages, and an answer without an order is flat.
    page = query.body.get("paginate")
    limit = page.get("limit") if isinstance(page, dict) else None
    if not order and isinstance(limit, int) and limit > 0:
        points = min(points, limit)
    return math.ceil(points)


def detections_points(query: ReportQuery, now: datetime, *, types: int = 1, sensors: int = 1) -> int:
    """Estimate the points of a detections call. Raises ValueError for an invalid duration."""
    named = len(listed(query.body["filter"].get("mac_addresses")))
    return math.ceil(types * max(named, sensors) * _windows(query, now))


def about_report(query: ReportQuery, now: datetime) -> About:
    _, ids = query.widest(at_least=1)
    why = why_whole(query)
    reasons = [] if why is None else [f"whole, not by segments: {why}"]
    return About(len(ids), _whole_windows(query, now), report_points(query, now), reasons)


def about_detections(query: ReportQuery, now: datetime) -> About:
    macs = query.body["filter"].get("mac_addresses") or ()
    types = len(query.body.get("data_types") or ())
    why = "whole, not by segments: detections are kept by the call"
    return About(len(macs), _whole_windows(query, now), detections_points(query, now, types=types), [why])


def about_stats(body: Body) -> About:
    items, measurements = len(body.get("items") or ()), len(body.get("measurements") or ())
    return About(items, None, items * measurements, ["whole, not by segments: a statistic is of its whole span"])


def _whole_windows(query: ReportQuery, now: datetime) -> int | None:
    return math.ceil(_windows(query, now)) if query.windows else None


def _windows(query: ReportQuery, now: datetime) -> float:
    window = query.body.get("window")
    every = window.get("every") if isinstance(window, dict) else None
    length = seconds_of(parse_duration(every)) if every else READING_EVERY
    return max(1.0, query.seconds(now) / max(length, 1.0))


def seconds_of(duration: Duration) -> float:
    return duration.seconds + duration.months * MONTH


def listed(value: Any) -> Sequence[Any]:
    """Return a value of a GraphQL list type as a list: GraphQL takes one value for a list of one."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def why_apart(bodies: Sequence[Body]) -> list[str]:
    """Say why these bodies are not asked for in one call: the names of the members in which they differ."""
    if len(bodies) < 2:
        return []
    flat = [_flat(body) for body in bodies]
    names = sorted({name for each in flat for name in each if any(other.get(name) != each[name] for other in flat)})
    others = list(dict.fromkeys(f"other {_PLURALS.get(name, f'`{name}`')}" for name in names))
    return [f"{len(bodies)} asks and not one: {', '.join(others) or 'of other kinds of assets'}"]


def _flat(body: Body) -> dict[str, Any]:
    """Return the members of a body, with those of nested objects flattened."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        found |= value if isinstance(value, dict) and name in ("filter", "window") else {name: value}
    return found
