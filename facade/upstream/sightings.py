"""Detections calls, cut where they name more sensors than one call takes."""

import asyncio
from collections.abc import Sequence

from ..butlr import ButlrError, Detections, decode_detections
from .bodies import Body, absolute, span_of, window_seconds
from .callers import Caller
from .ledger import Ledger
from .pieces import Piece, oldest
from .reader import Answer, Call, Upstream
from .tiles import Ask, Tiles, cut_detections

MACS_A_CALL = 500


class Sightings:
    """Reads detections."""

    def __init__(self, upstream: Upstream, *, tiles: Tiles | None = None) -> None:
        self._upstream = upstream
        self._tiles = tiles or Tiles(upstream)

    async def whole(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Detections]:
        """Return the answer to a body as a client wrote it. Raises `ButlrError`, of the first part that failed."""
        pieces = await self._read(body, caller, ledger, by_id=False)
        if len(pieces) == 1:
            return pieces[0].unwrap()
        answers = [piece.unwrap() for piece in pieces]
        merged = {
            name: [entry for answer in answers for entry in answer.value.raw(name) or ()]
            for name in body.get("data_types") or ()
        }
        return Answer(Detections.from_data(merged), oldest([answer.entry for answer in answers]))

    async def by_macs(self, body: Body, macs: Sequence[str], caller: Caller, ledger: Ledger) -> list[Piece[Detections]]:
        """Ask `body` for all sensors, `MACS_A_CALL` at a time; a part that failed says so by itself."""
        return await self._read(_with_macs(body, macs), caller, ledger, by_id=True)

    async def _read(self, body: Body, caller: Caller, ledger: Ledger, *, by_id: bool) -> list[Piece[Detections]]:
        cut = cut_detections(body)
        if cut is None:
            return await self._chunks(body, caller, ledger)
        return await self._tiles.read(
            Ask(
                cut=cut,
                call=self._call(body),
                caller=caller,
                whole=lambda ledger: self._chunks(body, caller, ledger),
                part=lambda part, ledger: self._chunks(part.body, caller, ledger),
                by_id=by_id,
            ),
            ledger,
        )

    async def _chunks(self, body: Body, caller: Caller, ledger: Ledger) -> list[Piece[Detections]]:
        macs = body["filter"].get("mac_addresses") or ()

        async def part(asked: Body, some: Sequence[str]) -> Piece[Detections]:
            try:
                return Piece(tuple(some), await self._upstream.read(self._call(asked), caller, ledger))
            except ButlrError as error:
                return Piece(tuple(some), None, error)

        if len(macs) <= MACS_A_CALL:
            return [await part(body, macs or ("",))]
        chunks = (macs[at : at + MACS_A_CALL] for at in range(0, len(macs), MACS_A_CALL))
        return await asyncio.gather(*(part(_with_macs(body, chunk), chunk) for chunk in chunks))

    def _call(self, body: Body) -> Call[Detections]:
        return Call(
            name="detections",
            send=self._upstream.butlr.detections,
            asked=body,
            body=absolute,
            decode=decode_detections,
            span=span_of(body),
            window=window_seconds(body),
            empty=lambda value: value.lacks(body.get("data_types") or ()),
        )


def _with_macs(body: Body, macs: Sequence[str]) -> Body:
    return {**body, "filter": {**body["filter"], "mac_addresses": list(macs)}}
