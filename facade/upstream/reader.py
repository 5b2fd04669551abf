"""`Upstream`: reads one call through cache and single flight."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from ..auth.callers import Caller
from ..auth.reading_rights import ReadingRights
from ..butlr import (
    DETECTIONS_PATH,
    NATIVE_PATH,
    REPORTING_PATH,
    STATS_PATH,
    Butlr,
    ButlrError,
    Forbidden,
    InvalidResponse,
    RateLimited,
    Reply,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from ..cache import (
    Entry,
    FlightCancelled,
    Lifetime,
    Rules,
    SingleFlight,
    Store,
    lifetime,
    scope_prefix,
)
from .call import Answer, Call, T, body_of, key_of, span_of, written_key_of
from .dispatch import Dispatcher, Send
from .explain import asked_call, explaining, looking, under_way
from .patience import Patience, awaited
from .read_log import ReadLog

log = structlog.get_logger(__name__)
# Errors for which stale data may be served: the upstream failed, and did not refuse the caller.
UPSTREAM_FAILED = (UpstreamTimeout, UpstreamUnavailable, RateLimited, InvalidResponse)


class Upstream:
    """Reads the upstream for all callers of this process."""

    def __init__(
        self,
        butlr: Butlr,
        store: Store,
        *,
        dispatcher: Dispatcher | None = None,
        recheck: float = 300.0,
        stale_if_error: float = 3600.0,
        stale_while_revalidate: float = 0.0,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        """Take `steady` as `ReadingRights` does.

        `stale_while_revalidate` is for how many seconds after its freshness an answer whose span reaches up to now is
        still served as stale, while it is read anew in the background. 0: never.
        """
        self.butlr = butlr
        self.store = store
        self.clock = clock
        self.rights = ReadingRights(clock, steady, recheck=recheck)
        self._stale_if_error = stale_if_error
        self._stale_while_revalidate = stale_while_revalidate
        self._rules = rules or Rules()
        self._dispatcher = dispatcher or Dispatcher()
        self._paths: dict[Send, str] = {
            butlr.reporting: REPORTING_PATH,
            butlr.detections: DETECTIONS_PATH,
            butlr.stats: STATS_PATH,
            butlr.native: NATIVE_PATH,
        }
        self._flights = SingleFlight()
        self._patience: dict[str, Patience] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._refreshing: set[str] = set()

    @property
    def rules(self) -> Rules:
        return self._rules

    @property
    def state(self) -> str:
        return self._dispatcher.state

    @property
    def traffic(self) -> Dispatcher:
        """Return the dispatcher, for metrics."""
        return self._dispatcher

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    async def aclose(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._flights.aclose()

    def may_retry(self, path: str) -> bool:
        """Return whether the endpoint's retry budget has a call left, and take it if so."""
        return self._dispatcher.may_retry(path)

    async def read(self, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T]:
        """Return the answer to `call`: from the cache while fresh, else by one call that concurrent callers share.

        Raises the `ButlrError` of the call where no stale answer may be served.
        """
        kept = await self._recall(call, caller, read_log)
        if kept is not None:
            return kept
        explain = explaining()
        noted = None
        if explain is not None:
            path = call.path or self._paths.get(call.send, "the API")
            noted = explain.call(path, body_of(call), call.about(), caller.unshared)
            if explain.is_plan:
                raise await explain.not_asked()
        read_log.called()
        began = time.perf_counter()
        try:
            with under_way(noted):
                answer = await self._in_time(key_of(call, caller), call, caller, read_log)
        except UPSTREAM_FAILED as error:
            stale = await self._stale(call, caller, read_log, error)
            if stale is None:
                raise
            if noted is not None:
                noted.cache = "STALE"
            return stale
        finally:
            read_log.waited(call.name, time.perf_counter() - began)
        read_log.read(answer.entry)
        return answer

    async def is_kept(self, call: Call[T], caller: Caller) -> bool:
        """Return whether the cache has a fresh answer to this call."""
        kept = await self._kept(key_of(call, caller), caller)
        return kept is not None and kept.fresh_until > self.clock()

    async def _recall(self, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T] | None:
        """Return the cached answer to this call if it may be served without a call, else None."""
        if read_log.fresh:
            return None
        entry_key = key_of(call, caller)
        kept = await self._kept(entry_key, caller)
        now = self.clock()
        if kept and kept.fresh_until > now:
            read_log.read(kept)
            if call.refresh_after is not None and now - kept.as_of > call.refresh_after:
                self._refresh(entry_key, call, caller)
            return Answer(call.decode(kept.body), kept)
        if kept is None and self._stale_while_revalidate:
            kept = await self._earlier(call, caller)
        if kept and kept.partial and now - kept.fresh_until < self._stale_while_revalidate:
            self._refresh(entry_key, call, caller)
            read_log.read(kept, stale=True)
            return Answer(call.decode(kept.body), kept)
        return None

    async def _stale(self, call: Call[T], caller: Caller, read_log: ReadLog, error: ButlrError) -> Answer[T] | None:
        """Return the stale answer that may be served after an upstream failure, else None."""
        if read_log.fresh:
            return None
        kept = await self._kept(key_of(call, caller), caller) or await self._earlier(call, caller)
        if kept is None or not self.may_stand_in(kept.fresh_until):
            return None
        log.warning("stale answer served", call=call.name, error=error.code)
        read_log.read(kept, stale=True)
        return Answer(call.decode(kept.body), kept)

    def may_stand_in(self, fresh_until: float) -> bool:
        """Return whether data that was fresh until then may be served as stale while the upstream fails."""
        return self.clock() - fresh_until <= self._stale_if_error

    async def _earlier(self, call: Call[T], caller: Caller) -> Entry | None:
        """Return the entry of an earlier answer to the same relative times."""
        if call.written is None:
            return None
        pointer = await self._kept(written_key_of(call, caller), caller)
        return await self._kept(pointer.body.decode(), caller) if pointer else None

    async def kept_many(self, keys: Sequence[str], caller: Caller, *, shared: bool = False) -> list[Entry | None]:
        """Return the entries, fresh or not, that this caller may read now.

        With `shared` they come from the shared store, also where this process's memory has the key.
        """
        if self.rights.has_expired(caller):
            return [None] * len(keys)
        with looking():
            entries = await (self.store.get_shared(keys) if shared else self.store.get_many(keys))
        return [entry if entry is not None and self.rights.may_read(caller, entry.as_of) else None for entry in entries]

    async def keep_many(self, entries: Sequence[tuple[str, Entry]], caller: Caller) -> None:
        """Store entries if the caller may still read them, for as long as they may be served as stale."""
        ttl = self._rules.settled_for + self._stale_if_error
        may_read = self.rights.may_read
        await self.store.set_many([(key, entry, ttl) for key, entry in entries if may_read(caller, entry.as_of)])

    async def _in_time(self, entry_key: str, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T]:
        """Join the call's flight, or start it, and wait until the operation's deadline."""
        async with awaited(read_log):
            return await self._flown(entry_key, call, caller, deadline=read_log.deadline, since=read_log.since)

    async def _flown(
        self, entry_key: str, call: Call[T], caller: Caller, *, deadline: float | None, since: float | None
    ) -> Answer[T]:
        """Make the call once in this process, and once among the replicas that share the store.

        `since` is a time of `time.monotonic`: only a call made after it will do. None: any fresh answer.
        """
        flight = f"{caller.flight} {entry_key}"
        locks = self.store.locks
        # A flight lives until the latest deadline of its waiters.
        patience = self._patience.setdefault(flight, Patience())
        patience.add(deadline)
        asked_at = None if since is None else self.clock() - (time.monotonic() - since)

        async def fetch() -> Answer[T]:
            # An answer that is not stored cannot be read by another replica, so a lock is of no use.
            if locks is None or call.kept_for == 0:
                return await self._fetch(entry_key, call, caller, patience)
            async with locks.turn(
                flight, entry_key, readable=lambda entry: self.rights.may_read(caller, entry.as_of), since=asked_at
            ) as entry:
                if entry is not None:
                    return Answer(call.decode(entry.body), entry)
                return await self._fetch(entry_key, call, caller, patience)

        try:
            return await self._flights.run(flight, fetch, since=since)
        finally:
            patience.remove(deadline)
            if not patience and self._patience.get(flight) is patience:
                del self._patience[flight]

    async def dispatch(
        self,
        send: Send,
        body: bytes,
        caller: Caller,
        *,
        path: str | None = None,
        deadline: Callable[[], float | None] | None = None,
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:
        """Send one call, as `Dispatcher.send` does, and note whether the upstream accepts the caller's token.

        `path` is needed where `send` is not a method of Butlr's client. `check` raises for a 2xx that is not a valid
        answer: a proxy's page does not prove that a token is valid.
        """
        path = path or self._paths.get(send, "the API")
        asked_at = self.clock()
        try:
            reply = await self._dispatcher.send(path, send, body, caller, deadline)
        except Unauthenticated:
            # Only a 401 drops the scope: a 403 is about the requested data, not about the token.
            await self._refused(caller)
            raise
        if check:
            check(reply)
        self.rights.note_taken(caller, asked_at)
        return reply

    async def _fetch(
        self, entry_key: str, call: Call[T], caller: Caller, deadline: Callable[[], float | None]
    ) -> Answer[T]:
        asked_at = self.clock()
        body = body_of(call)
        values: list[T] = []
        try:
            reply = await self.dispatch(
                call.send,
                body,
                caller,
                path=call.path,
                deadline=deadline,
                check=lambda reply: values.append(call.decode(reply.content)),
            )
        except Forbidden:
            # The earlier answer to this call may not be read any more; other entries may.
            await self.store.delete(entry_key)
            raise
        [value] = values
        if noted := asked_call():
            noted.rows = call.rows(value)
        kept = self._lifetime(call, value, asked_at)
        entry = Entry(
            body=reply.body,
            content_type=reply.content_type or "application/json",
            as_of=asked_at,
            fresh_until=asked_at + kept.fresh_for,
            settled_until=kept.settled_until,
            partial=kept.partial,
        )
        if kept.fresh_for > 0 and reply.packed is None and self.rights.may_read(caller, entry.as_of):
            ttl = kept.fresh_for + self._stale_if_error
            await self.store.set(entry_key, entry, ttl=ttl)
            if call.written is not None:
                pointer = replace(entry, body=entry_key.encode(), content_type="text/plain")
                await self.store.set(written_key_of(call, caller), pointer, ttl=ttl)
        return Answer(value, entry)

    def _lifetime(self, call: Call[T], value: T, now: float) -> Lifetime:
        if call.kept_for is not None:
            return Lifetime(fresh_for=call.kept_for, settled_until=None, partial=True)
        span = span_of(call)
        window = float(call.windows.seconds) if call.windows else None
        newest = None
        if span and span.last and span.last <= now < self._rules.settled_at(span.last, window, None):
            # Looked up only where it matters, since it takes decoding the answer's times.
            newest = call.newest(value)
        return lifetime(span, window, now, rules=self._rules, empty=call.empty(value), newest=newest)

    async def _kept(self, entry_key: str, caller: Caller) -> Entry | None:
        """Return the cached entry, fresh or not, if this caller may read it now."""
        if self.rights.has_expired(caller):
            return None
        with looking():
            entry = await self.store.get(entry_key)
        return entry if entry is not None and self.rights.may_read(caller, entry.as_of) else None

    async def _refused(self, caller: Caller) -> None:
        """Drop all entries of a refused token's scope, in every replica that shares the store.

        Entries of the scope's other tokens go as well and are read anew: which token brought an entry is not stored.
        """
        if self.rights.note_refused(caller):
            await self.store.drop(scope_prefix(caller.scope))

    def _refresh(self, entry_key: str, call: Call[T], caller: Caller) -> None:
        if entry_key in self._refreshing or ((explain := explaining()) and explain.is_plan):
            return

        async def refresh() -> None:
            try:
                await self._flown(entry_key, call, caller, deadline=None, since=time.monotonic())
            except (ButlrError, FlightCancelled) as error:
                log.warning("background refresh failed", call=call.name, error=getattr(error, "code", "cancelled"))

        def done(task: asyncio.Task[None]) -> None:
            self._background.discard(task)
            self._refreshing.discard(entry_key)

        task = asyncio.create_task(refresh())
        self._background.add(task)
        self._refreshing.add(entry_key)
        task.add_done_callback(done)
