"""How many people are there now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import strawberry
from strawberry import ID

from ..assets.records import FloorRecord, Record, RoomRecord, ZoneRecord
from ..butlr import Row, format_rfc3339
from ..loaders import Loaders, ReportOf
from .context import Info
from .fields import described
from .report import DIMENSIONS
from .scalars import Time

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


async def occupancy_of(record: Record, loaders: Loaders, now: datetime) -> OccupancyRecord:
    """Return the newest value of the first measurement that has one. Raises `ButlrError`."""
    measurements = MEASUREMENTS[type(record)]
    for measurement in measurements:
        rows = await _last_minutes(record, measurement, loaders, now)
        measured = [row for row in rows if row.value is not None]
        if measured:
            newest = max(measured, key=lambda row: str(row.time or ""))
            return OccupancyRecord(record.id, measurement, newest.value, newest.time)
    return OccupancyRecord(record.id, measurements[0])


async def _last_minutes(record: Record, measurement: str, loaders: Loaders, now: datetime) -> list[Row]:
    # Whole minutes, so that all who ask within one share an answer.
    stop = now.replace(second=0, microsecond=0)
    body = {
        "filter": {
            "measurements": [measurement],
            "start": format_rfc3339(stop - LAST_MINUTES),
            "stop": format_rfc3339(stop),
            "value": {"gte": 0},
        },
        "window": {"every": "5m", "function": "median"},
    }
    answer = await loaders.reports.load(ReportOf.make(DIMENSIONS[type(record)], record.id, body))
    return answer.reporting.rows


async def _occupancy(root: strawberry.Parent[Any], info: Info) -> Any:
    return await occupancy_of(root, info.context.loaders, info.context.services.upstream.now())


def occupancy_field() -> Any:
    return strawberry.field(
        resolver=_occupancy, graphql_type=Occupancy | None, description="How many people are there now."
    )
