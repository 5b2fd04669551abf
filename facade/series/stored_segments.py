"""`StoredSegments`: the segments that one read touches, as the store has them and as the read changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..auth import Caller
from ..upstream import Upstream
from .plan import Rectangle, Stretch
from .segmented_query import SegmentedQuery, SegmentId
from .segments import Segment, WindowRun, decode, entries_of, filled, without
from .turn import Turn


class StoredSegments:
    def __init__(self, upstream: Upstream, shape: SegmentedQuery, ids: Sequence[str], caller: Caller) -> None:
        self._upstream = upstream
        self._rules = upstream.rules
        self._shape = shape
        self._caller = caller
        self._numbers = shape.segments(*shape.span)
        self._keys = shape.keys(caller.scope, ids)
        self._known: dict[SegmentId, Segment] = {}
        self._changed: dict[SegmentId, Segment] = {}

    def get(self, place: SegmentId) -> Segment | None:
        return self._known.get(place)

    def of(self, id_: str) -> list[Segment]:
        """Return the segments of one asset, in order of time."""
        return [segment for number in self._numbers if (segment := self._known.get((id_, number))) is not None]

    def change(self, place: SegmentId, segment: Segment) -> None:
        self._known[place] = self._changed[place] = segment

    async def recall(self) -> None:
        turn = Turn()
        entries = await self._upstream.entries.get_many(list(self._keys.values()), self._caller)
        for place, entry in zip(self._keys, entries, strict=True):
            if entry is not None and (segment := decode(entry.body)) is not None:
                self._known[place] = segment
                await turn.done(segment.rows)

    async def take_shared(self, missing: Mapping[str, Sequence[Stretch]], now: float) -> bool:
        """Take windows that another replica has read meanwhile from the shared store. Return whether there are any."""
        spans = {id_: (lacks[0][0], lacks[-1][1]) for id_, lacks in missing.items()}
        numbers = {span: self._shape.segments(*span) for span in set(spans.values())}
        lacks = {(id_, number): missing[id_] for id_, span in spans.items() for number in numbers[span]}
        return await self._fill(lacks, now, shared=True)

    async def take_others(self, asked: Sequence[Rectangle], now: float) -> None:
        """Take windows that were stored while calls were made, since the segments will be stored as they are here.

        An export reads several stretches of a segment at once.
        """
        lacks: dict[SegmentId, Sequence[Stretch]] = {}
        for one in asked:
            for number in self._shape.segments(one.start, one.stop):
                whole = self._shape.span_of(number)
                # Assets that are read together have the same runs.
                left: dict[tuple[WindowRun, ...], list[Stretch]] = {}
                for id_ in one.ids:
                    runs = segment.runs if (segment := self.get((id_, number))) else ()
                    if runs not in left:
                        left[runs] = without(whole, [run[:2] for run in runs])
                    lacks[id_, number] = left[runs]
        if lacks:
            await self._fill(lacks, now)

    async def _fill(self, lacks: Mapping[SegmentId, Sequence[Stretch]], now: float, *, shared: bool = False) -> bool:
        """Take the windows that segments lack from the store where it has them fresh. Return whether it has any."""
        keys = [self._keys[place] for place in lacks]
        entries = await self._upstream.entries.get_many(keys, self._caller, shared=shared)
        found, turn = False, Turn()
        for (place, stretches), entry in zip(lacks.items(), entries, strict=True):
            if entry is not None and (other := decode(entry.body)) is not None:
                old = self.get(place)
                # With equal runs there is nothing that the segment lacks.
                if old is None or old.runs != other.runs:
                    new = filled(old, other, stretches, self._shape, self._rules, now)
                    if new is not None and new is not old:
                        self._known[place], found = new, True
                await turn.done(other.rows)
        return found

    async def store(self) -> None:
        """Store the segments that were changed."""
        if self._changed:
            keys = [self._keys[place] for place in self._changed]
            entries = await entries_of(self._changed.values(), self._shape, self._rules)
            await self._upstream.entries.put_many(list(zip(keys, entries, strict=True)), self._caller)
