"""Detections calls, cut where they name more sensors than one call takes."""

import asyncio
from collections.abc import Sequence

from ..butlr import ButlrError, Detections, decode_detections
from .bodies import Body, absolute, span_of, window_seconds
from .callers import Caller
from .ledger import Ledger
from .pieces import Piece, oldest
from .reader import Answer, Call, Upstream

MACS_A_CALL = 500


class Sightings:
    """Reads detections."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def whole(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Detections]:
        """Return the answer to a body as a client wrote it. Raises `ButlrError`, of the first part that failed."""
        macs = body["filter"].get("mac_addresses") or ()
        if len(macs) <= MACS_A_CALL:
            return await self._once(body, caller, ledger)
        pieces = await self.by_macs(body, macs, caller, ledger)
        answers = [piece.unwrap() for piece in pieces]
        merged = {
            name: [entry for answer in answers for entry in answer.value.raw(name) or ()]
            for name in body.get("data_types") or ()
        }
        return Answer(Detections.from_data(merged), oldest([answer.entry for answer in answers]))

    async def by_macs(self, body: Body, macs: Sequence[str], caller: Caller, ledger: Ledger) -> list[Piece[Detections]]:
        """Ask `body` for all sensors, `MACS_A_CALL` at a time; a part that failed says so by itself."""

        async def part(some: Sequence[str]) -> Piece[Detections]:
            asked = {**body, "filter": {**body["filter"], "mac_addresses": list(some)}}
            try:
                return Piece(tuple(some), await self._once(asked, caller, ledger))
            except ButlrError as error:
                return Piece(tuple(some), None, error)

        chunks = (macs[at : at + MACS_A_CALL] for at in range(0, len(macs), MACS_A_CALL))
        return await asyncio.gather(*map(part, chunks))

    async def _once(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Detections]:
        return await self._upstream.read(
            Call(
                name="detections",
                send=self._upstream.butlr.detections,
                asked=body,
                body=absolute,
                decode=decode_detections,
                span=span_of(body),
                window=window_seconds(body),
                empty=lambda value: value.lacks(body.get("data_types") or ()),
            ),
            caller,
            ledger,
        )
