"""Usage counts by day (UTC): what clients send and how often. Bounded, and with no more about a client than its name.

A row is a tuple of texts, the first of which is the kind of row:

- `call`, client, agent, path, operation, class of the status (`2xx`): a call of the REST API
- `operation`, client, version, name, start of the document's hash, outcome (`ok`): a GraphQL operation
- `field`, name (`Room.name`), client, version: operations that select it. The client is only in rows of deprecated
  fields, so that there are no more other rows than fields in the schema
- `replay`, path, operation, outcome
- `difference`, path, field
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..execution.field_names import OperationFields

CountKey = tuple[str, ...]
DailyCount = tuple[str, CountKey, int]

KEPT_DAYS = 31
DAY = 86_400
# Headers with the names and versions of clients, and the user agent.
CLIENT_HEADERS = (
    b"apollographql-client-name",
    b"x-graphql-client-name",
    b"graphql-client-name",
    b"apollographql-client-version",
    b"x-graphql-client-version",
    b"user-agent",
)
Headers = tuple[bytes, ...]
LONGEST_NAME = 100
# Characters of a document's hash, enough to identify it.
HASH = 12
MOST_UNCOUNTED = 1000
# Most rows of one day. Bounded, since clients choose their names.
MOST_ROWS = 2_000
OTHERS = "(others)"


def folded(row: CountKey) -> CountKey:
    """Return the row without the client, of which there are few."""
    match row:
        case ("call", _, _, *rest):
            return ("call", OTHERS, OTHERS, *rest)
        case ("operation", _, _, _, _, ended):
            return ("operation", OTHERS, "", OTHERS, "", ended)
        case ("field", name, client, _) if client:
            return ("field", name, OTHERS, "")
    return row


def has_room(row: CountKey, taken: int) -> bool:
    """Return whether a new row may be added. Half of the rows are reserved for successful calls.

    Refused calls may have any client name, and must not use up all rows.
    """
    return taken < (MOST_ROWS if row[0] == "field" or row[-1] in ("2xx", "ok") else MOST_ROWS // 2)


def client_of(headers: Headers) -> tuple[str, str]:
    """Return the name and version that a client states; else its user agent."""
    first, second, third, version, other, agent = (_printable(value) for value in headers)
    name = first or second or third
    return (name, version or other) if name else (agent, "")


def _printable(value: bytes) -> str:
    return "".join(char for char in value[:LONGEST_NAME].decode("utf-8", "replace") if char.isprintable())


class UsageUnavailableError(Exception):
    """The counts cannot be read. The message says why."""


class CallCounts:
    """The count of each row on each day."""

    def __init__(self) -> None:
        self._days: dict[str, Counter[CountKey]] = {}

    def __iter__(self) -> Iterator[DailyCount]:
        for day, rows in self._days.items():
            for row, count in rows.items():
                yield day, row, count

    def by_day(self) -> dict[str, Counter[CountKey]]:
        return self._days

    def add(self, day: str, row: CountKey, count: int = 1) -> None:
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
        # Operations of one day that are not rows yet: making rows takes about as long as serving a cached response.
        self._operations: Counter[tuple[OperationFields, str, Headers]] = Counter()
        self._day = 0

    def note(self, row: CountKey, count: int = 1) -> None:
        """Count a row. Never waits or fails, since it is called for each request."""
        self._counts.add(f"{self.today()}", row, count)

    def operation(self, selected: OperationFields, ended: str, headers: Headers) -> None:
        """Note an operation. Never waits or fails. `headers` are the values of `CLIENT_HEADERS`."""
        day = int(self._clock() // DAY)
        if day != self._day or len(self._operations) >= MOST_UNCOUNTED:
            self._settle()
            self._day = day
        self._operations[selected, ended, headers] += 1

    def _settle(self) -> None:
        """Make rows of the operations noted since the last time."""
        noted, self._operations = self._operations, Counter()
        day = f"{datetime.fromtimestamp(self._day * DAY, UTC).date()}"
        for (selected, ended, headers), count in noted.items():
            client, version = client_of(headers)
            name, document = selected.name[:LONGEST_NAME], selected.document[:HASH]
            self._counts.add(day, ("operation", client, version, name, document, ended), count)
            for field in selected.fields:
                self._counts.add(day, ("field", field, "", ""), count)
            for field in selected.deprecated:
                self._counts.add(day, ("field", field, client, version), count)

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    async def counted(self, days: int) -> list[DailyCount]:
        """Return the counts of the last `days` days, including today. Raises `UsageUnavailableError`."""
        self._settle()
        wanted = set(last_days(self.today(), days))
        return [counted for counted in self._counts if counted[0] in wanted]

    async def run(self) -> None:
        """Run background work while the process serves. Counts in memory need none."""

    async def aclose(self) -> None:
        return None


def last_days(today: date, days: int) -> list[str]:
    """Return the last days, oldest first, of those that are kept."""
    return [f"{today - timedelta(days=back)}" for back in reversed(range(min(days, KEPT_DAYS)))]


def summary(counted: Iterable[DailyCount], days: int) -> dict[str, Any]:
    """Sum up all days, most frequent first: calls by client and path, replays by path, differences by field."""
    calls: dict[CountKey, dict[str, Any]] = {}
    replays: dict[CountKey, dict[str, Any]] = {}
    operations: dict[CountKey, dict[str, Any]] = {}
    differences: Counter[CountKey] = Counter()
    for day, (kind, *words), count in counted:
        match kind, words:
            case "call", [client, agent, path, operation, status]:
                call = calls.setdefault((client, agent, path, operation), {"calls": 0, "last_day": day, "statuses": {}})
                call["calls"] += count
                call["last_day"] = max(call["last_day"], day)
                call["statuses"][status] = call["statuses"].get(status, 0) + count
            case "operation", [client, version, name, document, ended]:
                key = (client, version, name, document)
                sent = operations.setdefault(key, {"operations": 0, "last_day": day, "outcomes": {}})
                sent["operations"] += count
                sent["last_day"] = max(sent["last_day"], day)
                sent["outcomes"][ended] = sent["outcomes"].get(ended, 0) + count
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
        "operations": [
            {
                "client": client or None,
                "version": version or None,
                "operation": name or None,
                "document": document or None,
                **sent,
            }
            for (client, version, name, document), sent in _most_first(operations, "operations")
        ],
        "replays": [
            {"path": path, "operation": operation or None, **replay}
            for (path, operation), replay in _most_first(replays, "replays")
        ],
        "differences": [
            {"path": path, "field": field, "count": count} for (path, field), count in differences.most_common()
        ],
    }


def field_summary(fields: Mapping[str, str | None], counted: Iterable[DailyCount], days: int) -> dict[str, Any]:
    """List the fields of the schema that no client selects, and the clients that select deprecated ones.

    `fields` has the deprecation reason of each field, or None.
    """
    uses: Counter[str] = Counter()
    by_client: dict[CountKey, dict[str, Any]] = {}
    for day, row, count in counted:
        match row:
            case ("field", name, client, version) if name in fields:
                uses[name] += count
                if fields[name] is not None:
                    key = (name, client, version)
                    used = by_client.setdefault(key, {"operations": 0, "last_day": day})
                    used["operations"] += count
                    used["last_day"] = max(used["last_day"], day)
    return {
        "days": days,
        "deprecated": [
            {"field": name, "client": client or None, "version": version or None, **used, "reason": fields[name]}
            for (name, client, version), used in _most_first(by_client, "operations")
        ],
        "used": [{"field": name, "operations": count} for name, count in uses.most_common()],
        "unused": [{"field": name, "deprecated": fields[name] is not None} for name in fields if name not in uses],
    }


def _most_first(rows: dict[CountKey, dict[str, Any]], name: str) -> list[tuple[CountKey, dict[str, Any]]]:
    return sorted(rows.items(), key=lambda one: (-one[1][name], one[0]))
