"""Tools about this moment: `occupancy_now`, `free_rooms`."""

from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place, zone_name
from .place_reports import PlaceReport, minutes
from .selecting import Where
from .times import LocalSpan, freshness_in_words, local, parsed, zone_of
from .tool import ToolAnswer, tool

# The value is the median of the last five minutes that have landed, as the graph's `occupancy` has it.
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


async def _read(asker: Asker, given: Where) -> tuple[list[Place], PlaceReport, dict[str, Any]]:
    places = given.chosen(await Campus.read(asker))
    reading = await minutes(asker, places)
    name, note = zone_name(places)
    zone = zone_of(name)
    now = datetime.now(UTC)
    words = freshness_in_words(reading.freshness, LocalSpan(now - timedelta(minutes=15), now, zone))
    said = {"zone": zone.key, "freshness": f"{words} Minutes land some minutes late.", "notes": [note] if note else []}
    return places, reading, said


def newest(points: list[tuple[str, float]]) -> tuple[float, str]:
    at = max(parsed(time) for time, _ in points)
    values = [value for time, value in points if parsed(time) > at - LAST]
    return float(median(values)), at.isoformat()


async def occupancy_now(asker: Asker, given: NowArguments) -> Now:
    places, reading, said = await _read(asker, given)
    zone = zone_of(said["zone"])
    rows, total = [], 0.0
    for place in places:
        row: dict[str, Any] = place.brief() | ({"capacity": place.capacity} if place.capacity else {})
        if points := reading.points.get(place.id):
            value, at = newest(points)
            total += value
            row |= {"people": value, "at": local(at, zone)}
            if reading.measurements[place.id].startswith("traffic"):
                row["by"] = "traffic through the doors"
        else:
            row["state"] = UNKNOWN
        rows.append(row)
    known = len(reading.points)
    rows.sort(key=lambda row: -row.get("people", -1.0))
    kind = places[0].kind
    return Now(
        summary=f"{total:g} people in {known} of {len(places)} {kind}s; {len(places) - known} are unknown.",
        total=total if known else None,
        known=known,
        unknown=len(places) - known,
        places=rows[: given.limit],
        more=f"{len(rows) - given.limit} more {kind}s: raise `limit`." if len(rows) > given.limit else None,
        **said,
    )


class FreeArguments(Where):
    limit: int = Field(20, ge=1, le=100)


async def free_rooms(asker: Asker, given: FreeArguments) -> Free:
    places, reading, said = await _read(asker, given.model_copy(update={"kind": "room"}))
    zone = zone_of(said["zone"])
    free, taken = [], 0
    for place in places:
        if not (points := reading.points.get(place.id)):
            continue
        value, at = newest(points)
        if value > 0:
            taken += 1
            continue
        free.append((place, at))
    free.sort(key=lambda each: -(each[0].capacity or 0))
    unknown = len(places) - len(reading.points)
    rows = [
        {**place.brief(), "capacity": place.capacity or "unknown", "empty_at": local(at, zone)}
        for place, at in free[: given.limit]
    ]
    return Free(
        summary=f"{len(free)} of {len(places)} rooms are empty now, {taken} are taken, {unknown} are unknown.",
        free=len(free),
        taken=taken,
        unknown=unknown,
        rooms=rows,
        more=f"{len(free) - given.limit} more: raise `limit`." if len(free) > given.limit else None,
        **said,
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
