"""Reports of many assets: one call for all that ask the same of different assets."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from ..butlr import Leaf, Reporting, name_levels, unflatten
from ..cache import Entry, canonical
from ..upstream import KEY_OF_FILTER, Body, Caller, Ledger, Piece, Reports, RowStream, order_of
from .batch import Batch
from .budget import Budget, TooComplex


class ReportOf(NamedTuple):
    """A report of one asset: `dimension` is the filter that names it, `body` all else of the REST body."""

    dimension: str
    id: str
    body: bytes

    @classmethod
    def make_many(cls, dimension: str, ids: Iterable[str], body: Body) -> list["ReportOf"]:
        written = canonical(body)
        return [cls(dimension, id_, written) for id_ in ids]


class ReportAnswer(NamedTuple):
    """A report, and the entry that says how fresh it is."""

    reporting: Reporting
    entry: Entry


class ReportLoader:
    """Asks for reports by asset, and deals the answer back to each."""

    def __init__(self, reports: Reports, caller: Caller, ledger: Ledger, budget: Budget | None = None) -> None:
        self._reports = reports
        self._budget = budget or Budget()
        self._caller = caller
        self._ledger = ledger
        self._batch: Batch[ReportOf, ReportAnswer] = Batch(self._load)
        self.load_many = self._batch.load_many
        self._streams: list[RowStream] = []

    async def whole(self, body: Body) -> ReportAnswer:
        """Return the answer to a body as the client wrote it. Raises `ButlrError` and `TooComplex`."""
        self._budget.report(body, 1)
        answer = await self._reports.whole(body, self._caller, self._ledger)
        return ReportAnswer(answer.value, answer.entry)

    async def streamed(self, body: Body) -> RowStream | ReportAnswer:
        """As `whole`, but where the rows of a flat report are still to come, their stream."""
        self._budget.report(body, 1)
        stream = self._reports.streamed(body, self._caller, self._ledger)
        self._streams.append(stream)
        if await stream.comes_in_rows():
            return stream
        answer = await self._reports.borne(await stream.answer(), body, self._caller, self._ledger)
        return ReportAnswer(answer.value, answer.entry)

    def cancel(self) -> None:
        """Stop what is under way: nobody waits for it any more."""
        self._batch.cancel()
        for stream in self._streams:
            stream.close()

    async def _load(self, keys: Sequence[ReportOf]) -> Mapping[ReportOf, ReportAnswer | Exception]:
        alike: dict[tuple[str, bytes], list[str]] = defaultdict(list)
        for key in keys:
            alike[key.dimension, key.body].append(key.id)
        found = await asyncio.gather(
            *(self._load_alike(dimension, orjson.loads(body), sorted(ids)) for (dimension, body), ids in alike.items())
        )
        return {
            ReportOf(dimension, id_, body): answer
            for (dimension, body), answers in zip(alike, found, strict=True)
            for id_, answer in answers.items()
        }

    async def _load_alike(self, dimension: str, body: Body, ids: Sequence[str]) -> dict[str, ReportAnswer | Exception]:
        level = KEY_OF_FILTER.get(dimension)
        together = len(ids) > 1 and level is not None and _dealable(dimension, body)
        try:
            self._budget.report(body, len(ids), calls=1 if together else len(ids))
        except TooComplex as error:
            return dict.fromkeys(ids, error)
        if level is None or not together:
            return await self._one_by_one(dimension, body, ids)
        asked = _with_level(body, level)
        pieces = await self._reports.by_ids(asked, dimension, ids, self._caller, self._ledger)
        loaded: dict[str, ReportAnswer | Exception] = {}
        for piece in pieces:
            dealt = _deal(piece, level, body, asked)
            loaded.update(dealt if dealt is not None else await self._one_by_one(dimension, body, piece.ids))
        return loaded

    async def _one_by_one(self, dimension: str, body: Body, ids: Iterable[str]) -> dict[str, ReportAnswer | Exception]:
        """A call each: for what cannot be told apart in one answer."""
        answers = await asyncio.gather(
            *(self._reports.by_ids(body, dimension, [id_], self._caller, self._ledger) for id_ in ids)
        )
        pieces = [piece for some in answers for piece in some]
        return {
            piece.ids[0]: ReportAnswer(piece.answer.value, piece.answer.entry)
            if piece.answer
            else piece.error or RuntimeError("a piece has an answer or an error")
            for piece in pieces
        }


def _dealable(dimension: str, body: Body) -> bool:
    """A sensor's row names one of its zones only, so sensors' measurements are asked zone by zone."""
    if dimension != "zones":
        return True
    measurements = body["filter"].get("measurements") or ()
    return bool(measurements) and all(name.startswith("zone_") for name in measurements)


def _with_level(body: Body, level: str) -> Body:
    """Group by the asset too where the answer is grouped by something else, so that it can be dealt back."""
    order = order_of(body)
    if not body.get("group_by") or level in order:
        return body
    return {**body, "group_by": {**body["group_by"], "order": [level, *order]}}


def _deal(piece: Piece[Reporting], level: str, body: Body, asked: Body) -> dict[str, ReportAnswer | Exception] | None:
    """The piece's answer as each asset's own; None where the answer does not say whose a part is."""
    if piece.answer is None:
        return dict.fromkeys(piece.ids, piece.error or RuntimeError("a piece has an answer or an error"))
    whole = piece.answer.value
    parts = _rows_by_id(whole, level) if whole.is_flat else _leaves_by_id(whole, level, order_of(asked), order_of(body))
    if parts is None or not parts.keys() <= set(piece.ids):
        return None
    nothing: Any = [] if whole.is_flat else {}
    return {id_: ReportAnswer(parts.get(id_) or Reporting.from_data(nothing), piece.answer.entry) for id_ in piece.ids}


def _rows_by_id(whole: Reporting, level: str) -> dict[str, Reporting] | None:
    dealt: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
    told: set[str | None] = set()
    untold: set[str | None] = set()
    for row, item in zip(whole.rows_with(frozenset({level, "measurement"})), whole.items, strict=True):
        id_ = getattr(row, level)
        if id_ is None:
            untold.add(row.measurement)
            continue
        told.add(row.measurement)
        dealt[id_].append(item)
    if untold - told:
        # A measurement none of whose rows says whose it is: one stray row among others is nobody's.
        return None
    return {id_: Reporting.of_items(items) for id_, items in dealt.items()}


def _without_level(leaf: Leaf, at: int) -> Leaf:
    return msgspec.structs.replace(leaf, path=(*leaf.path[:at], *leaf.path[at + 1 :]))


def _leaves_by_id(
    whole: Reporting, level: str, asked: Sequence[str], wanted: Sequence[str]
) -> dict[str, Reporting] | None:
    dealt: dict[str, list[Leaf]] = {}
    for leaf in whole.leaves:
        names = name_levels(leaf.path, asked)
        if level not in names:
            return None
        at = names.index(level)
        id_ = leaf.path[at]
        dealt.setdefault(id_, []).append(leaf if level in wanted else _without_level(leaf, at))
    return {id_: Reporting.from_data(unflatten(leaves)) for id_, leaves in dealt.items()}
