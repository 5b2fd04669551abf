"""The tool about people passing through doors: `traffic`."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from pydantic import Field

from .asking import Asker, Refused
from .campus import Campus, Place
from .chart import chart_of
from .history import TimesArguments, and_unknown, curve, summed
from .place_reports import IDS, TimedValues, export_of, points_of, report
from .texts import people, quoted
from .times import WORDS, LocalSpan, floor_of, freshness_in_words, length_of, local, parsed, zone_of
from .tool import ToolAnswer, tool

UNKNOWN = "unknown: it has door sensors, but no traffic was measured here in this span"
HOUR = timedelta(hours=1)
# Windows of an hour and more land up to an hour after their end; an hour is added to be sure.
LANDING = timedelta(hours=2)
# Windows by which an open span is read, by its length. They land within minutes, so that one call has the last hour
# too.
FINER = ((timedelta(hours=12), "5m"), (timedelta(hours=50), "15m"))


class TrafficArguments(TimesArguments):
    start: str = Field("today", description=f"From when, in the building's zone: {WORDS}.")
    every: str = Field("1h", pattern=r"^\d{1,4}[mhdw]$", description="The window: 15m, 1h, 1d.")
    include_open: bool | None = Field(
        None,
        description="With hours that have not landed yet. By default so; of more than two days only where places are "
        "known without a search for them.",
    )
    limit: int = Field(30, ge=1, le=100)


class Traffic(ToolAnswer):
    unit: str = "people passing a door, counted each time"
    span: dict[str, str]
    every: str
    went_in: float | None = None
    went_out: float | None = None
    known: int
    unknown: int = Field(description="Places with door sensors of which no traffic was measured: not the same as none.")
    without_sensors: int = Field(description="Places without a door sensor, which are not listed.")
    places: list[dict[str, Any]]
    curve: list[list[Any]] = Field(description="[window's start, people going in, going out], at most 60 points.")


async def traffic(asker: Asker, given: TrafficArguments) -> Traffic:
    if given.kind == "zone":
        raise Refused("Zones have no doors: ask for rooms or floors.")
    campus = await Campus.with_doors(asker)
    places = given.chosen(campus, asker.notes)
    span = given.span(asker, places)
    counted = _counted(campus, places, asker.notes)
    doors = [place for place in places if place.id in counted]
    answer: dict[str, Any] = {}
    every = _finer(asker, span, given) or given.every
    # Without known doors there is nothing to ask for.
    if doors:
        window = {"every": every, "function": "sum", "timezone": span.zone.key}
        answer = await report(asker, doors, ["traffic"], span.variables, window, open_too=_open_too(asker, span, given))
    freshness = dict(answer.get("freshness") or {})
    passed = _by_place(answer, doors, counted)
    if every != given.every:
        passed = {
            id_: {way: _wider(points, given.every, span) for way, points in ways.items()}
            for id_, ways in passed.items()
        }
        freshness["partial"] = floor_of(span.stop, given.every, span.zone) != span.stop
    rows = [_row(place, passed.get(place.id), span) for place in doors]
    rows.sort(key=lambda row: -row.get("in", -1.0))
    sums = {way: summed([by_way.get(way, []) for by_way in passed.values()]) for way in ("in", "out")}
    totals = {way: sum(value for _, value in points) for way, points in sums.items()}
    # Both directions get a value for each window in which one of them has any.
    times = {at: 0.0 for points in sums.values() for at, _ in points}
    curves = [curve(sorted((times | dict(points)).items()), span, together=sum) for points in sums.values()]
    asker.meta["chart"] = chart_of(
        [("In", None, sums["in"]), ("Out", None, sums["out"])],
        span,
        given.every,
        shape="bars",
        partial=bool(freshness.get("partial")),
    )
    return Traffic(
        summary=_summary(places, doors, passed, totals, span),
        zone=span.zone.key,
        freshness=freshness_in_words(freshness, span),
        span=span.as_text(),
        every=given.every,
        went_in=totals["in"] if passed else None,
        went_out=totals["out"] if passed else None,
        known=len(passed),
        unknown=len(doors) - len(passed),
        without_sensors=len(places) - len(doors),
        places=rows[: given.limit],
        curve=[[at, went_in, out] for (at, went_in), (_, out) in zip(*curves, strict=True)],
        more=export_of(asker, doors or places, ["traffic"], span, {"every": given.every, "function": "sum"}),
    )


def _counted(campus: Campus, places: list[Place], notes: list[str]) -> dict[str, set[str]]:
    """Return for each place the sensors that count its traffic; for a floor, its entrances if a source knows them."""
    kind = places[0].kind
    wanted = {place.id for place in places}
    counted: dict[str, set[str]] = defaultdict(set)
    entrances: dict[str, set[str]] = defaultdict(set)
    for sensor in campus.sensors:
        id_ = sensor["floor_id" if kind == "floor" else "room_id"]
        if id_ in wanted:
            counted[id_].add(sensor["id"])
            if sensor.get("is_entrance"):
                entrances[id_].add(sensor["id"])
    if kind == "room":
        notes.append(
            "These are rooms' own doors: who goes into two rooms is counted twice. `kind` floor has entrances."
        )
    elif all_ := [id_ for id_ in counted if id_ not in entrances]:
        notes.append(
            f"No source knows the entrances of {len(all_)} of the floors: all door sensors there are counted, and who "
            "walks through two doors is counted twice."
        )
    return counted | entrances


def _open_is(asker: Asker, span: LocalSpan) -> bool:
    return span.stop > asker.now - LANDING


def _finer(asker: Asker, span: LocalSpan, given: TrafficArguments) -> str | None:
    """Return the shorter windows by which an open span is read."""
    length = length_of(given.every)
    if given.include_open is False or not _open_is(asker, span) or not HOUR <= length <= timedelta(days=1):
        return None
    every = next((every for most, every in FINER if span.length <= most), None)
    return every if every and not length % length_of(every) else None


def _open_too(asker: Asker, span: LocalSpan, given: TrafficArguments) -> bool:
    if _finer(asker, span, given) or length_of(given.every) < HOUR:
        return False
    # With discovery (two calls) and the report (one), the minutes would be a fourth call.
    return (asker.services.native is not None) if given.include_open is None else given.include_open


def _by_place(
    answer: dict[str, Any], places: list[Place], counted: dict[str, set[str]]
) -> dict[str, dict[str, TimedValues]]:
    """Return the points by place and direction, summed over each place's sensors."""
    parts: dict[str, dict[str, list[TimedValues]]] = defaultdict(lambda: defaultdict(list))
    for series in answer.get("series") or []:
        id_ = series[IDS[places[0].kind]]
        if series["field"] in ("in", "out") and series["sensor_id"] in counted.get(id_, ()):
            parts[id_][series["field"]].append(points_of(series))
    return {id_: {way: summed(lists) for way, lists in ways.items()} for id_, ways in parts.items()}


def _wider(points: TimedValues, every: str, span: LocalSpan) -> TimedValues:
    sums: dict[str, float] = defaultdict(float)
    for at, value in points:
        sums[floor_of(parsed(at), every, span.zone).isoformat()] += value
    return list(sums.items())


def _row(place: Place, ways: dict[str, TimedValues] | None, span: LocalSpan) -> dict[str, Any]:
    if not ways:
        return {**place.brief(), "state": UNKNOWN}
    row: dict[str, Any] = {**place.brief(), **{way: sum(v for _, v in points) for way, points in ways.items()}}
    at, most = max(ways.get("in") or [("", 0.0)], key=lambda each: each[1])
    if most > 0:
        row |= {"busiest_window": local(at, zone_of(place.zone) if place.zone else span.zone), "most_in": most}
    return row


def _summary(
    places: list[Place], doors: list[Place], passed: dict[str, Any], totals: dict[str, float], span: LocalSpan
) -> str:
    kind = places[0].kind
    where = quoted(places[0].name) if len(places) == 1 else f"{len(passed)} {kind}s"
    said = (
        f"{people(totals['in'])} went in and {totals['out']:g} out at {where}, {span}."
        if passed
        else f"No traffic was measured, {span}."
    )
    said += and_unknown(len(doors) - len(passed), kind)
    if without := len(places) - len(doors):
        said += f" {without} {kind}{' has' if without == 1 else 's have'} no door sensor."
    return said


TOOLS = [
    tool(
        "traffic",
        "Traffic in and out",
        "People going in and out of rooms or floors (`kind` floor for who came into a building), by windows, with the "
        "hours that have not landed yet.",
        TrafficArguments,
        Traffic,
        traffic,
        draws=True,
    ),
]
