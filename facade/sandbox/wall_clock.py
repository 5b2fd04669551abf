"""Windows that are aligned to the clock of a time zone, for any span."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from .durations import Duration
from .schedule import local_days

DAY, WEEK = 86_400, 604_800
EPOCH = date(1970, 1, 1).toordinal()
A_MONDAY = date(1970, 1, 5).toordinal()
Zone = ZoneInfo | None


def clock_windows(
    start: float, stop: float, every: Duration, zone: Zone = None, offset: int = 0
) -> Iterator[tuple[float, float]]:
    """Yield the windows that lie completely within the span, in order. Without a zone they are aligned to UTC.

    Days begin at local midnight, weeks on Monday, months on the first; a day of 23 or 25 hours is one window.
    Shorter windows begin where the local time of day is a multiple of their length: in Asia/Kolkata hours begin
    at :30 of UTC. When the clock is set back, hours go on, one after the other; a window of several hours is as
    much longer as the day is.
    """
    for begin, end in pairwise(_edges(start - offset, stop - offset, every, zone)):
        yield begin + offset, end + offset


def _edges(start: float, stop: float, every: Duration, zone: Zone) -> Iterator[float]:
    if every.months:
        found = _month_edges(start, stop, every.months, zone)
    elif every.seconds % DAY == 0:
        found = _day_edges(start, stop, every.seconds // DAY, zone)
    else:
        found = _time_edges(start, stop, every.seconds, zone)
    for edge in found:
        if edge > stop:
            return
        if edge >= start:
            yield edge


def _month_edges(start: float, stop: float, months: int, zone: Zone) -> Iterator[float]:
    first = datetime.fromtimestamp(start, zone or UTC)
    month = first.year * 12 + first.month - 1
    month -= month % months
    while True:
        edge = _midnight(date(month // 12, month % 12 + 1, 1), zone)
        yield edge
        if edge > stop:
            return
        month += months


def _day_edges(start: float, stop: float, days: int, zone: Zone) -> Iterator[float]:
    anchor = A_MONDAY if days % 7 == 0 else EPOCH
    day = datetime.fromtimestamp(start, zone or UTC).date().toordinal()
    day -= (day - anchor) % days
    while True:
        edge = _midnight(date.fromordinal(day), zone)
        yield edge
        if edge > stop:
            return
        day += days


def _time_edges(start: float, stop: float, length: int, zone: Zone) -> Iterator[float]:
    if zone is None:
        edge = math.ceil(start / length) * length
        while edge <= stop:
            yield edge
            edge += length
        return
    for day in local_days(zone, start, stop + 1):
        yield from _edges_of_day(day, length, zone)


def _edges_of_day(day: date, length: int, zone: ZoneInfo) -> Iterator[float]:
    # Local time as seconds since 1970-01-01T00:00 there: the grid that the day's edges lie on.
    opens = (day.toordinal() - EPOCH) * DAY
    first = math.ceil(opens / length) * length
    begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    change = end - begin - DAY
    if change % length == 0:
        edge = begin + (first - opens)
        while edge < end:
            yield edge
            edge += length
        return
    local = (datetime.combine(day, time()) + timedelta(seconds=at - opens) for at in range(first, opens + DAY, length))
    yield from sorted({moment.replace(tzinfo=zone).timestamp() for moment in local})


def _midnight(day: date, zone: Zone) -> float:
    return datetime.combine(day, time(), zone or UTC).timestamp()
