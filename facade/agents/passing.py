"""The tool about people passing: `traffic`."""

from collections import defaultdict
from typing import Any

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place
from .history import curve, span_in, summed
from .place_reports import IDS, Points, export_of, points_of, report
from .selecting import Where
from .times import WORDS, freshness_in_words, local
from .tool import ToolAnswer, tool

UNKNOWN = "unknown: no traffic was measured here in this span"


class TrafficArguments(Where):
    start: str = Field("today", description=f"From when, in the building's zone: {WORDS}.")
    stop: str | None = Field(None, description="Until when; now, or the end of the day or week that `start` names.")
    every: str = Field("1h", pattern=r"^\d{1,4}[mhdw]$", description="The window: 15m, 1h, 1d.")
    include_open: bool = Field(True, description="With windows that have not landed yet, made from minutes so far.")
    limit: int = Field(30, ge=1, le=100)


class Traffic(ToolAnswer):
    unit: str = "people passing"
    span: dict[str, str]
    every: str
    went_in: float | None = None
    went_out: float | None = None
    known: int
    unknown: int = Field(description="Places of which no traffic was measured: not the same as none.")
    places: list[dict[str, Any]]
    curve_in: list[list[Any]] = Field(description="[window's start, people going in], at most 60 points.")
    curve_out: list[list[Any]]


async def traffic(asker: Asker, given: TrafficArguments) -> Traffic:
    campus = await Campus.with_doors(asker)
    places = given.chosen(campus)
    span, note = span_in(places, given.start, given.stop)
    watched = {id_ for sensor in campus.sensors for id_ in (sensor["room_id"], sensor["floor_id"]) if id_}
    doors = [place for place in places if place.id in watched]
    # Where the sources know of none here, there is nothing to ask.
    window = {"every": given.every, "function": "sum", "timezone": span.zone.key}
    answer: dict[str, Any] = {}
    if doors:
        answer = await report(asker, doors, ["traffic"], span.variables, window, open_too=given.include_open)
    passed = _by_place(answer, places)
    rows = [_row(place, passed.get(place.id), span.zone) for place in places]
    rows.sort(key=lambda row: -row.get("in", -1.0))
    sums = {way: summed([by_way.get(way, []) for by_way in passed.values()]) for way in ("in", "out")}
    totals = {way: sum(value for _, value in points) for way, points in sums.items()}
    kind = places[0].kind
    notes = [note] if note else []
    if kind == "floor":
        notes.append("Of a floor these are all traffic sensors on it: who walks through two doors is counted twice.")
    said = f"{totals['in']:g} people went in and {totals['out']:g} out" if passed else "No traffic was measured"
    return Traffic(
        summary=f"{said} at {len(passed)} of {len(places)} {kind}s; the others are unknown: no traffic was measured.",
        zone=span.zone.key,
        freshness=freshness_in_words(answer.get("freshness"), span),
        notes=notes,
        span=span.as_text(),
        every=given.every,
        went_in=totals["in"] if passed else None,
        went_out=totals["out"] if passed else None,
        known=len(passed),
        unknown=len(places) - len(passed),
        places=rows[: given.limit],
        curve_in=curve(sums["in"], span, together=sum),
        curve_out=curve(sums["out"], span, together=sum),
        more=export_of(asker, doors or places, ["traffic"], span, {"every": given.every, "function": "sum"}),
    )


def _by_place(answer: dict[str, Any], places: list[Place]) -> dict[str, dict[str, Points]]:
    """Return the points by place and way: each place's sensors are added up."""
    parts: dict[str, dict[str, list[Points]]] = defaultdict(lambda: defaultdict(list))
    for series in answer.get("series") or []:
        if (id_ := series[IDS[places[0].kind]]) and series["field"] in ("in", "out"):
            parts[id_][series["field"]].append(points_of(series))
    return {id_: {way: summed(lists) for way, lists in ways.items()} for id_, ways in parts.items()}


def _row(place: Place, ways: dict[str, Points] | None, zone: Any) -> dict[str, Any]:
    if not ways:
        return {**place.brief(), "state": UNKNOWN}
    row: dict[str, Any] = {**place.brief(), **{way: sum(v for _, v in points) for way, points in ways.items()}}
    if points := ways.get("in"):
        at, most = max(points, key=lambda each: each[1])
        row |= {"busiest_window": local(at, zone), "most_in": most}
    return row


TOOLS = [
    tool(
        "traffic",
        "Traffic in and out",
        "People going in and out of rooms or floors, by windows, with the hours that have not landed yet.",
        TrafficArguments,
        Traffic,
        traffic,
    ),
]
