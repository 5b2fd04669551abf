"""The windows of a report, which Butlr aligns to the clock of a time zone. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from .times import Duration, parse_duration

_DAY = 86_400
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one length in one time zone. Edges are moments in UTC.

    Windows of up to a day divide the day of their zone: a zone with an offset of 30 minutes has its own hours, and a
    day may have 23 or 25 of them. No source says where a window longer than a day begins.
    """

    length: Duration
    zone: tzinfo = UTC

    @classmethod
    def of(cls, every: str, timezone: str | None = None) -> Windows | None:
        """Make the windows; None if `every` is no duration longer than 0, or the time zone is unknown."""
        try:
            length = parse_duration(every)
        except ValueError:
            return None
        zone = zone_of(timezone) if timezone else UTC
        return cls(length, zone) if zone is not None and (length.months or length.seconds) else None

    @property
    def seconds(self) -> int:
        """Return the nominal length. A month counts as 30 days."""
        return self.length.months * 30 * _DAY + self.length.seconds

    @property
    def on_clock(self) -> bool:
        """Return whether it is known where each window begins."""
        return not self.length.months and _DAY % self.length.seconds == 0

    def floor(self, moment: datetime) -> datetime:
        """Return the last edge at or before a moment; for windows longer than a day, the last midnight."""
        seconds = self.length.seconds
        if self.length.months or seconds >= _DAY:
            return self._local_floor(moment, _DAY)
        if seconds <= _HOUR or _DAY % seconds:
            # Windows of an hour or less keep their edges when the offset changes, since that is by an hour at most.
            offset = _offset(moment, self.zone)
            # Integers, since a float would round the last moment of the calendar up.
            since = (moment - _EPOCH) // timedelta(seconds=1) + offset
            return _EPOCH + timedelta(seconds=since // seconds * seconds - offset)
        return self._local_floor(moment, seconds)

    def before(self, edge: datetime) -> datetime:
        """Return the start of the window that ends at `edge`."""
        if self.length.months or self.length.seconds % _DAY == 0:
            return self._shifted(edge, -1)
        if self.length.seconds > _HOUR and self.on_clock:
            return self.floor(edge - timedelta(microseconds=1))
        return edge - timedelta(seconds=self.length.seconds)

    def after(self, edge: datetime) -> datetime:
        """Return the end of the window that begins at `edge`."""
        if self.length.months or self.length.seconds % _DAY == 0:
            return self._shifted(edge, 1)
        if self.length.seconds > _HOUR and self.on_clock:
            # On a day of 25 hours one window of 6 hours lasts 7.
            nominal = self.floor(edge + timedelta(seconds=self.length.seconds))
            return nominal if nominal > edge else self.floor(edge + timedelta(seconds=self.length.seconds + _HOUR))
        return edge + timedelta(seconds=self.length.seconds)

    def is_edge(self, moment: datetime) -> bool:
        return self.floor(moment) == moment

    def edges(self, start: datetime, stop: datetime) -> Iterator[datetime]:
        """Yield every edge after `start` (an edge) up to and including `stop`: the labels of the windows between."""
        edge = self.after(start)
        while edge <= stop:
            yield edge
            edge = self.after(edge)

    def _local_floor(self, moment: datetime, seconds: int) -> datetime:
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        floor = midnight + timedelta(seconds=(local - midnight).seconds // seconds * seconds)
        return floor.replace(tzinfo=self.zone).astimezone(UTC)

    def _shifted(self, edge: datetime, by: int) -> datetime:
        local = edge.astimezone(self.zone).replace(tzinfo=None)
        shifted = self.length.after(local) if by > 0 else self.length.before(local)
        return shifted.replace(tzinfo=self.zone).astimezone(UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _offset(moment: datetime, zone: tzinfo) -> int:
    if zone is UTC:
        return 0
    offset = moment.astimezone(zone).utcoffset()
    return offset // timedelta(seconds=1) if offset else 0


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name; None for an unknown name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None
