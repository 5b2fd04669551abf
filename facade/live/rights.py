"""The assets that a subscriber's token may see, read again regularly while the subscription lasts."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from cachetools import LRUCache

from ..assets import Assets, AssetSource
from ..auth import Caller
from ..butlr import ButlrError, Unauthenticated
from ..upstream import ReadLog
from .events import WebhookEvent

ReadOrgs = Callable[[Caller, ReadLog], Awaitable[frozenset[str]]]

log = structlog.get_logger(__name__)

# Share of the recheck interval after which a token is checked, so that the subscriptions of a refused one end in time.
_EARLY = 0.8
VERDICTS = 1024
EXPIRED = "The token has expired. Subscribe again with a new one."


class Rights:
    """The assets that one token may see, shared by all subscriptions of the token.

    `refused` is set to the error that ends them all once the token is refused or has expired.
    """

    def __init__(
        self,
        source: AssetSource,
        caller: Caller,
        *,
        orgs: ReadOrgs | None,
        recheck: float,
        clock: Callable[[], float],
    ) -> None:
        """`clock` returns epoch seconds. `orgs` reads the token's organisations if the source does not know them."""
        self.caller = caller
        self._orgs: frozenset[str] = frozenset()
        self._read_orgs = orgs
        self.refused: ButlrError | None = None
        self.watchers: set[asyncio.Event] = set()
        self._source, self._recheck, self._clock = source, recheck, clock
        self._first: asyncio.Task[Assets] | None = None
        self._assets: Assets | None = None
        # Results of `may_see` by event id: several subscribers of a token come to the same event.
        self._verdicts: LRUCache[str, tuple[WebhookEvent, bool]] = LRUCache(VERDICTS)
        self._task: asyncio.Task[None] | None = None

    async def assets(self) -> Assets:
        """Return what the caller may see. Raises `ButlrError`."""
        if (known := self._assets) is None:
            if self._first is None or self._first.done():
                self._first = asyncio.create_task(self._read(ReadLog()))
            known = await asyncio.shield(self._first)
            self._see(known)
            if self._task is None:
                self._task = asyncio.create_task(self._keep())
        return known

    def may_see(self, event: WebhookEvent) -> bool:
        """Return whether the event's asset and organisation are the caller's.

        If the caller's organisations are unknown, an event that names one is withheld: another organisation may use
        the same asset id.
        """
        known = self._verdicts.get(event.id)
        if known is None or known[0] is not event:
            known = self._verdicts[event.id] = event, self._may_see(event)
        return known[1]

    def _may_see(self, event: WebhookEvent) -> bool:
        if self._assets is None or not event.is_about_one_of(self._assets):
            return False
        return event.org is None or event.org in self._orgs

    async def _read(self, read_log: ReadLog) -> Assets:
        assets = await self._source.assets(self.caller, read_log)
        self._orgs = frozenset(site.org_id for site in assets.sites.values() if site.org_id)
        if not self._orgs and self._read_orgs is not None:
            try:
                self._orgs = await self._read_orgs(self.caller, read_log)
            except ButlrError as error:
                log.warning("live.organization_unknown", code=error.code)
        return assets

    def _see(self, assets: Assets) -> None:
        self._assets = assets
        self._verdicts.clear()

    def refuse(self, error: ButlrError) -> None:
        self.refused = error
        for watcher in self.watchers:
            watcher.set()

    def close(self) -> None:
        for task in (self._task, self._first):
            if task is not None:
                task.cancel()

    async def _keep(self) -> None:
        while self.refused is None:
            left = None if self.caller.expires is None else self.caller.expires - self._clock()
            if left is not None and left <= 0:
                self.refuse(Unauthenticated(EXPIRED))
                return
            await asyncio.sleep(self._recheck * _EARLY if left is None else min(left, self._recheck * _EARLY))
            if left is not None and self.caller.expires is not None and self.caller.expires <= self._clock():
                continue
            try:
                # Fresh: an answer from the cache does not show that the token is still valid.
                self._see(await self._read(ReadLog(fresh=True)))
            except Unauthenticated as error:
                self.refuse(error)
            except ButlrError as error:
                log.warning("live.rights_unknown", code=error.code)
