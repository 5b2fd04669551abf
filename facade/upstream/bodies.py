"""REST bodies: what of them says which span is asked, and what has to be made absolute before it is sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..butlr import format_rfc3339, parse_duration, parse_relative, resolve

Body = Mapping[str, Any]


def span_of(body: Body) -> tuple[str | None, str | None]:
    """The `start` and `stop` of a body that has them in `filter` (reporting, detections) or beside it (stats)."""
    within = body.get("filter", body)
    return within.get("start"), within.get("stop")


def window_seconds(body: Body) -> float | None:
    """The length of a window in seconds; None without one, and for months, whose length differs."""
    every = (body.get("window") or {}).get("every")
    if not every:
        return None
    duration = parse_duration(every)
    return None if duration.months else float(duration.seconds)


def span_seconds(body: Body, now: datetime) -> float:
    start, stop = span_of(body)
    first = resolve(start, now) if start else now
    last = resolve(stop, now) if stop else now
    return max((last - first).total_seconds(), 0.0)


def absolute(body: Body, now: datetime) -> Body:
    """Return the body with relative times as RFC 3339: detections and stats are not known to take them."""
    within = body.get("filter", body)
    times = {
        name: format_rfc3339(resolve(within[name], now))
        for name in ("start", "stop")
        if isinstance(within.get(name), str) and (within[name] == "now" or parse_relative(within[name]))
    }
    if not times:
        return body
    if "filter" in body:
        return {**body, "filter": {**within, **times}}
    return {**body, **times}
