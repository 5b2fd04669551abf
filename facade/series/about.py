"""What a body asks, in numbers and words, for an operation that is explained."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..upstream import About
from .query import Body, ReportQuery
from .segments import why_whole

# Traffic comes as in and out.
_FIELDS_OF = {"traffic": 2}
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


def about_report(query: ReportQuery, now: datetime) -> About:
    filter_ = query.body["filter"]
    _, ids = query.widest(at_least=1)
    measurements = filter_.get("measurements")
    fields = sum(_FIELDS_OF.get(str(name), 1) for name in measurements) if isinstance(measurements, list) else 3
    why = why_whole(query)
    reasons = [] if why is None else [f"whole, not by segments: {why}"]
    windows = _windows(query, now)
    return About(len(ids), windows, windows and windows * max(len(ids), 1) * fields, reasons)


def about_detections(query: ReportQuery, now: datetime) -> About:
    macs = query.body["filter"].get("mac_addresses") or ()
    windows = _windows(query, now)
    types = len(query.body.get("data_types") or ())
    why = "whole, not by segments: detections are kept by the call"
    return About(len(macs), windows, windows and windows * max(len(macs), 1) * types, [why])


def about_stats(body: Body) -> About:
    items, measurements = len(body.get("items") or ()), len(body.get("measurements") or ())
    return About(items, None, items * measurements, ["whole, not by segments: a statistic is of its whole span"])


def _windows(query: ReportQuery, now: datetime) -> int | None:
    return math.ceil(query.seconds(now) / query.windows.seconds) if query.windows and query.windows.seconds else None


def why_apart(bodies: Sequence[Body]) -> list[str]:
    """Why some asks are not one: the names of what they differ in."""
    if len(bodies) < 2:
        return []
    flat = [_flat(body) for body in bodies]
    names = sorted({name for each in flat for name in each if any(other.get(name) != each[name] for other in flat)})
    others = list(dict.fromkeys(f"other {_PLURALS.get(name, f'`{name}`')}" for name in names))
    return [f"{len(bodies)} asks and not one: {', '.join(others) or 'of other kinds of assets'}"]


def _flat(body: Body) -> dict[str, Any]:
    """The members of a body, of those in objects each by itself."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        found |= value if isinstance(value, dict) and name in ("filter", "window") else {name: value}
    return found
