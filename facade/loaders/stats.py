"""Statistics of many places: one call for all loads of one timezone that differ only in the place."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from ..assets import Assets
from ..auth import Caller
from ..butlr import ButlrError
from ..cache import canonical
from ..series import Body, Stats, read_stats, resolve_span, why_apart
from ..upstream import ReadLog, Upstream, part_of
from .batch import Batch
from .budget import Budget, BudgetSpent

StatsValues = Mapping[str, float | None]


class StatsOf(NamedTuple):
    """Statistics of one place: `body` is the REST body without `items`."""

    item: str
    body: bytes

    @classmethod
    def make_many(cls, items: Iterable[str], body: Body) -> list["StatsOf"]:
        written = canonical(body)
        return [cls(item, written) for item in items]


class StatsLoader:
    """Loads statistics by place, and splits the answer by place."""

    def __init__(
        self,
        upstream: Upstream,
        caller: Caller,
        read_log: ReadLog,
        assets: Callable[[], Awaitable[Assets]],
        now: datetime,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget or Budget()
        self._upstream = upstream
        self._caller = caller
        self._read_log = read_log
        self._assets = assets
        self._now = now
        self._batch: Batch[StatsOf, StatsValues | None] = Batch(self._load)
        self.load_many = self._batch.load_many
        self.cancel = self._batch.cancel

    async def whole(self, body: Body, why: Sequence[str] = ()) -> Stats:
        """Return the answer to a body as the client wrote it. Raises `ButlrError` and `BudgetSpent`."""
        self._budget.stats(len(body["items"]), len(body["measurements"]))
        query = resolve_span(body, self._now)
        with part_of("statistics", len(body["items"]), lambda: why):
            answer = await read_stats(self._upstream, query, self._caller, self._read_log)
        return answer.value

    async def _load(self, keys: Sequence[StatsOf]) -> Mapping[StatsOf, StatsValues | Exception | None]:
        assets = await self._assets()
        # All items of a call must lie in one timezone.
        alike: dict[tuple[str, bytes], list[str]] = defaultdict(list)
        for key in keys:
            alike[assets.timezone_of(key.item) or "", key.body].append(key.item)

        why = why_apart([{"timezone": timezone, **orjson.loads(body)} for timezone, body in alike])

        async def load_alike(body: Body, items: Sequence[str]) -> Stats | Exception:
            try:
                return await self.whole({**body, "items": sorted(items)}, why)
            except (ButlrError, BudgetSpent) as error:
                return error

        answers = await asyncio.gather(*(load_alike(orjson.loads(body), items) for (_, body), items in alike.items()))
        loaded: dict[StatsOf, StatsValues | Exception | None] = {}
        for ((_, body), items), answer in zip(alike.items(), answers, strict=True):
            for item in items:
                loaded[StatsOf(item, body)] = answer if isinstance(answer, Exception) else answer.get(item)
        return loaded
