"""Read a request body strictly, and collect its errors field by field."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from .durations import Duration, before, parse_duration

WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
RFC3339 = re.compile(WITHOUT_OFFSET.pattern + r"(Z|[+-]\d\d:\d\d)")
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
EARLIEST, LATEST = 0, 4_102_444_800  # 1970 and 2100: within it no time zone's arithmetic overflows
CENTURY = Duration(36_525 * 86_400, 1200)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Invalid(Exception):  # noqa: N818 - the request is
    """The body is invalid. The answer is a 400 with the error of each field."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("Invalid request")
        self.errors = errors


@dataclass(slots=True)
class Checker:
    """Each method returns the value read, or a harmless stand-in after noting an error.

    Nothing read may be used before `finish` has been called.
    """

    now: float
    errors: list[dict[str, str]] = field(default_factory=list)

    def fail(self, path: str, message: str) -> None:
        self.errors.append({"field": path, "message": message})

    def finish(self) -> None:
        if self.errors:
            raise Invalid(self.errors)

    def record(self, value: Any, path: str, known: Collection[str]) -> dict[str, Any]:
        """Read an object with only known keys; an absent one is empty."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(path, "must be an object")
            return {}
        for key in value.keys() - known:
            self.fail(f"{path}.{key}" if path else key, "unknown field")
        return value

    def text(self, value: Any, path: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.fail(path, "must be a string")
            return None
        return value

    def flag(self, value: Any, path: str, *, default: bool = False) -> bool:
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(path, "must be a boolean")
            return default
        return value

    def number(self, value: Any, path: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(path, "must be a number")
            return None
        return value

    def positive(self, value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fail(path, "must be a positive integer")
            return 1
        return value

    def choice(self, value: Any, path: str, allowed: Iterable[str]) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or value not in allowed:
            self.fail(path, f"must be one of {', '.join(allowed)}")
            return None
        return value

    def texts(self, value: Any, path: str) -> list[str] | None:
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(path, "must be a list of strings")
            return None
        return value

    def choices(self, value: Any, path: str, allowed: Collection[str]) -> list[str] | None:
        found = self.texts(value, path)
        for item in found or ():
            if item not in allowed:
                self.fail(path, f"{item!r} is not one of {', '.join(allowed)}")
        return found

    def ids(self, value: Any, path: str) -> list[str] | None:
        """Read an id filter: `{"eq": [id, ...]}`."""
        if value is None:
            return None
        mistakes = len(self.errors)
        found = self.texts(self.record(value, path, {"eq"}).get("eq"), f"{path}.eq")
        if not found and len(self.errors) == mistakes:
            self.fail(f"{path}.eq", "must list at least one id")
        return found

    def time(self, value: Any, path: str, *, relative: bool = True) -> float | None:
        """Read RFC 3339 or, where allowed, a time relative to now such as `-1d`, as epoch seconds."""
        if value is None:
            return None
        seconds: float | None = None
        try:
            if isinstance(value, str) and RFC3339.fullmatch(value):
                seconds = parse_rfc3339(value)
            elif relative and isinstance(value, str) and (duration := parse_duration(value.removeprefix("-"))):
                seconds = before(int(self.now), duration) if value.startswith("-") else None
        except (ValueError, OverflowError):
            seconds = None
        if seconds is None:
            expected = "RFC 3339 or relative to now, as -1d" if relative else "RFC 3339"
            self.fail(path, f"must be a time: {expected}")
        return self._in_range(seconds, path)

    def absolute_time(self, value: Any, path: str, zone: tzinfo) -> float | None:
        """Read RFC 3339 as epoch seconds; without an offset it is local time in the zone."""
        if value is None:
            return None
        seconds: float | None = None
        try:
            if isinstance(value, str) and RFC3339.fullmatch(value):
                seconds = parse_rfc3339(value)
            elif isinstance(value, str) and WITHOUT_OFFSET.fullmatch(value):
                seconds = _seconds(datetime.fromisoformat(value).replace(tzinfo=zone))
        except (ValueError, OverflowError):
            seconds = None
        if seconds is None:
            self.fail(path, "must be a time in RFC 3339, as 2026-08-03T09:00:00Z; relative times are not supported")
        return self._in_range(seconds, path)

    def _in_range(self, seconds: float | None, path: str) -> float | None:
        if seconds is not None and not EARLIEST <= seconds < LATEST:
            self.fail(path, "must lie between 1970 and 2100")
        return seconds

    def span(self, start: Any, stop: Any, path: str) -> tuple[float, float]:
        """Read `start` (required) and `stop` (default: now) of a filter."""
        if start is None:
            self.fail(f"{path}.start", "is required")
        begin = self.time(start, f"{path}.start")
        end = self.time(stop, f"{path}.stop") if stop is not None else int(self.now)
        if begin is not None and end is not None and stop is not None and end <= begin:
            self.fail(f"{path}.stop", "must be later than start")
        return begin or 0, end or 0

    def absolute_span(self, start: Any, stop: Any, path: str, zone: tzinfo) -> tuple[float, float]:
        """Read a filter's span as the backend of August 2026 does: without `stop` it is empty."""
        if start is None:
            self.fail(f"{path}.start", "is required")
        begin = self.absolute_time(start, f"{path}.start", zone)
        end = self.absolute_time(stop, f"{path}.stop", zone)
        if begin is not None and end is not None and end <= begin:
            self.fail(f"{path}.stop", "must be later than start")
        return begin or 0, (begin or 0) if end is None else end

    def duration(self, value: Any, path: str, *, negative: bool = False) -> Duration | None:
        if value is None:
            return None
        if isinstance(value, str):
            sign = -1 if negative and value.startswith("-") else 1
            duration = parse_duration(value[1:] if sign < 0 else value)
            if duration and duration.seconds <= CENTURY.seconds and duration.months <= CENTURY.months:
                return Duration(sign * duration.seconds, sign * duration.months)
        self.fail(path, "must be a duration such as 5m, 1h30m or 1w, of a century at most")
        return None

    def zone(self, value: Any, path: str) -> ZoneInfo | None:
        name = self.text(value, path)
        if name is None:
            return None
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            self.fail(path, f"{name!r} is not an IANA time zone")
            return None

    def weekdays(self, value: Any, path: str) -> frozenset[int]:
        days = [day.lower() for day in self.texts(value, path) or ()]
        for day in days:
            if day not in WEEKDAYS:
                self.fail(path, f"{day!r} is not a day of the week")
        return frozenset(WEEKDAYS.index(day) for day in days if day in WEEKDAYS)

    def time_ranges(self, value: Any, path: str) -> tuple[tuple[int, int], ...]:
        """Read `[{"start": "09:00", "stop": "17:00"}]` as seconds of the day."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fail(path, "must be a list")
            return ()
        found = []
        for i, item in enumerate(value):
            mistakes = len(self.errors)
            entry = self.record(item, f"{path}[{i}]", {"start", "stop"})
            start = self._time_of_day(entry.get("start"), f"{path}[{i}].start")
            stop = self._time_of_day(entry.get("stop"), f"{path}[{i}].stop")
            if start >= stop and len(self.errors) == mistakes:
                self.fail(f"{path}[{i}]", "must stop later than it starts")
            found.append((start, stop))
        return tuple(found)

    def _time_of_day(self, value: Any, path: str) -> int:
        if not isinstance(value, str) or not TIME_OF_DAY.fullmatch(value):
            self.fail(path, "must be a time of day as HH:MM")
            return 0
        hours, minutes = value.split(":")
        return int(hours) * 3600 + int(minutes) * 60


def read_body(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise Invalid([{"field": "body", "message": "is not JSON"}]) from exc
    if not isinstance(body, dict):
        raise Invalid([{"field": "body", "message": "must be an object"}])
    return body


def parse_rfc3339(text: str) -> float:
    """Read a text that `RFC3339` matches. Raises ValueError if there is no such day or time."""
    return _seconds(datetime.fromisoformat(text))


def _seconds(moment: datetime) -> float:
    stamp = moment.timestamp()
    return int(stamp) if stamp.is_integer() else round(stamp, 3)


def format_time(seconds: float, digits: int | None = None) -> str:
    """Format as RFC 3339 in UTC. Without a number of digits, a fraction is written only if it is not zero."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if digits is None:
        digits = 3 if moment.microsecond else 0
    fraction = f".{moment.microsecond:06d}000"[: digits + 1] if digits else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
