"""`Upstream`: one read of one call, by way of cache and single flight."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog

from ..butlr import (
    Butlr,
    ButlrError,
    Forbidden,
    InvalidResponse,
    RateLimited,
    Reply,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
    resolve,
)
from ..cache import Entry, Lifetime, Rules, SingleFlight, Span, Store, canonical, key, lifetime, scope_prefix
from .callers import Caller
from .ledger import Ledger

log = structlog.get_logger(__name__)

T = TypeVar("T")

# What an older answer may stand in for: the upstream failed, and did not refuse the caller.
UPSTREAM_FAILED = (UpstreamTimeout, UpstreamUnavailable, RateLimited, InvalidResponse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One ask of the upstream.

    `asked` is the body as the caller wrote it, and the cache's key; `body` makes the one to send from it and the
    present time. `decode` turns a 2xx body into a value, or raises `InvalidResponse`, which keeps the body out of
    the cache; `empty` says whether a value is an answer without points.
    """

    name: str
    send: Callable[[bytes, str], Awaitable[Reply]]
    asked: Mapping[str, Any]
    decode: Callable[[bytes], T]
    span: tuple[str | None, str | None] | None = None
    window: float | None = None
    body: Callable[[Mapping[str, Any], datetime], Mapping[str, Any]] | None = None
    empty: Callable[[T], bool] = lambda _: False
    kept_for: float | None = None
    refresh_after: float | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    value: T
    entry: Entry


class Upstream:
    """Reads the upstream for all callers of this process."""

    def __init__(
        self,
        butlr: Butlr,
        store: Store,
        *,
        concurrency: int = 16,
        recheck: float = 300.0,
        stale_if_error: float = 3600.0,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.butlr = butlr
        self.store = store
        self.clock = clock
        self._recheck = recheck
        self._stale_if_error = stale_if_error
        self._rules = rules or Rules()
        self._slots = asyncio.Semaphore(concurrency)
        self._flights = SingleFlight()
        self._accepted: OrderedDict[str, float] = OrderedDict()
        self._background: set[asyncio.Task[None]] = set()
        self.state = "unknown"

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    async def aclose(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._flights.aclose()

    async def read(self, call: Call[T], caller: Caller, ledger: Ledger) -> Answer[T]:
        """Return the answer to `call`: cached while fresh, else asked once however many wait for it.

        Raises the `ButlrError` of the call where no cached answer may stand in for it.
        """
        entry_key = key(caller.scope, call.name, canonical(call.asked))
        kept = None if ledger.fresh else await self._kept(entry_key, caller)
        now = self.clock()
        if kept and kept.fresh_until > now:
            ledger.read(kept)
            if call.refresh_after is not None and now - kept.as_of > call.refresh_after:
                self._refresh(entry_key, call, caller)
            return Answer(call.decode(kept.body), kept)
        ledger.called()
        try:
            answer = await self._flights.run(entry_key, lambda: self._fetch(entry_key, call, caller))
        except UPSTREAM_FAILED as error:
            if kept is None or now - kept.fresh_until > self._stale_if_error:
                raise
            log.warning("stale answer served", call=call.name, error=error.code)
            ledger.read(kept, stale=True)
            return Answer(call.decode(kept.body), kept)
        ledger.read(answer.entry)
        return answer

    async def exchange(self, send: Callable[[bytes, str], Awaitable[Reply]], body: bytes, caller: Caller) -> Reply:
        """Send one call under the caller's token; on a 401 once more with a new one where there can be one."""
        async with self._slots:
            token = await caller.token()
            try:
                reply = await send(body, token)
            except Unauthenticated:
                if not caller.renew(token):
                    await self._refused(caller)
                    raise
                try:
                    reply = await send(body, await caller.token())
                except (Unauthenticated, Forbidden):
                    await self._refused(caller)
                    raise
            except Forbidden:
                await self._refused(caller)
                raise
            except (UpstreamTimeout, UpstreamUnavailable, InvalidResponse) as error:
                self.state = f"failing: {error.code}"
                raise
        self.state = "ok"
        self._accept(caller)
        return reply

    async def _fetch(self, entry_key: str, call: Call[T], caller: Caller) -> Answer[T]:
        asked_at = self.clock()
        now = datetime.fromtimestamp(asked_at, UTC)
        body = canonical(call.body(call.asked, now) if call.body else call.asked)
        reply = await self.exchange(call.send, body, caller)
        value = call.decode(reply.body)
        kept = self._lifetime(call, call.empty(value), now)
        entry = Entry(
            body=reply.body,
            content_type=reply.content_type or "application/json",
            as_of=asked_at,
            fresh_until=asked_at + kept.fresh_for,
            settled_until=kept.settled_until,
            partial=kept.partial,
        )
        if kept.fresh_for > 0:
            await self.store.set(entry_key, entry, ttl=kept.fresh_for + self._stale_if_error)
        return Answer(value, entry)

    def _lifetime(self, call: Call[T], empty: bool, now: datetime) -> Lifetime:
        if call.kept_for is not None:
            return Lifetime(fresh_for=call.kept_for, settled_until=None, partial=True)
        span = None
        if call.span is not None:
            start, stop = (resolve(time_, now).timestamp() if time_ else None for time_ in call.span)
            span = Span(start if start is not None else now.timestamp(), stop)
        return lifetime(span, call.window, now.timestamp(), rules=self._rules, empty=empty)

    async def _kept(self, entry_key: str, caller: Caller) -> Entry | None:
        """The cached entry, fresh or not, that this caller may read now."""
        now = self.clock()
        if caller.expires is not None and caller.expires <= now:
            return None
        if caller.verified:
            return await self.store.get(entry_key)
        entry = await self.store.get(entry_key)
        if entry is None:
            return None
        # The entry itself proves that the upstream took this token when it was read.
        proven = max(entry.as_of, self._accepted.get(caller.scope, 0.0))
        return entry if now - proven <= self._recheck else None

    def accepted(self, caller: Caller) -> bool:
        """Whether the caller may read local data: verified, or taken by the upstream a short while ago."""
        now = self.clock()
        if caller.expires is not None and caller.expires <= now:
            return False
        return caller.verified or now - self._accepted.get(caller.scope, 0.0) <= self._recheck

    def _accept(self, caller: Caller) -> None:
        self._accepted[caller.scope] = self.clock()
        self._accepted.move_to_end(caller.scope)
        if len(self._accepted) > 10_000:
            self._accepted.popitem(last=False)

    async def _refused(self, caller: Caller) -> None:
        """Drop all that a refused token had cached, in every replica that shares the store."""
        self._accepted.pop(caller.scope, None)
        if not caller.verified:
            await self.store.drop(scope_prefix(caller.scope))

    def _refresh(self, entry_key: str, call: Call[T], caller: Caller) -> None:
        async def refresh() -> None:
            try:
                await self._flights.run(entry_key, lambda: self._fetch(entry_key, call, caller))
            except ButlrError as error:
                log.warning("background refresh failed", call=call.name, error=error.code)

        task = asyncio.create_task(refresh())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
