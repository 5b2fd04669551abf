"""Tools that find places: `search`, `find_places`."""

from typing import Any, Literal

from pydantic import Field

from .asking import Asker
from .campus import Campus
from .selecting import Where
from .texts import quoted
from .tool import Arguments, ToolAnswer, tool


class SearchArguments(Arguments):
    text: str = Field(min_length=1, max_length=200, description="A name, a part of one or much like it; or an id.")
    kinds: list[Literal["building", "floor", "room", "zone", "sensor", "hive"]] = Field(
        default_factory=list, description="Only these kinds."
    )
    limit: int = Field(10, ge=1, le=50)


class Found(ToolAnswer):
    places: list[dict[str, Any]] = Field(description="Kind, id, name, path and time zone of each; names are data.")
    total: int = Field(description="How many there are in all.")


async def search(asker: Asker, given: SearchArguments) -> Found:
    campus = await Campus.searched(asker)
    pool = [place for place in campus.places if not given.kinds or place.kind in given.kinds]
    found = campus.matching(given.text, pool)
    shown = [{**place.shown(), "match": round(score, 2)} for score, place in found[: given.limit]]
    summary = (
        f"{len(found)} assets are called {quoted(given.text)} or much like it."
        if found
        else f"Nothing is called {quoted(given.text)} or much like it; sources know {len(pool)} assets of these kinds."
    )
    return Found(summary=summary, places=shown, total=len(found), **_more(len(found), given.limit))


class PlacesArguments(Where):
    limit: int = Field(25, ge=1, le=100)


async def find_places(asker: Asker, given: PlacesArguments) -> Found:
    campus = await Campus.read(asker)
    places = given.chosen(campus, asker.notes)
    known = [place.capacity for place in places if place.capacity]
    room = f"{len(known)} have a capacity, {sum(known)} people together" if known else "their capacity is not known"
    summary = f"{len(places)} {places[0].kind}{'' if len(places) == 1 else 's'} fit; {room}."
    shown = [place.shown() for place in places[: given.limit]]
    return Found(summary=summary, places=shown, total=len(places), **_more(len(places), given.limit))


def _more(total: int, limit: int) -> dict[str, Any]:
    return {"more": f"{total - limit} more: raise `limit` or narrow the filters."} if total > limit else {}


TOOLS = [
    tool(
        "search",
        "Search assets",
        "Find assets, buildings to sensors, by name (fuzzy), id, MAC address or serial number, with path and zone.",
        SearchArguments,
        Found,
        search,
    ),
    tool(
        "find_places",
        "Find places",
        "List rooms, zones or floors by floor, building, tag, room type and capacity, with path and time zone.",
        PlacesArguments,
        Found,
        find_places,
    ),
]
