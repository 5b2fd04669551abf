"""Detections calls, split where they name more sensors than one call takes."""

import asyncio
from collections.abc import Sequence

from ..auth import Caller
from ..butlr import ButlrError, Detections, decode_detections
from ..upstream import Answer, Call, ReadLog, Upstream
from .about import about_detections
from .cells import added, map_in
from .partial_answers import PartialAnswer, oldest
from .query import ReportQuery

MACS_A_CALL = 500


class DetectionsReader:
    """Reads detections."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def whole(self, query: ReportQuery, caller: Caller, read_log: ReadLog) -> Answer[Detections]:
        """Return the answer to a body as a client wrote it. Raises the `ButlrError` of the first part that failed."""
        pieces = await self._read(query, caller, read_log)
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
        self, query: ReportQuery, macs: Sequence[str], caller: Caller, read_log: ReadLog
    ) -> list[PartialAnswer[Detections]]:
        """Ask for all sensors, `MACS_A_CALL` at a time. A part that failed carries its error."""
        return await self._read(_with_macs(query, macs), caller, read_log)

    async def _read(self, query: ReportQuery, caller: Caller, read_log: ReadLog) -> list[PartialAnswer[Detections]]:
        macs = query.body["filter"].get("mac_addresses") or ()

        async def part(asked: ReportQuery, some: Sequence[str]) -> PartialAnswer[Detections]:
            try:
                return PartialAnswer(tuple(some), await self._upstream.read(self._call(asked), caller, read_log))
            except ButlrError as error:
                return PartialAnswer(tuple(some), None, error)

        if len(macs) <= MACS_A_CALL:
            return [await part(query, macs or ("",))]
        chunks = (macs[at : at + MACS_A_CALL] for at in range(0, len(macs), MACS_A_CALL))
        return await asyncio.gather(*(part(_with_macs(query, chunk), chunk) for chunk in chunks))

    def _call(self, query: ReportQuery) -> Call[Detections]:
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


def _with_macs(query: ReportQuery, macs: Sequence[str]) -> ReportQuery:
    return query.with_body(filter={**query.body["filter"], "mac_addresses": list(macs)})
