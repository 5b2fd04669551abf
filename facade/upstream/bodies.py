"""REST bodies: what of them says which span is asked, and what has to be made absolute before it is sent.

Legacy clients post what they like, so nothing here takes a shape for granted: what cannot be told is None, and the
upstream says what is wrong with it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..butlr import format_rfc3339, parse_duration, parse_relative, resolve

Body = Mapping[str, Any]

# The reply's row and level that carry what a filter asks by. Rows have no site, and a sensor's one `zone_id` does
# not say all the zones it stands in.
KEY_OF_FILTER = {
    "rooms": "room_id",
    "spaces": "space_id",
    "zones": "zone_id",
    "sensors": "sensor_id",
    "hives": "hive_id",
    "buildings": "building_id",
    "mac_addresses": "mac_address",
}


def span_of(body: Body) -> tuple[str | None, str | None]:
    """The `start` and `stop` of a body that has them in `filter` (reporting, detections) or beside it (stats)."""
    within = _within(body)
    start, stop = within.get("start"), within.get("stop")
    return start if isinstance(start, str) else None, stop if isinstance(stop, str) else None


def window_seconds(body: Body) -> float | None:
    """The length of a window in seconds; None without one, and for months, whose length differs."""
    window = body.get("window")
    every = window.get("every") if isinstance(window, dict) else None
    if not isinstance(every, str):
        return None
    try:
        duration = parse_duration(every)
    except ValueError:
        return None
    return None if duration.months else float(duration.seconds)


def order_of(body: Body) -> list[str]:
    """The levels that a grouped answer is asked in, outermost first."""
    group_by = body.get("group_by")
    order = group_by.get("order") if isinstance(group_by, dict) else None
    return list(order) if isinstance(order, list) else []


def widest(body: Body, *, at_least: int) -> tuple[str | None, list[Any]]:
    """The longest list of ids that a report is asked by, of those that rows can be told apart by."""
    lists = {
        name: value["eq"]
        for name, value in body["filter"].items()
        if name in KEY_OF_FILTER and isinstance(value, dict) and isinstance(value.get("eq"), list)
    }
    dimension = max(lists, key=lambda name: len(lists[name]), default=None)
    if dimension is None or len(lists[dimension]) < at_least:
        return None, []
    return dimension, lists[dimension]


def span_times(span: tuple[str | None, str | None], now: datetime) -> tuple[datetime, datetime | None] | None:
    """The moments of a span, its stop None where it is open; None where it cannot be told."""
    start, stop = span
    try:
        return (resolve(start, now), resolve(stop, now) if stop else None) if start else None
    except ValueError:
        return None


def span_seconds(body: Body, now: datetime) -> float:
    times = span_times(span_of(body), now)
    return max(((times[1] or now) - times[0]).total_seconds(), 0.0) if times else 0.0


def absolute(body: Body, now: datetime) -> Body:
    """Return the body with relative times as RFC 3339: detections and stats are not known to take them."""
    within = _within(body)
    times = {
        name: format_rfc3339(resolve(within[name], now))
        for name in ("start", "stop")
        if isinstance(within.get(name), str) and (within[name] == "now" or parse_relative(within[name]))
    }
    if not times:
        return body
    if within is not body:
        return {**body, "filter": {**within, **times}}
    return {**body, **times}


def _within(body: Body) -> Body:
    inner = body.get("filter")
    return inner if isinstance(inner, dict) else body
