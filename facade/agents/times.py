"""Parse and write times as people do: in the building's time zone, with the zone named."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .asking import Refused

_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
WORDS = "now, today, yesterday, tomorrow, this week, last week, -24h, -7d, 2026-03-01 or 2026-03-01T09:00"
UTC_ZONE = "UTC"


def length_of(every: str) -> timedelta:
    """Return the length of a window such as 5m, 1h or 1d."""
    return timedelta(**{_UNITS[every[-1]]: int(every[:-1])})


def floor_of(moment: datetime, every: str, zone: ZoneInfo) -> datetime:
    """Return the start of the window (of at most a day) that contains a time, by the zone's clock."""
    there = moment.astimezone(zone)
    if every[-1] == "d":
        return there.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = there.utcoffset() or timedelta()
    seconds = int((there.timestamp() + ahead.total_seconds()) // length_of(every).total_seconds())
    return (datetime.fromtimestamp(seconds * length_of(every).total_seconds(), UTC) - ahead).astimezone(zone)


def zone_of(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or UTC_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(UTC_ZONE)


def known_zone(name: str) -> ZoneInfo:
    """Return the zone of a name. Raises `Refused` for an unknown one."""
    zone = zone_of(name)
    if zone.key != name:
        raise Refused("Not a time zone: write an IANA name, such as Europe/Berlin.")
    return zone


def parsed(moment: str | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def local(moment: str | datetime, zone: ZoneInfo) -> str:
    return parsed(moment).astimezone(zone).isoformat(timespec="minutes")


def said(moment: str | datetime, zone: ZoneInfo) -> str:
    """Write a time for use in a sentence, with its weekday."""
    return parsed(moment).astimezone(zone).strftime("%a %-d %b %Y %H:%M")


@dataclass(frozen=True, slots=True)
class LocalSpan:
    start: datetime
    stop: datetime
    zone: ZoneInfo

    @property
    def length(self) -> timedelta:
        return self.stop - self.start

    @property
    def variables(self) -> dict[str, str]:
        return {"start": _rest(self.start), "stop": _rest(self.stop)}

    def before(self) -> "LocalSpan":
        """Return the same hours a week before, so that equal weekdays are compared.

        For a span of more than a week, return the span of equal length that ends where this one begins.
        """
        week = timedelta(days=7)
        if self.length > week + timedelta(hours=1):
            return LocalSpan(self.start - self.length, self.start, self.zone)
        # By the calendar, so that 9 o'clock is compared with 9 o'clock even if the clock changed in between.
        start, stop = (moment.astimezone(self.zone) - week for moment in (self.start, self.stop))
        return LocalSpan(start, stop, self.zone)

    def __str__(self) -> str:
        start, stop = said(self.start, self.zone), said(self.stop, self.zone)
        day, time = stop.rsplit(" ", 1)
        return f"{start} to {time if start.startswith(day) else stop} ({self.zone.key})"

    def as_text(self) -> dict[str, str]:
        return {"start": local(self.start, self.zone), "stop": local(self.stop, self.zone), "zone": self.zone.key}


def span_of(start: str, stop: str | None, zone: ZoneInfo, now: datetime) -> LocalSpan:
    """Return the span that two texts mean in a zone. A day or a week without a stop is the whole of it.

    A span ends at now at the latest. Raises `Refused` for an invalid one.
    """
    begins, ends = _said(start, zone, now)
    if stop is None:
        last = min(ends or now, now)
    else:
        first, after = _said(stop, zone, now)
        # A stop that is a day includes that day, unless it only marks the end.
        last = min(after or first, now)
    if begins >= now:
        raise Refused(
            f"That is still to come: it starts {said(begins, zone)}, and now is {said(now, zone)} ({zone.key})."
        )
    if last <= begins:
        raise Refused(f"The span is empty: it starts {said(begins, zone)} and stops {said(last, zone)} ({zone.key}).")
    return LocalSpan(begins, last, zone)


def _said(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime | None]:
    """Parse a text to a moment, or to the start and the end of a day or a week."""
    asked = " ".join(text.strip().lower().replace("_", " ").split())
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if asked in days:
        return _day(midnight, days[asked]), _day(midnight, days[asked] + 1)
    weeks = {"this week": 0, "last week": -7}
    if asked in weeks:
        first = weeks[asked] - midnight.weekday()
        return _day(midnight, first), _day(midnight, first + 7)
    if asked == "now":
        return now, None
    try:
        if relative := _RELATIVE.fullmatch(asked):
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])}), None
        moment = datetime.fromisoformat(text.strip())
        if len(asked) == len("2026-03-01"):
            first_ = moment.replace(tzinfo=zone)
            return first_, _day(first_, 1)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC), None
    except (ValueError, OverflowError):
        raise Refused(f"Not a time: write one of {WORDS}.") from None


def _day(midnight: datetime, days: int) -> datetime:
    # By the calendar, since a day may have 23 or 25 hours.
    return midnight + timedelta(days=days)


def _rest(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def freshness_in_words(
    freshness: dict[str, str | bool | None] | None, span: LocalSpan, landed: datetime | None = None
) -> str:
    """Say when an answer was read, up to when it is final, and which part has not landed yet.

    `landed` is the end of the newest window.
    """
    if not freshness or not freshness.get("as_of"):
        return "How fresh this is is not known."
    words = [f"Read at {said(str(freshness['as_of']), span.zone)} ({span.zone.key})."]
    settled = freshness.get("settled_until")
    if settled is None:
        words.append("None of it is final yet.")
    elif parsed(str(settled)) < span.stop:
        words.append(f"Final up to {said(str(settled), span.zone)}; what is later may still change.")
        if landed and landed < span.stop:
            words.append(f"What came after {said(landed, span.zone)} has not landed yet.")
    else:
        words.append("All of it is final.")
    if freshness.get("partial"):
        words.append("The last window is not over or has not landed yet: its value is of the minutes so far.")
    return " ".join(words)
