"""Loaders: many loads of one operation become few calls. Each operation has its own set, which ends with it."""

import asyncio
from dataclasses import dataclass

from ..assets import Assets, AssetSource
from ..assets.webhooks import WebhookRecord, read_webhooks
from ..auth import Caller
from ..series import DetectionsReader, Points, RowStream
from ..upstream import NotAsked, ReadLog, Upstream, explaining, part_of
from .asks import ReadOptions, ReportOf
from .budget import Budget, BudgetSpent, with_export
from .detections import DetectionsAnswer, DetectionsLoader, DetectionsOf
from .reports import ReportLoader, Reports
from .stats import StatsLoader, StatsOf

__all__ = [
    "Budget",
    "BudgetSpent",
    "DetectionsAnswer",
    "DetectionsOf",
    "Loaders",
    "Points",
    "ReadOptions",
    "ReportLoader",
    "ReportOf",
    "Reports",
    "RowStream",
    "Services",
    "StatsOf",
    "with_export",
]


@dataclass(frozen=True, slots=True)
class Services:
    """The process-wide services that the loaders of every operation read through."""

    upstream: Upstream
    reports: Reports
    detections: DetectionsReader
    assets: AssetSource
    # Butlr's own GraphQL API, if it is among the asset sources, for data that only it has.
    native: AssetSource | None = None


class Loaders:
    """The loaders of one operation of one caller."""

    def __init__(self, services: Services, caller: Caller, read_log: ReadLog, budget: Budget | None = None) -> None:
        # One moment for the whole operation, so that a relative time means the same everywhere in it.
        self.now = services.upstream.now()
        self.reports = ReportLoader(services.reports, caller, read_log, self.now, budget)
        self.detections = DetectionsLoader(services.detections, caller, read_log, self.now, budget)
        self.stats = StatsLoader(services.upstream, caller, read_log, self.assets, self.now, budget)
        self._upstream = services.upstream
        self._source = services.assets
        self._caller = caller
        self._read_log = read_log
        self._assets: asyncio.Task[Assets] | None = None

    async def assets(self) -> Assets:
        """Return all assets the caller may see, read once an operation. Raises `ButlrError`."""
        if self._assets is None:
            self._assets = asyncio.create_task(self._read_assets())
        # Shielded, since a field's error cancels its siblings, and all fields wait for this one task.
        return await asyncio.shield(self._assets)

    async def _read_assets(self) -> Assets:
        with part_of(f"the assets, by {self._source.name}", 0) as part:
            try:
                return await self._source.assets(self._caller, self._read_log)
            except NotAsked:
                if part and (explain := explaining()):
                    calls = "1 call" if part.calls == 1 else f"{part.calls} calls"
                    explain.need(f"the assets, which {self._source.name} would find in {calls}")
                raise

    async def webhooks(self) -> list[WebhookRecord]:
        """Return the webhooks that Butlr's own GraphQL API lists. Raises `ButlrError`."""
        return await read_webhooks(self._upstream, self._caller, self._read_log)

    def cancel(self) -> None:
        """Cancel all loads: the client has disconnected."""
        self.reports.cancel()
        self.detections.cancel()
        self.stats.cancel()
        if self._assets is not None:
            self._assets.cancel()
            if self._assets.done() and not self._assets.cancelled():
                self._assets.exception()
