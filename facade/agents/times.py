"""Times as people say them: in the building's zone, with the zone named."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .asking import Refused

_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
WORDS = "now, today, yesterday, tomorrow, this week, last week, -24h, -7d, 2026-03-01 or 2026-03-01T09:00"
UTC_ZONE = "UTC"


def zone_of(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or UTC_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(UTC_ZONE)


def parsed(moment: str | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def local(moment: str | datetime, zone: ZoneInfo) -> str:
    return parsed(moment).astimezone(zone).isoformat(timespec="minutes")


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
        """The span as long as this one that ends where this one begins; of a whole week, the same days."""
        length = timedelta(days=7) if timedelta(days=1) < self.length <= timedelta(days=7) else self.length
        return LocalSpan(self.start - length, self.stop - length, self.zone)

    def as_text(self) -> dict[str, str]:
        return {"start": local(self.start, self.zone), "stop": local(self.stop, self.zone), "zone": self.zone.key}


def span_of(start: str, stop: str | None, zone: ZoneInfo, now: datetime) -> LocalSpan:
    """Return what two texts say in a zone. Raises `Refused`. A day or a week alone is the whole of it, up to now."""
    begins, ends = _said(start, zone, now)
    if stop is None:
        last = min(ends or now, now)
    else:
        first, after = _said(stop, zone, now)
        # Until a day is with the day, but for one that is only named to end there.
        last = after or first
    if last <= begins:
        raise Refused(f"The span is empty: it starts {local(begins, zone)} and stops {local(last, zone)} ({zone.key}).")
    return LocalSpan(begins, last, zone)


def _said(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime | None]:
    """A moment, or the first and the end of a day or a week."""
    said = " ".join(text.strip().lower().replace("_", " ").split())
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if said in days:
        return _day(midnight, days[said]), _day(midnight, days[said] + 1)
    weeks = {"this week": 0, "last week": -7}
    if said in weeks:
        first = weeks[said] - midnight.weekday()
        return _day(midnight, first), _day(midnight, first + 7)
    if said == "now":
        return now, None
    try:
        if relative := _RELATIVE.fullmatch(said):
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])}), None
        moment = datetime.fromisoformat(text.strip())
        if len(said) == len("2026-03-01"):
            first_ = moment.replace(tzinfo=zone)
            return first_, _day(first_, 1)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC), None
    except (ValueError, OverflowError):
        raise Refused(f"Not a time: write one of {WORDS}.") from None


def _day(midnight: datetime, days: int) -> datetime:
    # By the calendar, so that a day of 23 hours is one.
    return midnight + timedelta(days=days)


def _rest(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def freshness_in_words(freshness: dict[str, str | bool | None] | None, span: LocalSpan) -> str:
    """Say when an answer was read, up to where it is final, and what of it has not landed yet."""
    if not freshness or not freshness.get("as_of"):
        return "How fresh this is is not known."
    words = [f"Read at {local(str(freshness['as_of']), span.zone)} ({span.zone.key})."]
    settled = freshness.get("settled_until")
    if settled is None:
        words.append("None of it is final yet.")
    elif parsed(str(settled)) < span.stop:
        words.append(f"Final up to {local(str(settled), span.zone)}; what is later may still change.")
    if freshness.get("partial"):
        words.append("The last window is unfinished: its hour has not landed yet, and its value is of minutes so far.")
    return " ".join(words)
