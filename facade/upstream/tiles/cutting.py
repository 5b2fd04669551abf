"""`Cutter`: answers become tiles, when somebody needs them so or in a quiet moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

import structlog

from ...butlr import Packed
from ...cache import Entry, key
from ..callers import Caller
from ..reader import Upstream
from .assembly import Customs
from .cuts import Cut
from .forms import Unplaceable
from .shreds import Habits, Shredder, Shreds
from .tile import Place, Tile, decode, encode, merged, runs_of

log = structlog.get_logger(__name__)

Group = tuple[str, bytes]

# Answers that wait to be cut are held beside the cache.
MOST_WAITING_BYTES = 32 << 20
# What is remembered of how the upstream orders and labels rows.
MOST_GROUPS = 256
# A pause of cutting that nobody waits for, in seconds.
PAUSE = 0.025


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """An answer to be cut: whole, or already in parts."""

    cut: Cut
    caller: Caller
    body: bytes | Packed
    as_of: float
    shreds: Shreds | None = None

    @property
    def held(self) -> int:
        return self.body.held if isinstance(self.body, Packed) else len(self.body)

    def overlaps(self, cut: Cut) -> bool:
        own = self.cut
        if own.last(self.as_of) <= cut.first or (cut.stop is not None and own.first * own.every >= cut.stop):
            return False
        return not {own.normal(id_) for id_ in own.ids}.isdisjoint(map(cut.normal, cut.ids))


class Cutter:
    """Keeps tiles, and what answers have shown of how rows look.

    Who is answered first does not wait until the answer is cut.
    """

    def __init__(self, upstream: Upstream, quiet_after: float) -> None:
        self._upstream = upstream
        self._quiet_after = quiet_after
        self._habits: dict[tuple[object, ...], Habits] = {}
        self._customs: OrderedDict[Group, Customs] = OrderedDict()
        self._waiting: OrderedDict[Group, list[Waiting]] = OrderedDict()
        self._waiting_bytes = 0
        self._locks: WeakValueDictionary[Group, asyncio.Lock] = WeakValueDictionary()
        self._wanted: set[Group] = set()
        self._under_way = 0
        self._quiet: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        if self._quiet:
            self._quiet.cancel()
            await asyncio.gather(self._quiet, return_exceptions=True)

    @contextmanager
    def kept_back(self) -> Iterator[None]:
        """Meanwhile nothing is cut but what is wanted."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def wait(self, group: Group, found: Waiting) -> None:
        self._waiting.setdefault(group, []).append(found)
        self._waiting_bytes += found.held
        while self._waiting_bytes > MOST_WAITING_BYTES:
            _, lost = self._waiting.popitem(last=False)
            self._waiting_bytes -= sum(one.held for one in lost)
        if self._quiet is None or self._quiet.done():
            self._quiet = asyncio.create_task(self._cut_when_quiet())

    async def _cut_when_quiet(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._quiet_after)
            if not self._under_way and self._waiting:
                await self.cut(next(iter(self._waiting)))

    async def cut(self, group: Group, wanted: Cut | None = None) -> None:
        """Cut what waits for it in a group, and overlaps with what is wanted; wait for who is at it already."""
        lock = self._locks.get(group)
        if lock is None:
            lock = self._locks[group] = asyncio.Lock()
        try:
            if wanted:
                self._wanted.add(group)
            async with lock:
                for found in self._taken(group, wanted):
                    try:
                        await self._store(await self.shredded(found, None if wanted else group), found.caller)
                    except Unplaceable as why:
                        log.debug("answer cannot be cut", call=found.cut.call, reason=str(why))
        finally:
            if wanted:
                self._wanted.discard(group)

    def _taken(self, group: Group, wanted: Cut | None) -> list[Waiting]:
        waiting = self._waiting.pop(group, [])
        taken = [found for found in waiting if wanted is None or found.overlaps(wanted)]
        left = [found for found in waiting if found not in taken] if len(taken) < len(waiting) else []
        if left:
            self._waiting[group] = left
        self._waiting_bytes -= sum(found.held for found in taken)
        return taken

    async def shredded(self, found: Waiting, group: Group | None = None) -> Shreds:
        """Raises `Unplaceable`. With a group there is no hurry before somebody wants that group."""
        if found.shreds is not None:
            return found.shreds
        customs = self.customs_of((found.caller.scope, found.cut.group))
        shredder = Shredder(found.cut, found.body, found.as_of, self.habits_of(found.cut), customs.layouts)
        for _ in shredder.steps():
            await asyncio.sleep(0)
            while group and group not in self._wanted and self._under_way:  # noqa: ASYNC110 -- a pause, not an event
                await asyncio.sleep(PAUSE)
        shreds = shredder.shreds
        customs.learn(shreds)
        return shreds

    async def _store(self, shreds: Shreds, caller: Caller) -> None:
        tiles = dict(shreds.tiles(kept=True))
        kept = await self.load(caller, shreds.cut, list(tiles))
        every, rules, now = shreds.cut.every, self._upstream.rules, self._upstream.clock()
        entries = []
        for entry_key, (place, part) in zip(_keys(caller, shreds.cut, list(tiles)), tiles.items(), strict=True):
            tile = merged(kept.get(place), part)
            runs = runs_of(tile.runs)
            until = max(run.fresh_until(run.first, every, rules) for run in runs)
            entry = Entry(
                body=encode(tile, packed=runs[-1].last * every <= now - rules.late_after),
                content_type="application/msgpack",
                # Who may read it is told by when the upstream last took the caller's token.
                as_of=max(run.as_of for run in runs),
                fresh_until=until,
                settled_until=None,
                partial=True,
            )
            entries.append((entry_key, entry, until - now))
        await self._upstream.keep_many(entries, caller)

    async def load(self, caller: Caller, cut: Cut, places: Sequence[Place]) -> dict[Place, Tile]:
        entries = await self._upstream.kept_many(_keys(caller, cut, places), caller)
        found = ((place, decode(entry.body)) for place, entry in zip(places, entries, strict=True) if entry)
        return {place: tile for place, tile in found if tile is not None}

    def habits_of(self, cut: Cut) -> Habits:
        return self._habits.setdefault(cut.topic, Habits())

    def customs_of(self, group: Group) -> Customs:
        customs = self._customs.setdefault(group, Customs())
        self._customs.move_to_end(group)
        if len(self._customs) > MOST_GROUPS:
            self._customs.popitem(last=False)
        return customs


def _keys(caller: Caller, cut: Cut, places: Sequence[Place]) -> list[str]:
    group = key(caller.scope, f"{cut.call}-tile", cut.group)
    return [f"{group}:{stretch}:{asset}" for asset, stretch in places]
