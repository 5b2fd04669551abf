"""A REST body as one typed value: its span, its windows, and whether it may be read by segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from ..butlr import (
    Duration,
    Windows,
    format_rfc3339,
    from_epoch,
    is_epoch,
    is_rfc3339,
    parse_absolute,
    parse_duration,
    parse_relative,
    parse_rfc3339,
    resolve,
)
from ..cache import canonical

Body = Mapping[str, Any]

# The field of rows, and the level of grouped answers, that has the id which a filter asks by. Rows have no site, and a
# sensor's row names one `zone_id` even where the sensor is in several zones.
KEY_OF_FILTER = {
    "rooms": "room_id",
    "spaces": "space_id",
    "zones": "zone_id",
    "sensors": "sensor_id",
    "hives": "hive_id",
    "buildings": "building_id",
    "mac_addresses": "mac_address",
}
# A time without an offset differs by this much at most from the same time in UTC.
_WIDEST_OFFSET = timedelta(hours=14)
_MINUTES = Windows(Duration(seconds=60))


@dataclass(frozen=True)
class ReportQuery:
    """A body of the reporting, detections or stats call, with its times as they are sent upstream.

    `start` and `stop` are None if the body has none, or has times without an offset: such a span is never cut.
    `is_rewritten` says that a time of the body was rewritten, `stop_is_relative` that its stop was
    relative to now, and `unaligned_stop` is the stop before it was moved to an edge.
    """

    body: Body
    start: datetime | None
    stop: datetime | None
    is_rewritten: bool = False
    stop_is_relative: bool = False
    unaligned_stop: datetime | None = None

    @cached_property
    def key(self) -> bytes:
        """Return the canonical bytes of the body, equal for equal queries."""
        return canonical(self.body)

    @property
    def within(self) -> Body:
        """Return the object that holds the span: `filter` (reporting, detections) or the body itself (stats)."""
        inner = self.body.get("filter")
        return inner if isinstance(inner, dict) else self.body

    @cached_property
    def windows(self) -> Windows | None:
        return windows_of(self.body)

    @property
    def order(self) -> list[str]:
        """Return the levels of a grouped answer as asked for, outermost first."""
        group_by = self.body.get("group_by")
        order = group_by.get("order") if isinstance(group_by, dict) else None
        return list(order) if isinstance(order, list) else []

    @property
    def is_flat(self) -> bool:
        return not self.order and not (self.body.get("group_by") or {}).get("raw")

    @property
    def span_header(self) -> str:
        """Return `START/STOP` as they are sent upstream."""
        return f"{self.within.get('start', '')}/{self.within.get('stop', '')}"

    @cached_property
    def bounds(self) -> tuple[datetime, datetime | None] | None:
        """Return start and stop. Of times without an offset these are the earliest start and the latest stop."""
        start = self.start or _about(self.within.get("start"), -_WIDEST_OFFSET)
        stop = self.stop or _about(self.within.get("stop"), _WIDEST_OFFSET)
        if start is None or (stop is None and self.within.get("stop") not in (None, "now")):
            return None
        return start, stop

    @property
    def stop_moves_at(self) -> datetime | None:
        """Return when the same relative stop will mean a later edge; None for an absolute stop."""
        return (self.windows or _MINUTES).after(self.stop) if self.stop_is_relative and self.stop else None

    def seconds(self, now: datetime) -> float:
        """Return the length of the span, up to `now` if it has no stop; 0 if it is not known."""
        bounds = self.bounds
        return max(((bounds[1] or now) - bounds[0]).total_seconds(), 0.0) if bounds else 0.0

    def with_ids(self, dimension: str, ids: Sequence[str]) -> ReportQuery:
        """Return the same query for these ids."""
        return replace(self, body={**self.body, "filter": {**self.body["filter"], dimension: {"eq": list(ids)}}})

    def with_body(self, **changes: Any) -> ReportQuery:
        """Return the same query with these members of the body. None removes a member."""
        body = {name: value for name, value in {**self.body, **changes}.items() if value is not None}
        return replace(self, body=body)

    def between(self, start: datetime, stop: datetime) -> ReportQuery:
        """Return the same query for another span."""
        span = {"start": format_rfc3339(start), "stop": format_rfc3339(stop)}
        return ReportQuery({**self.body, "filter": {**self.body["filter"], **span}}, start, stop, self.is_rewritten)

    def widest(self, *, at_least: int) -> tuple[str | None, list[str]]:
        """Return the filter with the most ids, and its ids, among the filters whose id stands in the rows."""
        lists = {
            name: value["eq"]
            for name, value in self.body["filter"].items()
            if name in KEY_OF_FILTER and isinstance(value, dict) and isinstance(value.get("eq"), list)
        }
        dimension = max(lists, key=lambda name: len(lists[name]), default=None)
        if dimension is None or len(lists[dimension]) < at_least:
            return None, []
        return dimension, lists[dimension]


def windows_of(body: Body) -> Windows | None:
    """Return the windows of a body; None if it has none, or none that the facade understands."""
    window = body.get("window")
    every = window.get("every") if isinstance(window, dict) else None
    if not isinstance(window, dict) or not isinstance(every, str):
        return None
    timezone = window.get("timezone")
    return Windows.of(every, timezone if isinstance(timezone, str) else None)


def resolve_report(body: Body, now: datetime) -> ReportQuery:
    """Return a reporting body with both ends of its span absolute, as Butlr takes them since August 2026.

    An end that is relative to now, `now`, or absent is moved to an edge of the window in its time zone, the start down
    and the stop to the last edge that has passed; without a window, to whole minutes. Clients that poll therefore share
    cached answers. An absolute end stays as it is, and one without an offset as it was written.
    """
    return _with_absolute_times(body, now, adds_stop=True)


def resolve_span(body: Body, now: datetime) -> ReportQuery:
    """Return a detections or stats body with its times absolute: neither call is known to take others."""
    return _with_absolute_times(body, now, adds_stop=False)


def _with_absolute_times(body: Body, now: datetime, *, adds_stop: bool) -> ReportQuery:
    inner = body.get("filter")
    within = inner if isinstance(inner, dict) else body
    grid = _Grid(windows_of(body) or _MINUTES, _offset_of(body))
    start, start_is_relative = _end(within.get("start"), now)
    absent = within.get("stop") is None
    stop, stop_is_relative = _end("now" if absent and adds_stop else within.get("stop"), now)
    unaligned = stop
    changed: dict[str, str] = {}
    if start and start_is_relative:
        start = grid.floor(start)
    if stop and stop_is_relative:
        stop = grid.floor(stop)
        if start and stop <= start:
            # The span lies within one window. A relative start moves down to the window before. With an absolute start
            # there is no whole window yet: the stop is then a whole minute, and the upstream answers without rows.
            if start_is_relative:
                start = grid.before(stop)
            else:
                stop = max(now.replace(second=0, microsecond=0), start)
    for name, moment, is_relative in (("start", start, start_is_relative), ("stop", stop, stop_is_relative)):
        written = within.get(name)
        if moment is not None and (is_relative or not (isinstance(written, str) and is_rfc3339(written))):
            changed[name] = format_rfc3339(moment)
    if absent and start is None and _about(within.get("start"), timedelta()) is None:
        # Without a valid start no stop is added: the upstream's own error says what is wrong.
        changed.pop("stop", None)
    if not changed:
        return ReportQuery(body, start, None if absent and not adds_stop else stop, unaligned_stop=unaligned)
    if within is body:
        return ReportQuery(
            {**body, **changed},
            start,
            stop,
            is_rewritten=True,
            stop_is_relative=stop_is_relative,
            unaligned_stop=unaligned,
        )
    return ReportQuery(
        {**body, "filter": {**within, **changed}},
        start,
        stop,
        is_rewritten=True,
        stop_is_relative=stop_is_relative,
        unaligned_stop=unaligned,
    )


def _end(written: object, now: datetime) -> tuple[datetime | None, bool]:
    """Return the moment of an end, and whether it may be moved to an edge; None if the moment is not certain."""
    if isinstance(written, int) and not isinstance(written, bool):
        return from_epoch(written) if is_epoch(str(abs(written))[:20]) else None, False
    if not isinstance(written, str):
        return None, False
    if written == "now" or parse_relative(written) is not None:
        try:
            return resolve(written, now), True
        except ValueError:
            return None, False
    if is_epoch(written):
        return from_epoch(int(written)), False
    return parse_absolute(written), False


def _about(written: object, by: timedelta) -> datetime | None:
    moment = parse_rfc3339(written) if isinstance(written, str) else None
    try:
        return moment and moment + by
    except OverflowError:
        # The sum is beyond the calendar (years 1 to 9999).
        return moment


def _offset_of(body: Body) -> timedelta:
    window = body.get("window")
    offset = window.get("offset") if isinstance(window, dict) else None
    if not isinstance(offset, str):
        return timedelta()
    sign, text = (-1, offset[1:]) if offset.startswith("-") else (1, offset)
    try:
        return sign * timedelta(seconds=parse_duration(text).seconds)
    except (ValueError, OverflowError):
        return timedelta()


@dataclass(frozen=True, slots=True)
class _Grid:
    """The edges of windows, shifted by the window's own `offset`."""

    windows: Windows
    offset: timedelta

    def floor(self, moment: datetime) -> datetime:
        try:
            return self.windows.floor(moment - self.offset) + self.offset
        except OverflowError:
            return moment.astimezone(UTC)

    def before(self, edge: datetime) -> datetime:
        try:
            return self.windows.before(edge - self.offset) + self.offset
        except OverflowError:
            return edge
