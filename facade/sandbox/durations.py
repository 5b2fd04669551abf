import re
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION = re.compile(r"(?:\d{1,9}[smhdwM])+")
PART = re.compile(r"(\d+)([smhdwM])")


class Duration(NamedTuple):
    """A duration. Months are separate, since they differ in length."""

    seconds: int
    months: int = 0


def parse_duration(text: str) -> Duration | None:
    """Parse numbers with units (`1h30m`); None for anything else, and for a zero length."""
    if not DURATION.fullmatch(text):
        return None
    seconds = months = 0
    for number, unit in PART.findall(text):
        if unit == "M":
            months += int(number)
        else:
            seconds += int(number) * UNITS[unit]
    return Duration(seconds, months) if seconds or months else None


def add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = moment.day
    while True:
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            # The 31st of a shorter month is its last day.
            if day <= 28:
                raise
            day -= 1


def before(now: float, duration: Duration, zone: tzinfo = UTC) -> float:
    moment = add_months(datetime.fromtimestamp(now, zone), -duration.months)
    return int(moment.timestamp()) - duration.seconds
