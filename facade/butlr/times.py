"""Times and durations in Butlr's formats. Pure functions: the present time is an argument."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
_STRICT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_WITH_OFFSET = re.compile(r".{16,}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})", re.DOTALL)
_CANONICAL = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000)[0-9]{3})?Z"
)
# At least nine digits: "2025" is a year, not 33 minutes after the epoch.
_EPOCH = re.compile(r"[0-9]{9,19}")
# The unit follows from the magnitude: 1e11 seconds are in the year 5138, 1e11 milliseconds in 1973.
_LEAST_MILLIS, _LEAST_MICROS, _LEAST_NANOS = 10**11, 10**14, 10**17
_UNITS = ((_LEAST_MILLIS, 1), (_LEAST_MICROS, 1_000), (_LEAST_NANOS, 1_000_000))
# Most characters of a duration, so that a text of a megabyte costs nothing.
_LONGEST = 64
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:mo|ms|[smhdwM]))+")
_DURATION_PART = re.compile(r"([0-9]+)(mo|ms|[smhdwM])")
_YEAR, _MOST_YEARS = 365.25 * 86_400, 1900
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

DURATION_FORM = "one or more numbers with a unit of s m h d w M: 30s, 5m, 1h30m, 1w"
TIME_FORM = "RFC 3339, a bare date, epoch milliseconds or seconds, or relative to now (-24h, -1M, -1mo, now)"


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in months and seconds. The length of a month depends on where it starts."""

    months: int = 0
    seconds: int = 0

    @property
    def is_in_calendar(self) -> bool:
        """Return whether the duration fits into the calendar (years 1 to 9999)."""
        return self.months / 12 + self.seconds / _YEAR < _MOST_YEARS

    def before(self, moment: datetime) -> datetime:
        """Return the moment this long before another. Raises OverflowError or ValueError beyond the calendar."""
        return _plus_months(moment, -self.months) - timedelta(seconds=self.seconds)

    def after(self, moment: datetime) -> datetime:
        return _plus_months(moment, self.months) + timedelta(seconds=self.seconds)


def parse_rfc3339(text: str) -> datetime | None:
    """Parse RFC 3339 to UTC; None for anything else. A bare date and a time without an offset count as UTC."""
    found = _RFC3339.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    # datetime has no leap seconds, so one becomes the next second.
    leap = second == "60"
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            59 if leap else int(second or 0),
            0 if leap else micros,
            tzinfo=UTC,
        )
        if leap:
            moment += timedelta(seconds=1)
        if sign:
            if int(offset_hours) > 23 or int(offset_minutes) > 59:
                return None
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
            moment += offset if sign == "-" else -offset
    except (ValueError, OverflowError):
        return None
    return moment


def format_rfc3339(moment: datetime) -> str:
    """Write UTC with Z, and milliseconds as three digits unless they are zero. A naive datetime counts as UTC."""
    moment = (
        moment.replace(tzinfo=None) if moment.tzinfo in (None, UTC) else moment.astimezone(UTC).replace(tzinfo=None)
    )
    return moment.isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds") + "Z"


def to_rfc3339(value: str | float | None) -> str | None:
    """Convert any time of the upstream to the form of `format_rfc3339`; None for an invalid time."""
    if isinstance(value, str):
        return value if _CANONICAL.fullmatch(value) else _rewritten(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int) and _LEAST_MILLIS <= value < _LEAST_MICROS:
        seconds, millis = divmod(value, 1000)
        return f"{_second(seconds)}.{millis:03}Z" if millis else f"{_second(seconds)}Z"
    moment = from_epoch(value)
    return None if moment is None else format_rfc3339(moment)


# Cached, since an answer has the same few times for each of its sensors.
@lru_cache(maxsize=4096)
def _second(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()[:19]


@lru_cache(maxsize=4096)
def _rewritten(text: str) -> str | None:
    moment = from_epoch(int(text)) if _EPOCH.fullmatch(text) else parse_rfc3339(text)
    return None if moment is None else format_rfc3339(moment)


def from_epoch(value: float) -> datetime | None:
    """Convert epoch seconds, milliseconds, microseconds or nanoseconds, told by magnitude; None out of range."""
    per_second = next((unit for limit, unit in _UNITS if abs(value) < limit), 1_000_000_000)
    try:
        # In two parts, since one float division loses microseconds. NaN and infinity fail in int().
        whole, rest = divmod(value, per_second)
        return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=round(rest * 1_000_000 / per_second))
    except (ValueError, OverflowError, OSError):
        return None


def parse_duration(text: str) -> Duration:
    """Return the duration. Milliseconds, as a chart's interval may have them, count as the next whole second.

    Raises ValueError for anything else.
    """
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        raise ValueError(f"{_shown(text)} is not a duration; give {DURATION_FORM}")
    months = seconds = millis = 0
    for count, unit in _DURATION_PART.findall(text):
        if unit in ("M", "mo"):
            months += int(count)
        elif unit == "ms":
            millis += int(count)
        else:
            seconds += int(count) * _SECONDS[unit]
    return Duration(months, seconds - -millis // 1000)


def parse_relative(text: str) -> Duration | None:
    """Parse "-24h", "-1M" or "-1mo" to the duration before now; None for anything else."""
    if not text.startswith("-") or len(text) > _LONGEST or not _DURATION.fullmatch(text, 1):
        return None
    return parse_duration(text[1:])


def is_rfc3339(text: str) -> bool:
    """Return whether a text is a time in RFC 3339: with seconds, an offset, and a T between date and time."""
    return len(text) <= _LONGEST and _STRICT.fullmatch(text) is not None and parse_rfc3339(text) is not None


def is_epoch(text: str) -> bool:
    """Return whether a text is a number of seconds, milliseconds, microseconds or nanoseconds since 1970."""
    return _EPOCH.fullmatch(text) is not None


def parse_absolute(text: str) -> datetime | None:
    """Return the moment of a time with an offset; None for a bare date, a time without offset, and anything else."""
    return parse_rfc3339(text) if len(text) <= _LONGEST and _WITH_OFFSET.fullmatch(text) else None


def resolve(value: str, now: datetime) -> datetime:
    """Return the moment that a request's time means at `now`. Raises ValueError that names the accepted forms."""
    if value == "now":
        return now
    moment: datetime | None = None
    if (relative := parse_relative(value)) is not None:
        try:
            return relative.before(now)
        except (ValueError, OverflowError):
            pass
    elif _EPOCH.fullmatch(value):
        moment = from_epoch(int(value))
    else:
        moment = parse_rfc3339(value)
    if moment is None:
        raise ValueError(f"{_shown(value)} is not a time; give {TIME_FORM}")
    return moment


def _plus_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("beyond the calendar")
    # A month before 31 March is the last day of February.
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
