"""Reporting calls: one, or as many as the upstream needs to bear what is asked."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..butlr import REPORTING_PATH, ButlrError, Reporting, UpstreamTimeout, decode_reporting
from .bodies import KEY_OF_FILTER, Body, order_of, span_of, span_seconds, widest, window_seconds
from .callers import Caller
from .ledger import Ledger
from .pieces import Piece, oldest
from .reader import Answer, Call, Upstream
from .spans import halves, stitched
from .streaming import RowStream
from .tiles import Ask, Cut, Tiles, cut_report


class Sizes:
    """How many ids a call bears, learnt per measurement and span, and forgotten after an hour."""

    def __init__(self, *, kept_for: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_for = kept_for
        self._clock = clock
        self._learnt: OrderedDict[tuple[object, ...], tuple[int, float]] = OrderedDict()

    def get(self, key: tuple[object, ...], default: int) -> int:
        size, until = self._learnt.get(key, (default, math.inf))
        return min(size, default) if until > self._clock() else default

    def learn(self, key: tuple[object, ...], size: int) -> None:
        self._learnt[key] = (size, self._clock() + self._kept_for)
        self._learnt.move_to_end(key)
        if len(self._learnt) > 1000:
            self._learnt.popitem(last=False)


class Reports:
    """Reads reports. An answer of `{}` means that the call was too much: it is halved until it is borne."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        sizes: Sizes | None = None,
        calibration_key: str = "calibration_points",
        tiles: Tiles | None = None,
    ) -> None:
        """Butlr's docs and its own client spell `calibration_key` in two ways, so it is a setting."""
        self._upstream = upstream
        self._calibration_key = calibration_key
        self._sizes = sizes or Sizes()
        self._tiles = tiles or Tiles(upstream)

    async def whole(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Reporting]:
        """Return the answer to a body as a client wrote it, merged from parts where the upstream needs them.

        Raises `ButlrError`: of the call, or of the first part that failed.
        """
        cut = cut_report(body)
        if cut is None:
            pieces = await self._whole(body, caller, ledger)
        else:
            pieces = await self._tiles.read(
                Ask(
                    cut=cut,
                    call=self._call(body),
                    caller=caller,
                    whole=lambda ledger: self._whole(body, caller, ledger),
                    part=lambda part, ledger: self._part(part, caller, ledger),
                    by_id=False,
                ),
                ledger,
            )
        return _put_together(pieces)

    def streamed(self, body: Body, caller: Caller, ledger: Ledger) -> RowStream:
        """Ask a flat report, to take its rows as they come. What it ends with needs to be `borne`."""
        return RowStream(self._upstream, self._call(body), caller, ledger)

    async def borne(self, answer: Answer[Reporting], body: Body, caller: Caller, ledger: Ledger) -> Answer[Reporting]:
        """Return the answer, or where the upstream did not bear the call, one put together from parts."""
        return _put_together(await self._pieces(answer, body, caller, ledger))

    async def _whole(self, body: Body, caller: Caller, ledger: Ledger) -> list[Piece[Reporting]]:
        return await self._pieces(await self._once(body, caller, ledger), body, caller, ledger)

    async def _pieces(
        self, answer: Answer[Reporting], body: Body, caller: Caller, ledger: Ledger
    ) -> list[Piece[Reporting]]:
        dimension, ids = widest(body, at_least=2)
        if not answer.value.is_empty_object or "paginate" in body:
            return [Piece(tuple(ids), answer)]
        if dimension is None or not _separable(body, dimension):
            return [Piece(tuple(ids), await self._shorter(body, caller, ledger) if _is_flat(body) else answer)]
        return await self._halved(body, dimension, ids, caller, ledger)

    async def by_ids(
        self, body: Body, dimension: str, ids: Sequence[str], caller: Caller, ledger: Ledger
    ) -> list[Piece[Reporting]]:
        """Ask `body` for all `ids` at once, or for as many at a time as were borne before."""
        asked = with_ids(body, dimension, ids)
        cut = cut_report(asked, dimension)
        if cut is None:
            return await self._by_ids(body, dimension, ids, caller, ledger)
        return await self._tiles.read(
            Ask(
                cut=cut,
                call=self._call(asked),
                caller=caller,
                whole=lambda ledger: self._by_ids(body, dimension, ids, caller, ledger),
                part=lambda part, ledger: self._part(part, caller, ledger),
                by_id=True,
            ),
            ledger,
        )

    async def _part(self, part: Cut, caller: Caller, ledger: Ledger) -> list[Piece[Reporting]]:
        if part.dimension:
            return await self._by_ids(part.body, part.dimension, part.ids, caller, ledger)
        try:
            return await self._whole(part.body, caller, ledger)
        except ButlrError as error:
            return [Piece(part.ids, None, error)]

    async def _by_ids(
        self, body: Body, dimension: str, ids: Sequence[str], caller: Caller, ledger: Ledger
    ) -> list[Piece[Reporting]]:
        size = self._sizes.get(_size_key(body, dimension, self._upstream.now()), len(ids))
        chunks = [ids[at : at + size] for at in range(0, len(ids), size)]
        pieces = await asyncio.gather(*(self._borne(body, dimension, chunk, caller, ledger) for chunk in chunks))
        return [piece for some in pieces for piece in some]

    async def _borne(
        self, body: Body, dimension: str, ids: Sequence[str], caller: Caller, ledger: Ledger
    ) -> list[Piece[Reporting]]:
        asked = with_ids(body, dimension, ids)
        try:
            answer = await self._once(asked, caller, ledger)
        except ButlrError as error:
            return [Piece(tuple(ids), None, error)]
        if not answer.value.is_empty_object:
            return [Piece(tuple(ids), answer)]
        if len(ids) == 1 or not _separable(asked, dimension):
            if not _is_flat(asked):
                return [Piece(tuple(ids), answer)]
            try:
                return [Piece(tuple(ids), await self._shorter(asked, caller, ledger))]
            except ButlrError as error:
                return [Piece(tuple(ids), None, error)]
        return await self._halved(body, dimension, ids, caller, ledger)

    async def _shorter(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Reporting]:
        """Ask a flat report that was too much by halves of its time. Raises `ButlrError` where it cannot be cut."""
        bodies = halves(body)
        if bodies is None:
            raise _too_much(body)
        answers = []
        for part in bodies:
            answer = await self._once(part, caller, ledger)
            answers.append(await self._shorter(part, caller, ledger) if answer.value.is_empty_object else answer)
        rows = stitched(body, [answer.value.data or [] for answer in answers])
        return Answer(Reporting.from_data(rows), oldest([answer.entry for answer in answers]))

    async def _halved(
        self, body: Body, dimension: str, ids: Sequence[str], caller: Caller, ledger: Ledger
    ) -> list[Piece[Reporting]]:
        """Take apart an ask that was answered with `{}`. The first half goes first: it teaches the size."""
        if not _is_flat(body) and not await self._hides_points(body, dimension, ids, caller, ledger):
            return [Piece(tuple(ids), await self._once(with_ids(body, dimension, ids), caller, ledger))]
        middle = (len(ids) + 1) // 2
        first = await self._borne(body, dimension, ids[:middle], caller, ledger)
        if any(piece.answer for piece in first):
            borne = max(len(piece.ids) for piece in first if piece.answer)
            self._sizes.learn(_size_key(body, dimension, self._upstream.now()), borne)
        return [*first, *await self._by_ids(body, dimension, ids[middle:], caller, ledger)]

    async def _hides_points(
        self, body: Body, dimension: str, ids: Sequence[str], caller: Caller, ledger: Ledger
    ) -> bool:
        """Whether a grouped `{}` is overload and not true emptiness, which the same ask ungrouped calls `[]`."""
        flat = {name: value for name, value in with_ids(body, dimension, ids).items() if name != "group_by"}
        answer = await self._once(flat, caller, ledger)
        return bool(answer.value.is_empty_object or answer.value.data)

    async def _once(self, body: Body, caller: Caller, ledger: Ledger) -> Answer[Reporting]:
        return await self._upstream.read(self._call(body), caller, ledger)

    def _call(self, body: Body) -> Call[Reporting]:
        return Call(
            name="reporting",
            send=self._upstream.butlr.reporting,
            asked=body,
            body=self._spelt,
            decode=decode_reporting,
            span=span_of(body),
            window=window_seconds(body),
            empty=lambda value: value.is_empty,
        )

    def _spelt(self, body: Body, _now: datetime) -> Body:
        if self._calibration_key == "calibration_points" or "calibration_points" not in body:
            return body
        return {self._calibration_key if name == "calibration_points" else name: value for name, value in body.items()}


def with_ids(body: Body, dimension: str, ids: Sequence[str]) -> Body:
    return {**body, "filter": {**body["filter"], dimension: {"eq": list(ids)}}}


def _is_flat(body: Body) -> bool:
    return not body.get("group_by")


def _separable(body: Body, dimension: str) -> bool:
    """Whether parts by id put together are the whole: statistics over several ids are never merged."""
    return _is_flat(body) or KEY_OF_FILTER.get(dimension) in order_of(body)


def _size_key(body: Body, dimension: str, now: datetime) -> tuple[object, ...]:
    seconds = span_seconds(body, now)
    measurements = tuple(sorted(body["filter"].get("measurements") or ()))
    every = (body.get("window") or {}).get("every")
    return (measurements, dimension, every, _is_flat(body), round(math.log2(seconds)) if seconds >= 1 else 0)


def _too_much(body: Body) -> UpstreamTimeout:
    return UpstreamTimeout(
        "Butlr answered with an empty object, as it does when a report takes it too long. "
        f"Ask for fewer assets, a shorter span or a wider window (asked: {', '.join(sorted(body['filter']))}).",
        path=REPORTING_PATH,
    )


def _put_together(pieces: Sequence[Piece[Reporting]]) -> Answer[Reporting]:
    return pieces[0].unwrap() if len(pieces) == 1 else _merged(pieces)


def _merged(pieces: Sequence[Piece[Reporting]]) -> Answer[Reporting]:
    answers = [piece.unwrap() for piece in pieces]
    values = [answer.value for answer in answers]
    data: Any = {}
    if any(value.is_flat for value in values):
        data = [row for value in values if value.is_flat for row in value.data]
    else:
        for value in values:
            _merge_maps(data, value.data)
    return Answer(Reporting.from_data(data), oldest([answer.entry for answer in answers]))


def _merge_maps(into: dict[str, Any], part: dict[str, Any]) -> None:
    """Merge nested maps in place; leaves never meet, for each part holds other ids."""
    for name, value in part.items():
        kept = into.get(name)
        if isinstance(kept, dict) and isinstance(value, dict):
            into[name] = merged = dict(kept)
            _merge_maps(merged, value)
        else:
            into[name] = value


async def read_csv(upstream: Upstream, body: Body, caller: Caller, ledger: Ledger) -> Answer[bytes]:
    """Return the answer to a body that asks for CSV, as it came: no source gives its columns."""
    return await upstream.read(
        Call(
            name="reporting",
            send=upstream.butlr.reporting_csv,
            path=REPORTING_PATH,
            asked=body,
            decode=bytes,
            span=span_of(body),
            window=window_seconds(body),
            empty=lambda text: not text.strip(),
        ),
        caller,
        ledger,
    )
