"""Detections calls, cut where they name more sensors than one call takes."""

import asyncio
from collections.abc import Sequence

from ..butlr import ButlrError, Detections, decode_detections
from ..upstream import Answer, Call, Caller, Ledger, Upstream
from .about import about_detections
from .cells import added, map_in
from .pieces import Piece, oldest
from .query import Query

MACS_A_CALL = 500


class DetectionsReader:
    """Reads detections."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def whole(self, query: Query, caller: Caller, ledger: Ledger) -> Answer[Detections]:
        """Return the answer to a body as a client wrote it. Raises `ButlrError`, of the first part that failed."""
        pieces = await self._read(query, caller, ledger)
        if len(pieces) == 1:
            return pieces[0].unwrap()
        answers = [piece.unwrap() for piece in pieces]
        merged = {
            name: added([map_in(answer.value) for answer in answers])
            if name == "heatmap_v2"
            else [entry for answer in answers for entry in answer.value.raw(name) or ()]
            for name in query.body.get("data_types") or ()
        }
        return Answer(Detections.from_data(merged), oldest([answer.entry for answer in answers]))

    async def by_macs(
        self, query: Query, macs: Sequence[str], caller: Caller, ledger: Ledger
    ) -> list[Piece[Detections]]:
        """Ask for all sensors, `MACS_A_CALL` at a time; a part that failed says so by itself."""
        return await self._read(_with_macs(query, macs), caller, ledger)

    async def _read(self, query: Query, caller: Caller, ledger: Ledger) -> list[Piece[Detections]]:
        macs = query.body["filter"].get("mac_addresses") or ()

        async def part(asked: Query, some: Sequence[str]) -> Piece[Detections]:
            try:
                return Piece(tuple(some), await self._upstream.read(self._call(asked), caller, ledger))
            except ButlrError as error:
                return Piece(tuple(some), None, error)

        if len(macs) <= MACS_A_CALL:
            return [await part(query, macs or ("",))]
        chunks = (macs[at : at + MACS_A_CALL] for at in range(0, len(macs), MACS_A_CALL))
        return await asyncio.gather(*(part(_with_macs(query, chunk), chunk) for chunk in chunks))

    def _call(self, query: Query) -> Call[Detections]:
        return Call(
            name="detections",
            send=self._upstream.butlr.detections,
            asked=query.body,
            decode=decode_detections,
            span=query.bounds,
            windows=query.windows,
            empty=lambda value: value.lacks(query.body.get("data_types") or ()),
            about=lambda: about_detections(query, self._upstream.now()),
            rows=lambda value: sum(len(value.raw(name) or ()) for name in query.body.get("data_types") or ()),
        )


def _with_macs(query: Query, macs: Sequence[str]) -> Query:
    return query.with_body(filter={**query.body["filter"], "mac_addresses": list(macs)})
