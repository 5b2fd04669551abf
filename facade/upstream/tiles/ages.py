"""How old and how fresh an answer is that is put together, and what it lacks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...cache import Entry, Rules, Span, lifetime
from .cuts import Cut
from .rectangles import Stretch
from .tile import STRETCH, Place, Run, Tile, runs_of, without


class Segment(NamedTuple):
    """What an answer was put together from, for its age."""

    first: int
    last: int
    as_of: float
    fresh_until: float


def missing_of(
    cut: Cut, last: int, stretches: range, tiles: Mapping[Place, Tile], now: float, rules: Rules
) -> dict[str, list[Stretch]]:
    """For each id that lacks some, the stretches of windows that no tile has fresh."""
    # A window that the stop cuts in two is nobody else's.
    whole = last - 1 if cut.ragged else last
    known: dict[tuple[bytes, ...], list[Stretch]] = {}
    missing: dict[str, list[Stretch]] = {}
    for id_ in cut.ids:
        runs = tuple(tile.runs if (tile := tiles.get((cut.normal(id_), n))) else b"" for n in stretches)
        lacks = known.get(runs)
        if lacks is None:
            fresh = [
                part._replace(last=min(part.last, whole))
                for encoded in runs
                if encoded
                for run in runs_of(encoded)
                if (part := run.fresh(now, cut.every, rules)) is not None
            ]
            lacks = known[runs] = [
                (part.first, part.last)
                for part in without(Run(cut.first, last, 0.0), [f for f in fresh if f.first < f.last])
            ]
        if lacks:
            missing[id_] = lacks
    return missing


def segments_of(
    cut: Cut, last: int, ids: Sequence[str], tiles: Mapping[Place, Tile], rules: Rules
) -> list[Segment] | None:
    """The runs behind an answer; None where they do not cover it."""
    every = cut.every
    found: set[Segment] = set()
    covered: dict[tuple[bytes, ...], bool] = {}
    stretches = range(cut.first // STRETCH, -(-last // STRETCH))
    for id_ in ids:
        some = [tiles[place].runs for n in stretches if (place := (cut.normal(id_), n)) in tiles]
        if (known := tuple(some)) in covered:
            continue
        at = cut.first
        for run in (run for runs in some for run in runs_of(runs)):
            first, end = max(run.first, cut.first), min(run.last, last)
            if first >= end:
                continue
            if first > at:
                return None
            at = end
            found.add(Segment(first, end, run.as_of, run.fresh_until(end - 1, every, rules)))
        if at < last:
            return None
        covered[known] = True
    return list(found)


def entry_of(cut: Cut, last: int, segments: Sequence[Segment], body: bytes, rules: Rules) -> Entry:
    every, late_after = cut.every, rules.late_after
    start, stop = cut.first * every, last * every if cut.stop is None else cut.stop
    # A window changes as a whole: it is settled once its end is.
    settled = min(
        max(one.first, min(one.last, int((one.as_of - late_after) // every))) * every
        if one.last * every > one.as_of - late_after
        else stop
        for one in segments
    )
    newest = min(one.as_of for one in segments if one.last == last)
    span = Span(start, cut.stop)
    return Entry(
        body=body,
        content_type="application/json",
        as_of=min(one.as_of for one in segments),
        fresh_until=min(one.fresh_until for one in segments),
        settled_until=settled if settled > start else None,
        partial=lifetime(span, every, newest, rules=rules).partial,
    )
