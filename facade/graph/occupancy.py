"""Occupancy: how many people are in a place now."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import strawberry
from strawberry import ID

from ..assets.records import FloorRecord, Record, RoomRecord, ZoneRecord
from ..loaders import Loaders, Points, ReportOf
from ..series import Body, epoch_of
from ..upstream import NotAsked, plan_needs
from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .fields import described
from .report import DIMENSIONS
from .scalars import Time

# In order of preference: presence, then traffic through the doors if there is no presence value. Zones have no doors.
MEASUREMENTS: dict[type[Record], tuple[str, ...]] = {
    RoomRecord: ("room_occupancy", "traffic_room_occupancy"),
    FloorRecord: ("floor_occupancy", "traffic_floor_occupancy"),
    ZoneRecord: ("zone_occupancy",),
}
# Traffic lands 5 to 6 minutes after its minute, so this span has at least the last five landed minutes.
ASKED = "-15m"
LAST_MINUTES = 300.0


@strawberry.type(description="The number of people in a place now.")
class Occupancy:
    item: ID = described("The room, zone or floor.")
    measurement: str = described("The source of the value: presence, or traffic if there is no presence.")
    value: float | None = described(
        "The median of the last five minutes that have landed; null if nothing was measured."
    )
    time: Time | None = described("The newest of these minutes.")


@dataclass(slots=True)
class OccupancyRecord:
    item: str
    measurement: str
    value: float | None = None
    time: str | int | None = None


async def occupancies(records: Sequence[Record], loaders: Loaders) -> list[OccupancyRecord | Exception]:
    """Return for each place the newest value of the first measurement that has one, or the `ButlrError` of its load."""
    # The records of one list are of one class.
    measurements = MEASUREMENTS[type(records[0])]
    found: dict[str, OccupancyRecord | Exception] = {}
    waiting = list(dict.fromkeys(record.id for record in records))
    for measurement in measurements:
        asks = ReportOf.make_many(DIMENSIONS[type(records[0])], waiting, _last_minutes(measurement))
        for id_, answer in zip(waiting, await loaders.reports.load_many(asks), strict=True):
            if isinstance(answer, NotAsked):
                _plan_the_rest(measurements)
            newest = answer if isinstance(answer, Exception) else _newest(id_, measurement, answer)
            if newest:
                found[id_] = newest
        waiting = [id_ for id_ in waiting if id_ not in found]
    return [found.get(record.id) or OccupancyRecord(record.id, measurements[0]) for record in records]


def _plan_the_rest(measurements: Sequence[str]) -> None:
    for first, second in pairwise(measurements):
        plan_needs(f"where {first} is silent, for there {second} is asked")


def _newest(item: str, measurement: str, points: Points) -> OccupancyRecord | None:
    rows = points.rows_with(frozenset({"time", "value"}))
    measured = [
        (moment, row)
        for row in rows
        if row.value is not None and row.time is not None and (moment := epoch_of(row.time)) is not None
    ]
    if not measured:
        return None
    at, newest = max(measured, key=lambda each: each[0])
    values = [row.value for moment, row in measured if moment > at - LAST_MINUTES]
    return OccupancyRecord(item, measurement, float(median(values)), newest.time)


def _last_minutes(measurement: str) -> Body:
    return {
        "filter": {"measurements": [measurement], "start": ASKED, "value": {"gte": 0}},
        "window": {"every": "1m", "function": "median"},
    }


@resolves_many("id")
async def _occupancy(roots: strawberry.Parent[ParentBatch], info: Info) -> Any:
    return await occupancies(roots.records, info.context.loaders)


def occupancy_field() -> Any:
    return strawberry.field(resolver=_occupancy, graphql_type=Occupancy | None, description="The number of people now.")
