"""Several sources of assets as one: for each field the first source that knows it wins."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from pathlib import Path

import structlog

from ..auth import Caller
from ..butlr import ButlrError, Unauthenticated
from ..cache import SingleFlight
from ..series import Labels
from ..upstream import NotAsked, ReadLog, Upstream
from .graph import Assets
from .source import AssetSource
from .sources.discovery import Discovery
from .sources.inventory import Inventory
from .sources.native import Native
from .token_probe import TokenProbe

log = structlog.get_logger(__name__)

SOURCES = ("discovery", "inventory", "native")
MERGES_KEPT = 32


class Composed:
    """Several sources as one, in their order."""

    def __init__(self, sources: Sequence[AssetSource]) -> None:
        self.name = ",".join(source.name for source in sources)
        self.parts = tuple(sources)
        self.knows = frozenset().union(*(source.knows for source in sources))
        # Keyed by the identities of the parts, which are kept alive beside the result so that none is reused.
        self._merged: OrderedDict[tuple[int, ...], tuple[list[Assets], Assets]] = OrderedDict()
        self._flights = SingleFlight()

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        """Return what all sources know. A source that fails is skipped if another one answers.

        Raises `Unauthenticated` if any source does, and the first source's `ButlrError` if all fail.
        """
        answers = await self._ask_all(caller, read_log)
        refusal = next((each for each in answers if isinstance(each, Unauthenticated)), None)
        if refusal:
            raise refusal
        parts = [each for each in answers if isinstance(each, Assets)]
        if not parts:
            raise next(each for each in answers if isinstance(each, ButlrError))
        known: set[str] = set()
        failed: dict[str, ButlrError] = {}
        for source, answer in zip(self.parts, answers, strict=True):
            if isinstance(answer, ButlrError):
                log.warning("assets without one of their sources", source=source.name, error=answer.code)
                failed = {**dict.fromkeys(source.knows, answer), **failed}
            else:
                known |= source.knows - answer.failed.keys()
                failed = {**answer.failed, **failed}
        return await self._merge(parts, {kind: error for kind, error in failed.items() if kind not in known})

    async def _ask_all(self, caller: Caller, read_log: ReadLog) -> list[Assets | ButlrError]:
        answers: dict[str, Assets | ButlrError] = {}

        async def ask(source: AssetSource) -> None:
            try:
                answers[source.name] = await source.assets(caller, read_log)
            except ButlrError as error:
                answers[source.name] = error

        # The calls of other sources prove the caller's token, so the inventory then needs no probe of its own.
        local = [source for source in self.parts if isinstance(source, Inventory)]
        for together in ([source for source in self.parts if source not in local], local):
            await asyncio.gather(*map(ask, together))
            if planned := next((each for each in answers.values() if isinstance(each, NotAsked)), None):
                # The source did not fail: a plan makes no calls, so its assets are not known.
                raise planned
        return [answers[source.name] for source in self.parts]

    async def _merge(self, parts: list[Assets], failed: dict[str, ButlrError]) -> Assets:
        key = tuple(map(id, parts))
        known = self._merged.get(key)
        if known is None:
            # The flight's result is returned and not looked up again, since it may be evicted by then.
            return await self._flights.run(str(key), lambda: self._put_together(key, parts, failed))
        self._merged.move_to_end(key)
        return known[1]

    async def _put_together(self, key: tuple[int, ...], parts: list[Assets], failed: dict[str, ButlrError]) -> Assets:
        # In a thread, since ten thousand records take a tenth of a second.
        merged = (await asyncio.to_thread(reduce, Assets.filled_from, parts)).without(failed)
        self._merged[key] = (parts, merged)
        if len(self._merged) > MERGES_KEPT:
            self._merged.popitem(last=False)
        return merged


def build_source(
    names: Iterable[str],
    *,
    upstream: Upstream,
    labels: Labels | None = None,
    discovery_span: timedelta = timedelta(days=7),
    inventory_path: Path | str | None = None,
) -> AssetSource:
    """Open the source or sources of the setting FACADE_ASSETS.

    Raises ValueError (`InventoryError` for the file) with one line that names the setting or the file.
    """
    wanted = list(dict.fromkeys(names))
    check_names(wanted, inventory_path=inventory_path)
    sources: list[AssetSource] = []
    for name in wanted:
        if name == "discovery":
            sources.append(Discovery(upstream, labels or Labels(), span=discovery_span))
        elif name == "inventory" and inventory_path:
            sources.append(Inventory(inventory_path, TokenProbe(upstream)))
        else:
            sources.append(Native(upstream))
    return sources[0] if len(sources) == 1 else Composed(sources)


def sources_of(kind: str) -> list[str]:
    """Return the names of the sources that can know a kind of asset, the most complete first."""
    return [source.name for source in (Native, Inventory, Discovery) if kind in source.knows]


def part_of(source: AssetSource, name: str) -> AssetSource | None:
    """Return the source of a name, which is `source` itself or one of its parts; None if there is none."""
    parts = source.parts if isinstance(source, Composed) else (source,)
    return next((part for part in parts if part.name == name), None)


def check_names(names: Sequence[str], *, inventory_path: Path | str | None) -> None:
    """Check the names as `build_source` does, without reading the file. Raises ValueError with one line."""
    accepted = f"one or more of {', '.join(SOURCES)}"
    if not names:
        raise ValueError(f"FACADE_ASSETS: no source is named; use {accepted}")
    for name in names:
        if name not in SOURCES:
            raise ValueError(f"FACADE_ASSETS: {name!r} is not a source; use {accepted}")
    if "inventory" in names and not inventory_path:
        raise ValueError("FACADE_INVENTORY: FACADE_ASSETS=inventory reads this file, so it must be set")
