"""A report cut by time and put together again: for what is too much in one call even for one asset."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from ..butlr import format_rfc3339, parse_rfc3339
from .bodies import Body, window_seconds

# What ties a window to its neighbours, or to something else than the clock in UTC.
TIED = {"offset", "timezone", "fill"}
ROW_OWN = {"time", "value", "start", "stop"}


def halves(body: Body) -> tuple[Body, Body] | None:
    """Return the body for the first and the last half of its windows; None where cutting would change the answer.

    Upstream may align windows to the query's own start and not to the clock, so only an absolute span that starts on
    a window's edge is cut, and only where each row is of one window by itself.
    """
    every = window_seconds(body)
    start, stop = (_moment(body["filter"].get(name)) for name in ("start", "stop"))
    whole = every and start and stop and not body.get("group_by") and "paginate" not in body
    if not (whole and every and start and stop) or TIED & set(body["window"]) or start.timestamp() % every:
        return None
    if body["window"].get("create_empty"):
        # A series without a point in one half would lose its empty windows there.
        return None
    windows = math.ceil((stop - start).total_seconds() / every)
    if windows < 2:
        return None
    middle = format_rfc3339(start + timedelta(seconds=every * (windows // 2)))
    return (
        {**body, "filter": {**body["filter"], "stop": middle}},
        {**body, "filter": {**body["filter"], "start": middle}},
    )


def stitched(body: Body, parts: Sequence[list[Any]]) -> list[Any]:
    """Return the rows of parts, in order of time, as the rows of the whole `body`."""
    filter_ = body["filter"]
    echo = {name: format_rfc3339(moment) for name in ("start", "stop") if (moment := _moment(filter_.get(name)))}
    rows = [
        {**row, **{name: value for name, value in echo.items() if name in row}} if isinstance(row, dict) else row
        for part in parts
        for row in part
    ]
    if any(_is_interleaved(part) for part in parts):
        return rows
    # One series after the other, as the parts do not say otherwise.
    series: dict[object, list[Any]] = {}
    for row in rows:
        series.setdefault(_series_of(row), []).append(row)
    return [row for some in series.values() for row in some]


def _moment(value: object) -> datetime | None:
    moment = parse_rfc3339(value) if isinstance(value, str) else None
    return moment.astimezone(UTC) if moment else None


def _series_of(row: Any) -> object:
    if not isinstance(row, dict):
        return None
    return tuple(sorted((name, str(value)) for name, value in row.items() if name not in ROW_OWN))


def _is_interleaved(rows: list[Any]) -> bool:
    """Whether a series is taken up again after another: such an answer is ordered by time first."""
    series = [_series_of(row) for row in rows]
    changes = sum(before != after for before, after in pairwise(series))
    return changes >= len(set(series)) > 1
