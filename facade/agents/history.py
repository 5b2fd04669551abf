"""Tools about a span: `series`, `busiest`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place, zone_name
from .chart import chart_of
from .place_reports import OCCUPANCY, TimedValues, every_of, export_of, occupancy
from .selecting import Where
from .texts import people, quoted
from .times import WORDS, LocalSpan, freshness_in_words, known_zone, length_of, local, parsed, said, span_of, zone_of
from .tool import ToolAnswer, tool

MOST_POINTS = 60
UNKNOWN = "unknown: nothing was measured in this span"
# How many places have their own curve. More places have statistics, and one curve of all together.
CURVES = 2


class TimesArguments(Where):
    start: str = Field("-7d", description=f"From when, in the building's zone: {WORDS}.")
    stop: str | None = Field(None, description="Until when; now, or the end of the day or week that `start` names.")
    timezone: str | None = Field(None, description="An IANA zone for days and times; by default the building's.")

    def span(self, asker: Asker, places: Sequence[Place]) -> LocalSpan:
        """Return the span, and note if its zone is not that of all places. Raises `Refused`."""
        if self.timezone is not None:
            return span_of(self.start, self.stop, known_zone(self.timezone), asker.now)
        name, note = zone_name(places)
        if note:
            asker.notes.append(note)
        return span_of(self.start, self.stop, zone_of(name), asker.now)


class SpanArguments(TimesArguments):
    every: str | None = Field(None, pattern=r"^\d{1,4}[mhdw]$", description="The window: 5m, 1h, 1d.")
    function: Literal["max", "mean", "min", "median"] = Field("max", description="How a window becomes one value.")


class SeriesArguments(SpanArguments):
    compare: bool = Field(
        False, description="Also the same hours a week before; of more than a week, the span before it."
    )
    limit: int = Field(50, ge=1, le=100)


class SeriesAnswer(ToolAnswer):
    unit: str
    span: dict[str, str]
    every: str
    known: int
    unknown: int = Field(description="Places of which nothing was measured: not the same as empty.")
    together: dict[str, Any] = Field(description="Statistics of all places added up, window by window.")
    before: dict[str, Any] | None = Field(None, description="The same of the span that is compared.")
    places: list[dict[str, Any]] = Field(description="Statistics of each; the highest peak first.")
    curve: list[list[Any]] = Field(description="[window's start, people], at most 60 points, of all added up.")
    curves: dict[str, list[list[Any]]] = Field(
        default_factory=dict, description="The same of each, where they are few."
    )


async def series(asker: Asker, given: SeriesArguments) -> SeriesAnswer:
    places = given.chosen(await Campus.read(asker), asker.notes)
    span = given.span(asker, places)
    every = every_of(span, given.every)
    before = span.before() if given.compare else None
    both = await occupancy(
        asker, places, LocalSpan((before or span).start, span.stop, span.zone), every, given.function
    )
    reading = both.within(span)
    rows = [_row(place, reading.points.get(place.id), span) for place in places]
    rows.sort(key=lambda row: -row.get("peak", -1.0))
    whole = summed(list(reading.points.values()))
    together = statistics(whole, span.zone) if whole else {"state": UNKNOWN}
    earlier = _as_far(summed(list(both.within(before).points.values())), before, whole, span) if before else []
    known, measured = len(reading.points), OCCUPANCY[places[0].kind]
    few = {place.id: curve(reading.points[place.id], span) for place in places if place.id in reading.points}
    if len(places) > 1 and given.function != "mean":
        asker.notes.append(f"Added up are the {given.function} of each place: they need not be of one moment.")
    shown: list[tuple[str, int | None, TimedValues]] = []
    if known > 1:
        shown.append((f"All {known} added up", None, whole))
    names = Counter(place.name for place in places)
    order = {row["id"]: at for at, row in enumerate(rows)}
    for place in sorted(places, key=lambda place: order[place.id]):
        where = f"{place.path[-1]} · " if names[place.name] > 1 and place.path else ""
        shown.append((f"{where}{place.name or place.id}", place.capacity, reading.points.get(place.id, [])))
    if before:
        shown.insert(1, (f"From {said(before.start, span.zone)}", None, earlier))
    asker.meta["chart"] = chart_of(shown, span, every, shape="line" if given.function == "mean" else "steps")
    return SeriesAnswer(
        summary=_summary(places, together, every, given.function, span)
        + (_compared(whole, earlier, before) if before and whole else ""),
        unit=unit_of(given.function, every),
        span=span.as_text(),
        zone=span.zone.key,
        freshness=freshness_in_words(reading.freshness, span, landed_of(reading.points.values(), every)),
        every=every,
        known=known,
        unknown=len(places) - known,
        together=together,
        before={"span": before.as_text(), **(statistics(earlier, span.zone) if earlier else {"state": UNKNOWN})}
        if before
        else None,
        places=rows[: given.limit],
        curve=curve(whole, span),
        curves=few if 1 < len(few) <= CURVES else {},
        more=export_of(asker, places, reading.read or measured, span, {"every": every, "function": given.function}),
    )


class BusiestArguments(SpanArguments):
    order: Literal["busiest", "emptiest"] = "busiest"
    by: Literal["mean", "peak", "share_in_use"] = Field("mean", description="What is compared.")
    limit: int = Field(10, ge=1, le=50)


class Ranking(ToolAnswer):
    unit: str
    span: dict[str, str]
    known: int
    unknown: int
    places: list[dict[str, Any]]


async def busiest(asker: Asker, given: BusiestArguments) -> Ranking:
    places = given.chosen(await Campus.read(asker), asker.notes)
    span = given.span(asker, places)
    every = every_of(span, given.every)
    reading = await occupancy(asker, places, span, every, given.function)
    ranked = [
        {**_row(place, points, span), **({"capacity": place.capacity} if place.capacity else {})}
        for place in places
        if (points := reading.points.get(place.id))
    ]
    ranked.sort(key=lambda row: row[given.by], reverse=given.order == "busiest")
    kind, unknown = places[0].kind, len(places) - len(ranked)
    best = f" First is {quoted(ranked[0]['name'])} with {ranked[0][given.by]:g}." if ranked else ""
    return Ranking(
        summary=f"The {given.order} {min(given.limit, len(ranked))} of {len(ranked)} {kind}s by {given.by}, {span}."
        f"{best}{and_unknown(unknown, kind)}",
        unit=unit_of(given.function, every),
        span=span.as_text(),
        zone=span.zone.key,
        freshness=freshness_in_words(reading.freshness, span, landed_of(reading.points.values(), every)),
        known=len(ranked),
        unknown=unknown,
        places=ranked[: given.limit],
    )


def unit_of(function: str, every: str) -> str:
    return f"people: the {function} of each window of {every}"


def _row(place: Place, points: TimedValues | None, span: LocalSpan) -> dict[str, Any]:
    if not points:
        return {**place.brief(), "state": UNKNOWN}
    return {**place.brief(), **statistics(points, zone_of(place.zone) if place.zone else span.zone)}


def statistics(points: TimedValues, zone: ZoneInfo) -> dict[str, Any]:
    """Return the statistics of a curve. A place where nobody was has no time of its peak."""
    values = [value for _, value in points]
    at, peak = max(points, key=lambda each: each[1])
    return {
        "peak": round(peak, 2),
        **({"peak_at": local(at, zone)} if peak > 0 else {}),
        "mean": round(fmean(values), 2),
        "min": round(min(values), 2),
        "share_in_use": round(sum(value > 0 for value in values) / len(values), 3),
        "windows": len(values),
    }


def summed(series_: Sequence[TimedValues]) -> TimedValues:
    """Return the sum of places, window by window."""
    sums: dict[str, float] = {}
    for points in series_:
        for at, value in points:
            sums[at] = sums.get(at, 0.0) + value
    return sorted(sums.items())


def curve(points: TimedValues, span: LocalSpan, together: Callable[[Iterable[float]], float] = max) -> list[list[Any]]:
    """Return at most 60 points, each the highest of several windows, or their value by `together`."""
    most = MOST_POINTS
    size = -(-len(points) // most) if points else 1
    parts = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [[local(part[0][0], span.zone), round(together(value for _, value in part), 2)] for part in parts]


def _summary(places: Sequence[Place], together: dict[str, Any], every: str, function: str, span: LocalSpan) -> str:
    kinds = f"{len(places)} {places[0].kind}s together" if len(places) > 1 else quoted(places[0].name)
    if "peak" not in together:
        return f"Nothing was measured in {kinds}, {span}: unknown, not empty."
    if together["peak"] == 0:
        return f"{kinds}: nobody was there, {span}."
    return (
        f"{kinds}, {span}: at most {people(together['peak'])}, in the window of {every} from "
        f"{said(together['peak_at'], span.zone)}; the {function} of a window is {together['mean']:g} on average."
    )


def _as_far(earlier: TimedValues, before: LocalSpan, now: TimedValues, span: LocalSpan) -> TimedValues:
    """Return the earlier windows to compare with: as far as the later ones have landed."""
    if not now:
        return earlier
    landed = parsed(now[-1][0]) - span.start
    return [(at, value) for at, value in earlier if parsed(at) - before.start <= landed]


def _compared(now: TimedValues, earlier: TimedValues, before: LocalSpan) -> str:
    if not earlier:
        return f" Of {before} nothing was measured: unknown, not empty."
    mean, was = fmean(value for _, value in now), fmean(value for _, value in earlier)
    change = f" That is {(mean - was) / was:+.0%}." if was else ""
    return f" It was {round(was, 2):g} on average as far into {before}.{change}"


def landed_of(series_: Iterable[TimedValues], every: str) -> datetime | None:
    """Return the end of the newest window that any place has."""
    newest = max((parsed(points[-1][0]) for points in series_ if points), default=None)
    return None if newest is None else newest + length_of(every)


def and_unknown(count: int, kind: str) -> str:
    """Say how many places have no measurement."""
    if not count:
        return ""
    return f" Of {count} more {kind}{'' if count == 1 else 's'} nothing was measured: unknown, not empty."


TOOLS = [
    tool(
        "series",
        "Occupancy over time",
        "People in rooms, zones or floors over a span: statistics, peaks, a curve of at most 60 points; `compare` adds "
        "the same hours a week before. Any number of places is one upstream call.",
        SeriesArguments,
        SeriesAnswer,
        series,
        draws=True,
    ),
    tool(
        "busiest",
        "Busiest and emptiest",
        "Rank rooms, zones or floors by mean, peak or share of windows in use over a span: busiest or emptiest first.",
        BusiestArguments,
        Ranking,
        busiest,
    ),
]
