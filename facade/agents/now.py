"""Tools about the present: `occupancy_now`, `free_rooms`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place, zone_name
from .history import and_unknown
from .place_reports import TimedValues, minutes
from .selecting import Where
from .texts import people, quoted
from .times import local, parsed, said, zone_of
from .tool import ToolAnswer, tool

# The value is the median of the last five landed minutes, as the graph's `occupancy`.
LAST = timedelta(minutes=5)
UNKNOWN = "unknown: nothing was measured in the last 15 minutes"


class NowArguments(Where):
    limit: int = Field(30, ge=1, le=100)


class Now(ToolAnswer):
    unit: str = "people"
    total: float | None = Field(None, description="People in all places together whose value is known.")
    known: int = Field(description="Places whose value is known.")
    unknown: int = Field(description="Places of which nothing was measured: not the same as empty.")
    places: list[dict[str, Any]]


class Free(ToolAnswer):
    unit: str = "people"
    free: int = Field(description="How many rooms are empty now.")
    taken: int
    unknown: int = Field(description="Rooms of which nothing was measured: they may be free or not.")
    rooms: list[dict[str, Any]] = Field(description="Free rooms, the largest capacity first.")


@dataclass(frozen=True, slots=True)
class _Moment:
    places: list[Place]
    # By id of each place with a value: the number of people, and the newest minute.
    values: dict[str, tuple[float, datetime]]
    measurements: dict[str, str]
    said: dict[str, Any]

    @property
    def unknown(self) -> int:
        return len(self.places) - len(self.values)

    def row(self, place: Place) -> dict[str, Any]:
        row: dict[str, Any] = place.brief() | ({"capacity": place.capacity} if place.capacity else {})
        if place.id not in self.values:
            return row | {"state": UNKNOWN}
        people, at = self.values[place.id]
        row |= {"people": people, "at": local(at, zone_of(place.zone or self.said["zone"]))}
        if self.measurements[place.id].startswith("traffic"):
            row["by"] = "traffic through the doors"
        return row


async def _read(asker: Asker, given: Where) -> _Moment:
    places = given.chosen(await Campus.read(asker), asker.notes)
    reading = await minutes(asker, places)
    name, note = zone_name(places)
    if note:
        asker.notes.append(note)
    zone = zone_of(name)
    values = {id_: newest(points) for id_, points in reading.points.items()}
    freshness = "How fresh this is is not known."
    if values:
        oldest, latest = (f(at for _, at in values.values()) for f in (min, max))
        freshness = f"Each value is of the five minutes up to {said(latest, zone)} ({zone.key})"
        freshness += f", of some places up to {said(oldest, zone)}." if latest - oldest > LAST else "."
        freshness += " Minutes land five to six minutes late."
    elif reading.freshness:
        freshness = f"Read at {said(str(reading.freshness['as_of']), zone)} ({zone.key})."
    return _Moment(places, values, reading.measurements, {"zone": zone.key, "freshness": freshness})


def newest(points: TimedValues) -> tuple[float, datetime]:
    """Return the median of the last five minutes, and the end of the last one."""
    at = max(parsed(time) for time, _ in points)
    values = [value for time, value in points if parsed(time) > at - LAST]
    return float(median(values)), at + timedelta(minutes=1)


async def occupancy_now(asker: Asker, given: NowArguments) -> Now:
    now = await _read(asker, given)
    rows = sorted((now.row(place) for place in now.places), key=lambda row: -row.get("people", -1.0))
    known, kind = len(now.values), now.places[0].kind
    total = sum(people for people, _ in now.values.values())
    where = quoted(now.places[0].name) if len(now.places) == 1 else f"{known} {kind}s"
    return Now(
        summary=f"{people(total)} in {where} now.{and_unknown(now.unknown, kind)}"
        if known
        else f"Of {len(now.places)} {kind}s nothing was measured in the last 15 minutes: unknown, not empty.",
        total=total if known else None,
        known=known,
        unknown=now.unknown,
        places=rows[: given.limit],
        more=f"{len(rows) - given.limit} more {kind}s: raise `limit`." if len(rows) > given.limit else None,
        **now.said,
    )


class FreeArguments(Where):
    limit: int = Field(20, ge=1, le=100)


async def free_rooms(asker: Asker, given: FreeArguments) -> Free:
    now = await _read(asker, given.model_copy(update={"kind": "room"}))
    free = [place for place in now.places if place.id in now.values and now.values[place.id][0] == 0]
    free.sort(key=lambda place: -(place.capacity or 0))
    taken = len(now.values) - len(free)
    rows = [{"capacity": "unknown", **now.row(place)} for place in free[: given.limit]]
    return Free(
        summary=f"{len(free)} rooms are empty now, {taken} are taken.{and_unknown(now.unknown, 'room')}",
        free=len(free),
        taken=taken,
        unknown=now.unknown,
        rooms=rows,
        more=f"{len(free) - given.limit} more: raise `limit`." if len(free) > given.limit else None,
        **now.said,
    )


TOOLS = [
    tool(
        "occupancy_now",
        "Occupancy now",
        "How many people are in rooms, zones or floors now: median of the last five landed minutes.",
        NowArguments,
        Now,
        occupancy_now,
    ),
    tool(
        "free_rooms",
        "Free rooms",
        "Which rooms are empty now, by floor, building, tag, type and capacity. Bookings are not known here.",
        FreeArguments,
        Free,
        free_rooms,
    ),
]
