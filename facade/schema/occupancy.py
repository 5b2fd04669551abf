"""How many people are there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import strawberry
from strawberry import ID

from ..assets.records import FloorRecord, Record, RoomRecord, ZoneRecord
from ..butlr import format_rfc3339
from ..loaders import Loaders, ReportAnswer, ReportOf
from ..upstream import Body
from .context import Info
from .fields import described
from .report import DIMENSIONS
from .scalars import Time
from .together import Together, together

# Presence first, and traffic through the doors where presence is silent. Zones have no doors.
MEASUREMENTS: dict[type[Record], tuple[str, ...]] = {
    RoomRecord: ("room_occupancy", "traffic_room_occupancy"),
    FloorRecord: ("floor_occupancy", "traffic_floor_occupancy"),
    ZoneRecord: ("zone_occupancy",),
}
LAST_MINUTES = timedelta(minutes=5)


@strawberry.type(description="How many people are in a place now.")
class Occupancy:
    item: ID = described("The room, zone or floor.")
    measurement: str = described("What the value comes from: presence, or traffic where presence is silent.")
    value: float | None = described("The median of the last five minutes; null where nothing was measured.")
    time: Time | None = described("The window that the value is of.")


@dataclass(slots=True)
class OccupancyRecord:
    item: str
    measurement: str
    value: float | None = None
    time: str | int | None = None


async def occupancies(records: Sequence[Record], loaders: Loaders, now: datetime) -> list[OccupancyRecord | Exception]:
    """Return of each the newest value of the first measurement that has one, or the `ButlrError` of its load."""
    # The records of one list are of one class.
    measurements = MEASUREMENTS[type(records[0])]
    found: dict[str, OccupancyRecord | Exception] = {}
    waiting = list(dict.fromkeys(record.id for record in records))
    for measurement in measurements:
        asks = ReportOf.make_many(DIMENSIONS[type(records[0])], waiting, _last_minutes(measurement, now))
        for id_, answer in zip(waiting, await loaders.reports.load_many(asks), strict=True):
            newest = answer if isinstance(answer, Exception) else _newest(id_, measurement, answer)
            if newest:
                found[id_] = newest
        waiting = [id_ for id_ in waiting if id_ not in found]
    return [found.get(record.id) or OccupancyRecord(record.id, measurements[0]) for record in records]


def _newest(item: str, measurement: str, answer: ReportAnswer) -> OccupancyRecord | None:
    measured = [row for row in answer.reporting.rows if row.value is not None]
    if not measured:
        return None
    row = max(measured, key=lambda row: str(row.time or ""))
    return OccupancyRecord(item, measurement, row.value, row.time)


def _last_minutes(measurement: str, now: datetime) -> Body:
    # Whole minutes, so that all who ask within one share an answer.
    stop = now.replace(second=0, microsecond=0)
    return {
        "filter": {
            "measurements": [measurement],
            "start": format_rfc3339(stop - LAST_MINUTES),
            "stop": format_rfc3339(stop),
            "value": {"gte": 0},
        },
        "window": {"every": "5m", "function": "median"},
    }


@together("id")
async def _occupancy(roots: strawberry.Parent[Together], info: Info) -> Any:
    return await occupancies(roots.records, info.context.loaders, info.context.services.upstream.now())


def occupancy_field() -> Any:
    return strawberry.field(
        resolver=_occupancy, graphql_type=Occupancy | None, description="How many people are there now."
    )
