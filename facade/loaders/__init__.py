"""Many asks become few: one set of loaders an operation, which never outlives it."""

import asyncio
from dataclasses import dataclass

from ..assets import Assets, AssetSource
from ..upstream import Caller, Ledger, Reports, Sightings, Upstream
from .detections import DetectionsAnswer, DetectionsLoader, DetectionsOf
from .reports import ReportAnswer, ReportLoader, ReportOf
from .stats import StatsLoader, StatsOf

__all__ = [
    "DetectionsAnswer",
    "DetectionsOf",
    "Loaders",
    "ReportAnswer",
    "ReportLoader",
    "ReportOf",
    "Services",
    "StatsOf",
]


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process, and what the loaders of every operation read through."""

    upstream: Upstream
    reports: Reports
    sightings: Sightings
    assets: AssetSource


class Loaders:
    """The loaders of one operation of one caller."""

    def __init__(self, services: Services, caller: Caller, ledger: Ledger) -> None:
        self.reports = ReportLoader(services.reports, caller, ledger)
        self.detections = DetectionsLoader(services.sightings, caller, ledger, services.upstream.now)
        self.stats = StatsLoader(services.upstream, caller, ledger, self.assets)
        self._source = services.assets
        self._caller = caller
        self._ledger = ledger
        self._assets: asyncio.Task[Assets] | None = None

    async def assets(self) -> Assets:
        """Return all assets the caller may see, read once an operation. Raises `ButlrError`."""
        if self._assets is None:
            self._assets = asyncio.create_task(self._source.assets(self._caller, self._ledger))
        # A field's error cancels its siblings, and they all wait for this one task.
        return await asyncio.shield(self._assets)

    def cancel(self) -> None:
        """Stop what is under way: the client has gone."""
        self.reports.cancel()
        self.detections.cancel()
        self.stats.cancel()
        if self._assets is not None:
            self._assets.cancel()
            if self._assets.done() and not self._assets.cancelled():
                self._assets.exception()
