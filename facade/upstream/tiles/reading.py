"""`Tiles`: asks answered from what earlier asks have in common with them, and what of them is still missing."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import structlog

from ...butlr import ButlrError, Forbidden, Unauthenticated, UpstreamUnavailable
from ...cache import Entry, FlightCancelled, SingleFlight, Span, canonical, key, lifetime
from ..callers import Caller
from ..ledger import Ledger
from ..pieces import Piece
from ..reader import Answer, Call, Upstream, out_of_time
from .assembly import Customs, Rows, written
from .cuts import MOST_CELLS, Cut
from .forms import Unplaceable
from .rectangles import Rectangle, Stretch, rectangles
from .shreds import Habits, Shredder, Shreds, echo
from .tile import STRETCH, Run, Tile, decode, encode, merged, runs_of, without

log = structlog.get_logger(__name__)

T = TypeVar("T")
Place = tuple[str, int]
Group = tuple[str, bytes]

# What is worth looking up for one ask.
MOST_TILES = 4096
# Answers that wait to be cut are held beside the cache.
MOST_WAITING_BYTES = 32 << 20
# What is remembered of how the upstream orders and labels rows.
MOST_GROUPS = 256
# After so many asks in parts that ended in one for the whole, a group is asked for whole at once.
MOST_DOUBTS = 3
# A pause of cutting that nobody waits for, in seconds.
PAUSE = 0.025


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """An answer to be cut: whole, or already in parts."""

    cut: Cut
    caller: Caller
    body: bytes
    as_of: float
    shreds: Shreds | None = None

    def overlaps(self, cut: Cut) -> bool:
        own = self.cut
        if own.last(self.as_of) <= cut.first or (cut.stop is not None and own.first * own.every >= cut.stop):
            return False
        return not {own.normal(id_) for id_ in own.ids}.isdisjoint(map(cut.normal, cut.ids))


class Segment(NamedTuple):
    """What an answer was put together from, for its age."""

    first: int
    last: int
    as_of: float
    fresh_until: float


@dataclass(frozen=True, slots=True)
class Ask:
    """One ask that can be cut, and the ways to ask it: `whole`, and in a `part`.

    `by_id`: who asks deals the answer out by id, so one id's error is its own.
    """

    cut: Cut
    call: Call[Any]
    caller: Caller
    whole: Callable[[Ledger], Awaitable[list[Piece[Any]]]]
    part: Callable[[Cut, Ledger], Awaitable[list[Piece[Any]]]]
    by_id: bool

    @property
    def group(self) -> Group:
        return self.caller.scope, self.cut.group


class Tiles:
    """Keeps answers by asset and stretch of time, and puts answers together from them.

    An answer is cut when the first ask comes that overlaps with it, or in a quiet moment: who is answered first does
    not wait for it.
    """

    def __init__(self, upstream: Upstream, *, quiet_after: float = 0.25) -> None:
        """`quiet_after`: how often, in seconds, to look for a moment without asks to cut what waits for it."""
        self._upstream = upstream
        self._quiet_after = quiet_after
        self._flights = SingleFlight()
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
        await self._flights.aclose()

    async def read(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]]:
        """Return the answer in pieces that may fail alone. Raises `ButlrError` where it is not asked `by_id`."""
        with self._counted():
            kept = await self._upstream.recall(ask.call, ask.caller, ledger, renew=lambda: self._renew(ask))
            if kept is not None and not _is_overload(kept):
                return [Piece(ask.cut.ids, kept)]
            # Where the whole was too much, its parts are kept by themselves.
            pieces = None if kept or ledger.fresh else await self._together(ask, ledger)
            return await self._whole(ask, ledger) if pieces is None else pieces

    async def _renew(self, ask: Ask) -> None:
        if await self._together(ask, Ledger()) is None:
            await self._whole(ask, Ledger(fresh=True))

    async def _whole(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]]:
        pieces = await ask.whole(ledger)
        self._offer(ask, pieces)
        return pieces

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _together(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]] | None:
        """Assembled once, however many ask the same at the same time."""
        left = ledger.time_left()
        if left is not None and left <= 0:
            raise out_of_time()

        async def assemble() -> tuple[list[Piece[Any]] | ButlrError | None, Ledger]:
            own = Ledger(deadline=ledger.deadline, on_call=ledger.on_call)
            try:
                return await self._assembled(ask, own), own
            except ButlrError as error:
                # The calls that it took are to be noted all the same.
                return error, own

        name = f"{ask.caller.flight} {ask.by_id} {key(ask.caller.scope, ask.call.name, canonical(ask.call.asked))}"
        try:
            async with asyncio.timeout(left) as limit:
                outcome, notes = await self._flights.run(name, assemble)
        except TimeoutError:
            if not limit.expired():
                raise
            raise out_of_time() from None
        except FlightCancelled:
            raise UpstreamUnavailable("The facade is shutting down. Try again.", sent=False) from None
        ledger.add(notes)
        if isinstance(outcome, ButlrError):
            raise outcome.with_traceback(None)
        return outcome

    async def _assembled(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]] | None:
        """The answer from tiles and from calls for what they lack; None where to ask for the whole is as well."""
        cut, now = ask.cut, self._upstream.clock()
        last = cut.last(now)
        stretches = range(cut.first // STRETCH, -(-last // STRETCH))
        cells = (last - cut.first) * len(cut.ids)
        if not 0 < cells <= MOST_CELLS or len(cut.ids) * len(stretches) > MOST_TILES:
            return None
        await self._cut_waiting(ask.group, cut)
        tiles = await self._load(ask.caller, cut, [(cut.normal(id_), n) for id_ in cut.ids for n in stretches])
        missing = self._missing(cut, last, stretches, tiles, now) if tiles else None
        asked = None if missing is None else rectangles(missing, cells)
        if asked is None:
            return None
        customs = self._customs_of(ask.group)
        if asked and customs.doubts > MOST_DOUBTS:
            return None
        try:
            failed = await self._ask(ask, asked, last, tiles, ledger)
        except Unplaceable as why:
            log.debug("answer cannot be cut", call=cut.call, reason=str(why))
            customs.doubts += 1
            return None
        if failed and (pieces := await self._without(ask, failed, ledger)) is not None:
            return pieces
        pieces = await self._answer(ask, failed, tiles, ledger)
        customs.doubts = customs.doubts + 1 if pieces is None else 0
        return pieces

    async def _without(self, ask: Ask, failed: Mapping[str, ButlrError], ledger: Ledger) -> list[Piece[Any]] | None:
        """What to answer where parts failed; None: the others. Raises the error where they are no answer."""
        error = next(iter(failed.values()))
        if (stale := await self._upstream.stale(ask.call, ask.caller, ledger, error)) is not None:
            return [Piece(ask.cut.ids, stale)]
        if not ask.by_id:
            raise error
        # What was kept for a token that is refused now is not for it.
        return [Piece(ask.cut.ids, None, error)] if isinstance(error, Unauthenticated | Forbidden) else None

    async def _ask(
        self, ask: Ask, asked: Sequence[Rectangle], last: int, tiles: dict[Place, Tile], ledger: Ledger
    ) -> dict[str, ButlrError]:
        """Ask for what is missing, lay it over the tiles, and return the ids that it could not be had for."""
        cut = ask.cut
        parts = [cut.part(one.ids, one.first, None if one.last == last else one.last) for one in asked]
        answers = await asyncio.gather(*(ask.part(part, ledger) for part in parts))
        failed: dict[str, ButlrError] = {}
        for part, pieces in zip(parts, answers, strict=True):
            for piece in pieces:
                if piece.answer is None:
                    failed |= dict.fromkeys(piece.ids, piece.error or UpstreamUnavailable("Butlr gave no answer."))
                    continue
                of = _of(part, piece.ids, len(pieces))
                if of is None or _is_overload(piece.answer):
                    raise Unplaceable("parts of who knows what")
                body = piece.answer.entry.body or piece.answer.value.body
                shreds = await self._shredded(Waiting(of, ask.caller, body, piece.answer.entry.as_of))
                self._wait(ask.group, Waiting(of, ask.caller, b"", shreds.run.as_of, shreds))
                for place, tile in shreds.tiles(kept=False):
                    tiles[place] = merged(tiles.get(place), tile)
        return failed

    async def _answer(
        self, ask: Ask, failed: Mapping[str, ButlrError], tiles: Mapping[Place, Tile], ledger: Ledger
    ) -> list[Piece[Any]] | None:
        cut, now = ask.cut, self._upstream.clock()
        ids = tuple(id_ for id_ in cut.ids if id_ not in failed)
        pieces: list[Piece[Any]] = [Piece((id_,), None, error) for id_, error in failed.items()]
        if not ids:
            return pieces
        last = cut.last(now)
        own = {cut.normal(id_) for id_ in ids}
        tiles = {place: tile for place, tile in tiles.items() if place[0] in own}
        segments = self._segments(cut, last, ids, tiles)
        if segments is None:
            return None
        rows = Rows(cut, last, tiles, self._customs_of(ask.group))
        if not rows.is_sure(by_id=ask.by_id):
            return None
        told = max(tiles.values(), key=lambda tile: tile.told_at)
        body = written(cut, rows, told.envelope, echo(cut, self._habits_of(cut), now))
        entry = self._entry(cut, last, segments, body)
        ledger.read(entry)
        if not failed and not ledger.stale:
            await self._upstream.keep(ask.call, entry, ask.caller)
        return [Piece(ids, Answer(ask.call.decode(body), entry)), *pieces]

    def _entry(self, cut: Cut, last: int, segments: Sequence[Segment], body: bytes) -> Entry:
        every, late_after = cut.every, self._upstream.rules.late_after
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
            partial=lifetime(span, every, newest, rules=self._upstream.rules).partial,
        )

    def _segments(self, cut: Cut, last: int, ids: Sequence[str], tiles: Mapping[Place, Tile]) -> list[Segment] | None:
        """The runs behind an answer; None where they do not cover it."""
        every, rules = cut.every, self._upstream.rules
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

    def _missing(
        self, cut: Cut, last: int, stretches: range, tiles: Mapping[Place, Tile], now: float
    ) -> dict[str, list[Stretch]]:
        rules = self._upstream.rules
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

    async def _load(self, caller: Caller, cut: Cut, places: Sequence[Place]) -> dict[Place, Tile]:
        entries = await self._upstream.kept_many(_keys(caller, cut, places), caller)
        found = ((place, decode(entry.body)) for place, entry in zip(places, entries, strict=True) if entry)
        return {place: tile for place, tile in found if tile is not None}

    def _offer(self, ask: Ask, pieces: Sequence[Piece[Any]]) -> None:
        """Have an answer to the whole be cut later."""
        answers = [(piece.ids, piece.answer) for piece in pieces if piece.answer is not None]
        # Without any row it may as well be how the upstream answers an ask that it misunderstood.
        if all(ask.call.empty(answer.value) for _, answer in answers):
            return
        for ids, answer in answers:
            part = _of(ask.cut, ids, len(pieces))
            body = answer.entry.body or answer.value.body
            if part and len(body) <= MOST_WAITING_BYTES and not _is_overload(answer):
                self._wait(ask.group, Waiting(part, ask.caller, body, answer.entry.as_of))

    def _wait(self, group: Group, found: Waiting) -> None:
        self._waiting.setdefault(group, []).append(found)
        self._waiting_bytes += len(found.body)
        while self._waiting_bytes > MOST_WAITING_BYTES:
            _, lost = self._waiting.popitem(last=False)
            self._waiting_bytes -= sum(len(one.body) for one in lost)
        if self._quiet is None or self._quiet.done():
            self._quiet = asyncio.create_task(self._cut_when_quiet())

    async def _cut_when_quiet(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._quiet_after)
            if not self._under_way and self._waiting:
                await self._cut_waiting(next(iter(self._waiting)))

    async def _cut_waiting(self, group: Group, wanted: Cut | None = None) -> None:
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
                        await self._store(await self._shredded(found, None if wanted else group), found.caller)
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
        self._waiting_bytes -= sum(len(found.body) for found in taken)
        return taken

    async def _shredded(self, found: Waiting, group: Group | None = None) -> Shreds:
        """Raises `Unplaceable`. With a group there is no hurry before somebody wants that group."""
        if found.shreds is not None:
            return found.shreds
        customs = self._customs_of((found.caller.scope, found.cut.group))
        shredder = Shredder(found.cut, found.body, found.as_of, self._habits_of(found.cut), customs.layouts)
        for _ in shredder.steps():
            await asyncio.sleep(0)
            while group and group not in self._wanted and self._under_way:  # noqa: ASYNC110 -- a pause, not an event
                await asyncio.sleep(PAUSE)
        shreds = shredder.shreds
        customs.learn(shreds)
        return shreds

    async def _store(self, shreds: Shreds, caller: Caller) -> None:
        tiles = dict(shreds.tiles(kept=True))
        kept = await self._load(caller, shreds.cut, list(tiles))
        every, rules, now = shreds.cut.every, self._upstream.rules, self._upstream.clock()
        entries = []
        for entry_key, (place, part) in zip(_keys(caller, shreds.cut, list(tiles)), tiles.items(), strict=True):
            tile = merged(kept.get(place), part)
            runs = runs_of(tile.runs)
            until = max(run.fresh_until(run.first, every, rules) for run in runs)
            entry = Entry(
                body=encode(tile),
                content_type="application/msgpack",
                # Who may read it is told by when the upstream last took the caller's token.
                as_of=max(run.as_of for run in runs),
                fresh_until=until,
                settled_until=None,
                partial=True,
            )
            entries.append((entry_key, entry, until - now))
        await self._upstream.keep_many(entries, caller)

    def _habits_of(self, cut: Cut) -> Habits:
        return self._habits.setdefault(cut.topic, Habits())

    def _customs_of(self, group: Group) -> Customs:
        customs = self._customs.setdefault(group, Customs())
        self._customs.move_to_end(group)
        if len(self._customs) > MOST_GROUPS:
            self._customs.popitem(last=False)
        return customs


def _keys(caller: Caller, cut: Cut, places: Sequence[Place]) -> list[str]:
    group = key(caller.scope, f"{cut.call}-tile", cut.group)
    return [f"{group}:{stretch}:{asset}" for asset, stretch in places]


def _of(cut: Cut, ids: Sequence[str], pieces: int) -> Cut | None:
    """What a piece answers; None where that cannot be told."""
    if pieces == 1:
        return cut
    return cut.of(ids) if cut.dimension else None


def _is_overload(answer: Answer[Any]) -> bool:
    return bool(getattr(answer.value, "is_empty_object", False))
