"""Tools about a span: `series`, `busiest`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place, zone_name
from .place_reports import OCCUPANCY, Points, every_of, export_of, occupancy
from .selecting import Where
from .times import WORDS, LocalSpan, freshness_in_words, local, span_of, zone_of
from .tool import ToolAnswer, tool

MOST_POINTS = 60
# Places whose curves are shown; of more, statistics and the curve of all together.
CURVES = 2


class SpanArguments(Where):
    start: str = Field("-7d", description=f"From when, in the building's zone: {WORDS}.")
    stop: str | None = Field(None, description="Until when; now, or the end of the day or week that `start` names.")
    every: str | None = Field(None, pattern=r"^\d{1,4}[mhdw]$", description="The window: 5m, 1h, 1d.")
    function: Literal["max", "mean", "min", "median"] = Field("max", description="How a window becomes one value.")


class SeriesArguments(SpanArguments):
    compare: bool = Field(False, description="Also the span before, of the same length: this week against last.")
    limit: int = Field(50, ge=1, le=100)


class SeriesAnswer(ToolAnswer):
    unit: str
    span: dict[str, str]
    every: str
    known: int
    unknown: int = Field(description="Places of which nothing was measured: not the same as empty.")
    together: dict[str, Any] = Field(description="Statistics of all places together, window by window.")
    before: dict[str, Any] | None = Field(None, description="The same of the span before.")
    places: list[dict[str, Any]] = Field(description="Statistics of each; the highest peak first.")
    curve: list[list[Any]] = Field(description="[window's start, people], at most 60 points, of all together.")
    curves: dict[str, list[list[Any]]] = Field(
        default_factory=dict, description="The same of each, where they are few."
    )


async def series(asker: Asker, given: SeriesArguments) -> SeriesAnswer:
    places = given.chosen(await Campus.read(asker))
    span, note = span_in(places, given.start, given.stop)
    every = every_of(span, given.every)
    asked = LocalSpan(span.before().start, span.stop, span.zone) if given.compare else span
    both = await occupancy(asker, places, asked, every, given.function)
    reading = both.within(span)
    rows = [
        {**place.brief(), **statistics(points, span)}
        if (points := reading.points.get(place.id))
        else {**place.brief(), "state": "unknown: nothing was measured in this span"}
        for place in places
    ]
    rows.sort(key=lambda row: -row.get("peak", -1.0))
    whole = summed(list(reading.points.values()))
    together = statistics(whole, span) if whole else {"state": "unknown: nothing was measured in this span"}
    before = None
    if given.compare:
        points = summed(list(both.within(span.before()).points.values()))
        before = {"span": span.before().as_text()} | (
            statistics(points, span) if points else {"state": "unknown: nothing was measured"}
        )
    known = len(reading.points)
    few = {place.id: curve(reading.points[place.id], span) for place in places if place.id in reading.points}
    return SeriesAnswer(
        summary=_summary(places, together, before, every),
        unit=f"people, the {given.function} of each {every}",
        span=span.as_text(),
        zone=span.zone.key,
        freshness=freshness_in_words(reading.freshness, span),
        notes=[note] if note else [],
        every=every,
        known=known,
        unknown=len(places) - known,
        together=together,
        before=before,
        places=rows[: given.limit],
        curve=curve(whole, span),
        curves=few if 1 < len(few) <= CURVES else {},
        more=export_of(
            asker, places, OCCUPANCY[places[0].kind][:1], span, {"every": every, "function": given.function}
        ),
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
    places = given.chosen(await Campus.read(asker))
    span, note = span_in(places, given.start, given.stop)
    every = every_of(span, given.every)
    reading = await occupancy(asker, places, span, every, given.function)
    ranked = [
        {**place.brief(), **({"capacity": place.capacity} if place.capacity else {}), **statistics(points, span)}
        for place in places
        if (points := reading.points.get(place.id))
    ]
    ranked.sort(key=lambda row: row[given.by], reverse=given.order == "busiest")
    return Ranking(
        summary=f"The {given.order} {min(given.limit, len(ranked))} of {len(ranked)} {places[0].kind}s by {given.by}; "
        f"{len(places) - len(ranked)} are unknown: nothing was measured there.",
        unit=f"people, the {given.function} of each {every}",
        span=span.as_text(),
        zone=span.zone.key,
        freshness=freshness_in_words(reading.freshness, span),
        notes=[note] if note else [],
        known=len(ranked),
        unknown=len(places) - len(ranked),
        places=ranked[: given.limit],
    )


def span_in(places: Sequence[Place], start: str, stop: str | None) -> tuple[LocalSpan, str | None]:
    name, note = zone_name(places)
    return span_of(start, stop, zone_of(name), datetime.now(UTC)), note


def statistics(points: Points, span: LocalSpan) -> dict[str, Any]:
    values = [value for _, value in points]
    at, peak = max(points, key=lambda each: each[1])
    return {
        "peak": peak,
        "peak_at": local(at, span.zone),
        "mean": round(fmean(values), 2),
        "min": min(values),
        "share_in_use": round(sum(value > 0 for value in values) / len(values), 3),
        "windows": len(values),
    }


def summed(series_: Sequence[Points]) -> Points:
    """Return the sum of places, window by window."""
    sums: dict[str, float] = {}
    for points in series_:
        for at, value in points:
            sums[at] = sums.get(at, 0.0) + value
    return sorted(sums.items())


def curve(points: Points, span: LocalSpan, together: Callable[[Iterable[float]], float] = max) -> list[list[Any]]:
    """Return at most 60 points: each is the highest of the windows that it stands for, or what `together` makes."""
    most = MOST_POINTS
    size = -(-len(points) // most) if points else 1
    parts = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [[local(part[0][0], span.zone), together(value for _, value in part)] for part in parts]


def _summary(places: Sequence[Place], together: dict[str, Any], before: dict[str, Any] | None, every: str) -> str:
    kinds = f"{len(places)} {places[0].kind}{'' if len(places) == 1 else 's'}"
    if "peak" not in together:
        return f"Nothing was measured in {kinds} in this span: unknown, not empty."
    said = f"{kinds}: {together['mean']:g} people on average by {every}, "
    said += f"at most {together['peak']:g} at {together['peak_at']}."
    if before and before.get("mean"):
        change = (together["mean"] - before["mean"]) / before["mean"]
        said += f" The span before had {before['mean']:g} on average: {change:+.0%}."
    return said


TOOLS = [
    tool(
        "series",
        "Occupancy over time",
        "People in rooms, zones or floors over a span: statistics, peaks, a curve of at most 60 points; `compare` adds "
        "the span before. Any number of places is one upstream call.",
        SeriesArguments,
        SeriesAnswer,
        series,
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
