"""The cost of an operation in points, and the budget that bounds it.

A point is one value of a time series: of one asset, measurement and window. Other costs are converted to points by the
time that they take in comparison.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..butlr import DETECTIONS_PATH, REPORTING_PATH, ButlrError
from ..series import MACS_A_CALL, Body, detections_points, listed, report_points, resolve_report, resolve_span

# A call takes the upstream as long as about a thousand points.
CALL = 1000
# An asset in a list takes as long as about ten rows of a report. An asset that a record refers to is only looked up.
LISTED = 10
REFERRED = 1
# Bytes of an answer for each point of the limit. A row with all its fields is shorter.
BYTES_A_POINT = 1024
HEATMAP_SPAN = 7 * 86_400.0


# Added to an error about too many rows: the export that has them, by its name.
EXPORTS = {
    name: f" /export/{name}.parquet and `facade export {name}` answer spans of any length."
    for name in ("report", "detections")
}
_EXPORT_OF = {REPORTING_PATH: "report", DETECTIONS_PATH: "detections"}


class BudgetSpent(Exception):  # noqa: N818 -- named for what happened
    """The operation costs more than its limit. The message may be shown to clients."""

    code = "QUERY_TOO_COMPLEX"

    def __init__(self, cost: int, limit: int, what: str, export: str = "") -> None:
        """`what` says what costs so much. `export` is the key in `EXPORTS` of the export that has the rows."""
        super().__init__(
            f"This costs {cost:,} points with {what}; the limit of an operation is {limit:,}. "
            f"Ask for a shorter span, a wider window or fewer assets.{EXPORTS.get(export, '')}"
        )
        self.cost = cost
        self.limit = limit

    @property
    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "cost": self.cost, "limit": self.limit}


def with_export(error: ButlrError | BudgetSpent) -> str:
    """Return the error's message. If there are too many rows for one answer, it names the export that has them."""
    if isinstance(error, BudgetSpent) or not error.too_much:
        return str(error)
    return f"{error}{EXPORTS.get(_EXPORT_OF.get(error.path, ''), '')}"


def report_cost(body: Body, now: datetime, *, assets: int = 1, calls: int = 1) -> int:
    """Return the points of a reporting body that is sent for so many assets in so many calls.

    Raises ValueError if a time or a duration of the body is invalid.
    """
    return calls * CALL + report_points(resolve_report(body, now), now, assets=assets)


def detections_cost(body: Body, now: datetime, *, types: int = 1, sensors: int = 1) -> int:
    """Return the points of a detections body for so many data types and sensors. Raises as `report_cost`."""
    query = resolve_span(body, now)
    named = len(listed(query.body["filter"].get("mac_addresses")))
    calls = math.ceil(max(named, sensors) / MACS_A_CALL)
    return calls * CALL + detections_points(query, now, types=types, sensors=sensors)


def heatmap_cost(body: Body, now: datetime) -> int:
    """Return the points of a heat map: those of a call for each week. Raises as `report_cost`."""
    return CALL * max(1, math.ceil(resolve_span(body, now).seconds(now) / HEATMAP_SPAN))


def stats_cost(items: int = 1, measurements: int = 1) -> int:
    return CALL + items * measurements


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Budget:
    """The points that one operation may spend and has spent. Without a limit it only counts."""

    limit: int | None = None
    now: Callable[[], datetime] = field(default=_now)
    spent: int = 0
    # The rows in the answer, and the bytes of it that have been written.
    rows: int = 0
    written: int = 0
    # The highest cost of one read, and the export that has its rows.
    dearest: tuple[int, str] = (0, "")
    # Set once the limit is exceeded by assets, rows or bytes, which ends the operation.
    overdrawn: BudgetSpent | None = None

    def spend(self, points: int, what: str, export: str = "") -> None:
        """Spend points. If that would exceed the limit, spend none and raise `BudgetSpent`."""
        if self.limit is not None and self.spent + points > self.limit:
            raise BudgetSpent(self.spent + points, self.limit, what, export)
        self.spent += points
        if export:
            self.dearest = max(self.dearest, (points, export))

    def report(self, body: Body, assets: int, *, calls: int = 1) -> None:
        self.spend(report_cost(body, self.now(), assets=assets, calls=calls), f"a report of {_count(assets)}", "report")

    def report_again(self, body: Body, groups: int) -> None:
        """Spend the rest of a grouped report's cost: it was counted as one asset, and its answer has `groups`.

        Only grouped statistics are counted here; rows are counted as they go into the answer.
        """
        group, filter_ = body.get("group_by") or {}, body["filter"]
        is_counted = not group.get("order") or group.get("raw") or "time" in group["order"]
        if (
            groups > 1
            and not is_counted
            and not any(isinstance(value, dict) and listed(value.get("eq")) for value in filter_.values())
        ):
            now = self.now()
            more = report_cost(body, now, assets=groups) - report_cost(body, now)
            self.spend(more, f"a report of {groups:,} groups", "report")

    def detections(self, body: Body, sensors: int) -> None:
        cost = detections_cost(body, self.now(), types=len(body.get("data_types") or ()), sensors=sensors)
        self.spend(cost, f"detections of {_count(sensors)}", "detections")

    def heatmap(self, body: Body) -> None:
        self.spend(heatmap_cost(body, self.now()), "a heat map")

    def stats(self, items: int, measurements: int) -> None:
        self.spend(stats_cost(items, measurements), f"statistics of {_count(items)}")

    @property
    def cost(self) -> int:
        """The operation's cost in points: of its calls upstream, or the rows of its answer if they are more."""
        return max(self.spent, self.rows)

    def count(self, rows: int) -> None:
        """Count rows of the answer, once for each selection of them. Raises `BudgetSpent`.

        `spent` is computed from spans and windows; only the answer shows how many assets a report has.
        """
        self.rows += rows
        if self.overdrawn is None and self.limit is not None and self.rows > self.limit:
            self.overdrawn = BudgetSpent(self.rows, self.limit, "all rows that it selects", self.dearest[1])
        if self.overdrawn is not None:
            raise self.overdrawn

    def wrote(self, bytes_: int) -> None:
        """Count bytes of the answer. Raises `BudgetSpent`."""
        self.written += bytes_
        if self.overdrawn is None and self.limit is not None and self.written > self.limit * BYTES_A_POINT:
            cost = self.written // BYTES_A_POINT
            self.overdrawn = BudgetSpent(cost, self.limit, "an answer of this size", self.dearest[1])
        if self.overdrawn is not None:
            raise self.overdrawn

    def reach(self, assets: int, *, listed: bool) -> bool:
        """Spend for assets that the operation reads; return whether it may go on."""
        if self.overdrawn is not None:
            return False
        try:
            self.spend(assets * (LISTED if listed else REFERRED), f"a list of {_count(assets)} more")
        except BudgetSpent as error:
            self.overdrawn = error
            return False
        return True


def _count(assets: int) -> str:
    return f"{assets:,} asset{'' if assets == 1 else 's'}"
