"""Detections of many sensors: one call for all loads that differ only in the sensor."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import orjson

from ..assets import normal_mac
from ..auth import Caller
from ..butlr import DetectionEntry, Detections
from ..cache import Entry as CacheEntry
from ..cache import canonical
from ..series import MACS_A_CALL, Body, DetectionsReader, PartialAnswer, read_heatmap_v2, resolve_span, why_apart
from ..upstream import ReadLog, asked_part, part_of
from .batch import Batch
from .budget import Budget, BudgetSpent

T = TypeVar("T")

# The items of each sensor, by its normalised MAC address.
Handed = dict[str, list[T]]

POINT_TYPES = frozenset({"detections_local", "detections_world"})


class DetectionsOf(NamedTuple):
    """Detections of one sensor: `types` are the `data_types`, `body` the rest of the REST body."""

    mac_address: str
    types: frozenset[str]
    body: bytes

    @classmethod
    def make_many(cls, mac_addresses: Iterable[str], types: frozenset[str], body: Body) -> list["DetectionsOf"]:
        written = canonical(body)
        return [cls(mac_address, types, written) for mac_address in mac_addresses]


class DetectionsAnswer(NamedTuple):
    detections: Detections
    entry: CacheEntry


class DetectionsLoader:
    """Loads detections by MAC address, and splits the answer by sensor."""

    def __init__(
        self,
        reader: DetectionsReader,
        caller: Caller,
        read_log: ReadLog,
        now: datetime,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget or Budget()
        self._now = now
        self._reader = reader
        self._caller = caller
        self._read_log = read_log
        self._batch: Batch[DetectionsOf, DetectionsAnswer] = Batch(self._load)
        self.load_many = self._batch.load_many
        self.cancel = self._batch.cancel

    async def whole(self, body: Body) -> DetectionsAnswer:
        """Return the answer to a body as the client wrote it. Raises `ButlrError` and `BudgetSpent`."""
        self._budget.detections(body, 1)
        with part_of("detections", 0):
            answer = await self._reader.whole(resolve_span(body, self._now), self._caller, self._read_log)
        return DetectionsAnswer(answer.value, answer.entry)

    async def heatmap_v2(self, body: Body) -> DetectionsAnswer:
        """Return the heatmap_v2 of a body without `data_types`, however long its span.

        Raises `ButlrError` and `BudgetSpent`.
        """
        self._budget.heatmap(body)
        asked = {"data_types": ["heatmap_v2"], **body}
        with part_of("a heat map", 0, lambda: ["a call for every seven days: no call takes more"]):
            answer = await read_heatmap_v2(
                self._reader, resolve_span(asked, self._now), self._now, self._caller, self._read_log
            )
        return DetectionsAnswer(answer.value, answer.entry)

    async def _load(self, keys: Sequence[DetectionsOf]) -> Mapping[DetectionsOf, DetectionsAnswer | Exception]:
        alike: dict[tuple[frozenset[str], bytes], list[str]] = defaultdict(list)
        for key in keys:
            alike[key.types, key.body].append(key.mac_address)
        # Two loads of the same sensors with different types are one call with both types.
        asks = {(types, body): (body, tuple(sorted(macs))) for (types, body), macs in alike.items()}
        merged: dict[tuple[bytes, tuple[str, ...]], set[str]] = defaultdict(set)
        for (types, _), ask in zip(alike, asks.values(), strict=True):
            merged[ask] |= types
        apart = [{"data_types": types, **orjson.loads(body)} for (body, _), types in merged.items()]

        async def load(body: Body, macs: Sequence[str], types: set[str]) -> dict[str, DetectionsAnswer | Exception]:
            with part_of(f"detections of {_count(len(macs))}", len(macs), lambda: _reasons(apart, types, len(macs))):
                return await self._load_alike(body, macs, types)

        found = await asyncio.gather(*(load(orjson.loads(body), macs, types) for (body, macs), types in merged.items()))
        answers = dict(zip(merged, found, strict=True))
        return {
            DetectionsOf(mac, types, body): found_of_ask[mac]
            for (types, body), ask in asks.items()
            for found_of_ask in [answers[ask]]
            for mac in ask[1]
        }

    async def _load_alike(
        self, body: Body, macs: Sequence[str], types: set[str]
    ) -> dict[str, DetectionsAnswer | Exception]:
        asked = {"data_types": sorted(types), **body}
        try:
            self._budget.detections(asked, len(macs))
        except BudgetSpent as error:
            return dict.fromkeys(macs, error)
        query = resolve_span(asked, self._now)
        pieces = await self._reader.by_macs(query, macs, self._caller, self._read_log)
        loaded: dict[str, DetectionsAnswer | Exception] = {}
        for piece in pieces:
            dealt = _deal(piece, types)
            if dealt is None:
                if part := asked_part():
                    part.reasons.append("a call each: entries of the answer do not name their sensor")
                # Entries that name no sensor cannot be split, so each sensor needs its own call.
                alone = await asyncio.gather(
                    *(self._reader.by_macs(query, [mac], self._caller, self._read_log) for mac in piece.ids)
                )
                dealt = {mac: _alone(some[0]) for mac, some in zip(piece.ids, alone, strict=True)}
            loaded.update(dealt)
        return loaded


def _reasons(apart: Sequence[Body], types: AbstractSet[str], sensors: int) -> list[str]:
    more = [f"a call for each {MACS_A_CALL} sensors: no call takes more"] if sensors > MACS_A_CALL else []
    if sensors > 1 and types - POINT_TYPES:
        more.append("one more call for each sensor if cells of the answer do not name their sensor")
    return [*why_apart(apart), *more]


def _count(sensors: int) -> str:
    return f"{sensors} sensor{'' if sensors == 1 else 's'}"


def _alone(piece: PartialAnswer[Detections]) -> DetectionsAnswer | Exception:
    if piece.answer is None:
        return piece.error or RuntimeError("a piece has an answer or an error")
    return DetectionsAnswer(piece.answer.value, piece.answer.entry)


def _deal(piece: PartialAnswer[Detections], types: set[str]) -> dict[str, DetectionsAnswer | Exception] | None:
    """Split the piece's answer by sensor; None if no entry names its sensor."""
    if piece.answer is None or len(piece.ids) == 1:
        return dict.fromkeys(piece.ids, _alone(piece))
    whole = piece.answer.value
    owners = {mac: normal_mac(mac) for mac in piece.ids}
    known = frozenset(owners.values())
    entries: dict[str, Handed[DetectionEntry]] = {}
    parsed: dict[str, Handed[Any]] = {}
    for type_ in types:
        if type_ in POINT_TYPES:
            points = whole.entries(type_)
            if points is not None:
                handed = _handed_out(points, [each.mac_address for each in points], known)
                if handed is None:
                    return None
                entries[type_] = handed
        elif (map_ := whole.raw(type_)) is not None:
            of_map = _handed_out(map_, list(map(_mac_of, map_)), known) if isinstance(map_, list) else None
            if of_map is None:
                return None
            parsed[type_] = of_map
    return {
        mac: DetectionsAnswer(
            Detections.from_entries(
                {type_: handed.get(owner, []) for type_, handed in entries.items()},
                {type_: of_map.get(owner, []) for type_, of_map in parsed.items()},
            ),
            piece.answer.entry,
        )
        for mac, owner in owners.items()
    }


def _handed_out(items: list[T], macs: list[str | None], owners: AbstractSet[str]) -> Handed[T] | None:
    """Sort items by sensor; None if no item names one. If only some items name none, those are dropped."""
    if items and not any(macs):
        return None
    handed: Handed[T] = {}
    # A memo, since all items of a sensor mostly spell its address alike.
    of_spelling: dict[str | None, list[T] | None] = {None: None}
    for mac in set(macs):
        if mac:
            owner = normal_mac(mac)
            of_spelling[mac] = handed.setdefault(owner, []) if owner in owners else None
    for mac, item in zip(macs, items, strict=True):
        own = of_spelling.get(mac)
        if own is not None:
            own.append(item)
    return handed


def _mac_of(entry: Any) -> str | None:
    mac = entry.get("mac_address") if isinstance(entry, dict) else None
    return mac if isinstance(mac, str) else None
