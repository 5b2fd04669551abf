"""What a subscriber's own token sees, asked again for as long as they stay."""

import asyncio
from collections.abc import Callable

import structlog

from ..assets import Assets, AssetSource
from ..auth import Caller
from ..butlr import ButlrError, Unauthenticated
from ..upstream import ReadLog

log = structlog.get_logger(__name__)

# Of the time that a token may go unchecked: asked a little before, so that a refused one ends in time.
_EARLY = 0.8
EXPIRED = "The token has expired. Subscribe again with a new one."


class Rights:
    """The assets of one caller. All subscriptions of one token share it.

    `refused` becomes the error that ends them all: the token was refused, or has expired.
    """

    def __init__(self, source: AssetSource, caller: Caller, *, recheck: float, clock: Callable[[], float]) -> None:
        """`clock` is epoch seconds."""
        self.caller = caller
        self.refused: ButlrError | None = None
        self.watchers: set[asyncio.Event] = set()
        self._source, self._recheck, self._clock = source, recheck, clock
        self._first: asyncio.Task[Assets] | None = None
        self._assets: Assets | None = None
        self._task: asyncio.Task[None] | None = None

    async def assets(self) -> Assets:
        """Return what the caller may see. Raises `ButlrError`."""
        if self._assets is None:
            if self._first is None or self._first.done():
                self._first = asyncio.create_task(self._source.assets(self.caller, ReadLog()))
            self._assets = await asyncio.shield(self._first)
            if self._task is None:
                self._task = asyncio.create_task(self._keep())
        return self._assets

    @property
    def seen(self) -> Assets | None:
        return self._assets

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
                # Fresh: an answer from the cache would prove nothing of the token.
                self._assets = await self._source.assets(self.caller, ReadLog(fresh=True))
            except Unauthenticated as error:
                self.refuse(error)
            except ButlrError as error:
                log.warning("live.rights_unknown", code=error.code)
