"""Who still makes which legacy call, and how often: counts by day (UTC), bounded, and no more of a caller than a name.

A row is a tuple of words, the first of which says what it counts:

- `call`, client, agent, path, operation, class of the status (`2xx`)
- `replay`, path, operation, outcome
- `difference`, path, field
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = tuple[str, ...]
Counted = tuple[str, Row, int]

KEPT_DAYS = 31
# Rows of one day. Callers name themselves, so there may be any number of names.
MOST_ROWS = 2_000
OTHERS = "(others)"


def folded(row: Row) -> Row:
    """A row that does not tell callers apart: of those there are few."""
    return (row[0], OTHERS, OTHERS, *row[3:]) if row[0] == "call" else row


def has_room(row: Row, taken: int) -> bool:
    """Whether a new row may be added. Anyone may be refused under any name: half the room is for who is served."""
    return taken < (MOST_ROWS if row[-1] == "2xx" else MOST_ROWS // 2)


class UsageUnavailableError(Exception):
    """The counts cannot be read; the message says why."""


class CallCounts:
    """How often each row came on each day."""

    def __init__(self) -> None:
        self._days: dict[str, Counter[Row]] = {}

    def __iter__(self) -> Iterator[Counted]:
        for day, rows in self._days.items():
            for row, count in rows.items():
                yield day, row, count

    def by_day(self) -> dict[str, Counter[Row]]:
        return self._days

    def add(self, day: str, row: Row, count: int = 1) -> None:
        rows = self._days.get(day)
        if rows is None:
            rows = self._days[day] = Counter()
            while len(self._days) > KEPT_DAYS:
                del self._days[min(self._days)]
        if row not in rows and not has_room(row, len(rows)):
            row = folded(row)
        rows[row] += count


class Usage:
    """Counts what this process served."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts = CallCounts()

    def note(self, row: Row) -> None:
        """Never waits and never fails: it is called for each request."""
        self._counts.add(f"{self.today()}", row)

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    async def counted(self, days: int) -> list[Counted]:
        """The counts of the last `days` days, today among them. Raises `UsageUnavailableError`."""
        wanted = set(last_days(self.today(), days))
        return [counted for counted in self._counts if counted[0] in wanted]

    async def run(self) -> None:
        """What has to be done while the process serves: nothing, for what is kept here."""

    async def aclose(self) -> None:
        return None


def last_days(today: date, days: int) -> list[str]:
    """The last days of those that are kept, the oldest first."""
    return [f"{today - timedelta(days=back)}" for back in reversed(range(min(days, KEPT_DAYS)))]


def summary(counted: Iterable[Counted], days: int) -> dict[str, Any]:
    """Over all days, what is most frequent first: calls by caller and path, replays by path, differences by field."""
    calls: dict[Row, dict[str, Any]] = {}
    replays: dict[Row, dict[str, Any]] = {}
    differences: Counter[Row] = Counter()
    for day, (kind, *words), count in counted:
        match kind, words:
            case "call", [client, agent, path, operation, status]:
                call = calls.setdefault((client, agent, path, operation), {"calls": 0, "last_day": day, "statuses": {}})
                call["calls"] += count
                call["last_day"] = max(call["last_day"], day)
                call["statuses"][status] = call["statuses"].get(status, 0) + count
            case "replay", [path, operation, outcome]:
                replay = replays.setdefault((path, operation), {"replays": 0, "outcomes": {}})
                replay["replays"] += count
                replay["outcomes"][outcome] = replay["outcomes"].get(outcome, 0) + count
            case "difference", [path, field]:
                differences[path, field] += count
    return {
        "days": days,
        "calls": [
            {"client": client or None, "agent": agent or None, "path": path, "operation": operation or None, **call}
            for (client, agent, path, operation), call in _most_first(calls, "calls")
        ],
        "replays": [
            {"path": path, "operation": operation or None, **replay}
            for (path, operation), replay in _most_first(replays, "replays")
        ],
        "differences": [
            {"path": path, "field": field, "count": count} for (path, field), count in differences.most_common()
        ],
    }


def _most_first(rows: dict[Row, dict[str, Any]], name: str) -> list[tuple[Row, dict[str, Any]]]:
    return sorted(rows.items(), key=lambda one: (-one[1][name], one[0]))
