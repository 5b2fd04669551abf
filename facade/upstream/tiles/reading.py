"""`Tiles`: asks answered from what earlier asks have in common with them, and what of them is still missing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from ...butlr import ButlrError, Forbidden, Packed, Reporting, Unauthenticated, UpstreamUnavailable
from ...cache import SingleFlight, canonical, key
from ..callers import Caller
from ..ledger import Ledger
from ..pieces import Piece
from ..reader import Answer, Call, Upstream, awaited
from .ages import entry_of, missing_of, segments_of
from .assembly import Rows, written
from .cuts import MOST_CELLS, Cut
from .cutting import Cutter, Group, Waiting
from .forms import Unplaceable
from .rectangles import Rectangle, rectangles
from .shreds import echo
from .tile import STRETCH, Place, Tile, merged

log = structlog.get_logger(__name__)


# What is worth looking up for one ask.
MOST_TILES = 4096
# Bytes. A larger answer is put together anew each time: its tiles take a tenth of its room.
MOST_KEPT = 4 << 20
# After so many asks in parts that ended in one for the whole, a group is asked for whole at once.
MOST_DOUBTS = 3


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
        self._cutter = Cutter(upstream, quiet_after)
        self._flights = SingleFlight()

    async def aclose(self) -> None:
        await self._cutter.aclose()
        await self._flights.aclose()

    async def read(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]]:
        """Return the answer in pieces that may fail alone. Raises `ButlrError` where it is not asked `by_id`."""
        with self._cutter.kept_back():
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

    async def _together(self, ask: Ask, ledger: Ledger) -> list[Piece[Any]] | None:
        """Assembled once, however many ask the same at the same time."""

        async def assemble() -> tuple[list[Piece[Any]] | ButlrError | None, Ledger]:
            own = Ledger(deadline=ledger.deadline, on_call=ledger.on_call)
            try:
                return await self._assembled(ask, own), own
            except ButlrError as error:
                # The calls that it took are to be noted all the same.
                return error, own

        name = f"{ask.caller.flight} {ask.by_id} {key(ask.caller.scope, ask.call.name, canonical(ask.call.asked))}"
        async with awaited(ledger):
            outcome, notes = await self._flights.run(name, assemble)
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
        await self._cutter.cut(ask.group, cut)
        tiles = await self._cutter.load(ask.caller, cut, [(cut.normal(id_), n) for id_ in cut.ids for n in stretches])
        missing = missing_of(cut, last, stretches, tiles, now, self._upstream.rules) if tiles else None
        asked = None if missing is None else rectangles(missing, cells)
        if asked is None:
            return None
        customs = self._cutter.customs_of(ask.group)
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
                body = _body_of(piece.answer)
                shreds = await self._cutter.shredded(Waiting(of, ask.caller, body, piece.answer.entry.as_of))
                self._cutter.wait(ask.group, Waiting(of, ask.caller, b"", shreds.run.as_of, shreds))
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
        segments = segments_of(cut, last, ids, tiles, self._upstream.rules)
        if segments is None:
            return None
        rows = Rows(cut, last, tiles, self._cutter.customs_of(ask.group))
        if not rows.is_sure(by_id=ask.by_id):
            return None
        told = max(tiles.values(), key=lambda tile: tile.told_at)
        body = written(cut, rows, told.envelope, echo(cut, self._cutter.habits_of(cut), now))
        entry = entry_of(cut, last, segments, body, self._upstream.rules)
        ledger.read(entry)
        if not failed and not ledger.stale and len(body) <= MOST_KEPT:
            await self._upstream.keep(ask.call, entry, ask.caller)
        return [Piece(ids, Answer(ask.call.decode(body), entry)), *pieces]

    def _offer(self, ask: Ask, pieces: Sequence[Piece[Any]]) -> None:
        """Have an answer to the whole be cut later."""
        answers = [(piece.ids, piece.answer) for piece in pieces if piece.answer is not None]
        # Without any row it may as well be how the upstream answers an ask that it misunderstood.
        if all(ask.call.empty(answer.value) for _, answer in answers):
            return
        for ids, answer in answers:
            part = _of(ask.cut, ids, len(pieces))
            if part and not _is_overload(answer):
                self._cutter.wait(ask.group, Waiting(part, ask.caller, _body_of(answer), answer.entry.as_of))


def _of(cut: Cut, ids: Sequence[str], pieces: int) -> Cut | None:
    """What a piece answers; None where that cannot be told."""
    if pieces == 1:
        return cut
    return cut.of(ids) if cut.dimension else None


def _is_overload(answer: Answer[Any]) -> bool:
    return bool(getattr(answer.value, "is_empty_object", False))


def _body_of(answer: Answer[Any]) -> bytes | Packed:
    """What came, packed where it is too large to be held as it came."""
    if answer.entry.body:
        return answer.entry.body
    value = answer.value
    body: bytes | Packed = value.held if isinstance(value, Reporting) else value.body
    return body
