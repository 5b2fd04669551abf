"""`Upstream`: reads one call through cache and single flight."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

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
    Rules,
    SingleFlight,
    Store,
)
from .background import BackgroundTasks
from .call import Answer, Call, T, body_of, key_of, lifetime_of
from .deadlines import WaiterDeadlines, within_deadline
from .dispatch import Dispatcher, Send
from .entries import CallerEntries
from .explain import asked_call, explaining, under_way
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
        self._stale_while_revalidate = stale_while_revalidate
        self._rules = rules or Rules()
        self.entries = CallerEntries(
            store, self.rights, clock, stale_if_error=stale_if_error, settled_for=self._rules.settled_for
        )
        self._dispatcher = dispatcher or Dispatcher()
        self._paths: dict[Send, str] = {
            butlr.reporting: REPORTING_PATH,
            butlr.detections: DETECTIONS_PATH,
            butlr.stats: STATS_PATH,
            butlr.native: NATIVE_PATH,
        }
        self._flights = SingleFlight()
        self._deadlines: dict[str, WaiterDeadlines] = {}
        self.background = BackgroundTasks()

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

    def _path_of(self, call: Call[Any]) -> str:
        return call.path or self._paths.get(call.send, "the API")

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    async def aclose(self) -> None:
        await self.background.aclose()
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
            noted = explain.call(self._path_of(call), body_of(call), call.about(), caller.unshared)
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
        kept = await self.entries.get(key_of(call, caller), caller)
        return kept is not None and kept.fresh_until > self.clock()

    async def _recall(self, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T] | None:
        """Return the cached answer to this call if it may be served without a call, else None."""
        if read_log.fresh:
            return None
        entry_key = key_of(call, caller)
        kept = await self.entries.get(entry_key, caller)
        now = self.clock()
        if kept and kept.fresh_until > now:
            read_log.read(kept)
            if call.refresh_after is not None and now - kept.as_of > call.refresh_after:
                self._refresh(entry_key, call, caller)
            return Answer(call.decode(kept.body), kept)
        if kept is None and self._stale_while_revalidate:
            kept = await self.entries.earlier(call, caller)
        if kept and kept.partial and now - kept.fresh_until < self._stale_while_revalidate:
            self._refresh(entry_key, call, caller)
            read_log.read(kept, stale=True)
            return Answer(call.decode(kept.body), kept)
        return None

    async def _stale(self, call: Call[T], caller: Caller, read_log: ReadLog, error: ButlrError) -> Answer[T] | None:
        """Return the stale answer that may be served after an upstream failure, else None."""
        if read_log.fresh:
            return None
        kept = await self.entries.get(key_of(call, caller), caller) or await self.entries.earlier(call, caller)
        if kept is None or not self.entries.may_stand_in(kept.fresh_until):
            return None
        log.warning("stale answer served", call=call.name, error=error.code)
        read_log.read(kept, stale=True)
        return Answer(call.decode(kept.body), kept)

    async def _in_time(self, entry_key: str, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T]:
        """Join the call's flight, or start it, and wait until the operation's deadline."""
        async with within_deadline(read_log, self._path_of(call)):
            return await self._in_one_flight(entry_key, call, caller, deadline=read_log.deadline, since=read_log.since)

    async def _in_one_flight(
        self, entry_key: str, call: Call[T], caller: Caller, *, deadline: float | None, since: float | None
    ) -> Answer[T]:
        """Make the call once in this process, and once among the replicas that share the store.

        `since` is a time of `time.monotonic`: only a call made after it will do. None: any fresh answer.
        """
        flight = f"{caller.flight} {entry_key}"
        locks = self.store.locks
        # A flight lives until the latest deadline of its waiters.
        deadlines = self._deadlines.setdefault(flight, WaiterDeadlines())
        deadlines.add(deadline)
        asked_at = None if since is None else self.clock() - (time.monotonic() - since)

        async def fetch() -> Answer[T]:
            # An answer that is not stored cannot be read by another replica, so a lock is of no use.
            if locks is None or call.kept_for == 0:
                return await self._fetch(entry_key, call, caller, deadlines)
            async with locks.turn(
                flight, entry_key, readable=lambda entry: self.rights.may_read(caller, entry.as_of), since=asked_at
            ) as entry:
                if entry is not None:
                    return Answer(call.decode(entry.body), entry)
                return await self._fetch(entry_key, call, caller, deadlines)

        try:
            return await self._flights.run(flight, fetch, since=since)
        finally:
            deadlines.remove(deadline)
            if not deadlines and self._deadlines.get(flight) is deadlines:
                del self._deadlines[flight]

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
            await self.entries.refused(caller)
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
        kept = lifetime_of(call, value, asked_at, self._rules)
        entry = Entry(
            body=reply.body,
            content_type=reply.content_type or "application/json",
            as_of=asked_at,
            fresh_until=asked_at + kept.fresh_for,
            settled_until=kept.settled_until,
            partial=kept.partial,
        )
        if kept.fresh_for > 0 and reply.packed is None:
            await self.entries.put(entry_key, entry, call, caller)
        return Answer(value, entry)

    def _refresh(self, entry_key: str, call: Call[T], caller: Caller) -> None:
        if entry_key in self.background or ((explain := explaining()) and explain.is_plan):
            return

        async def refresh() -> None:
            try:
                await self._in_one_flight(entry_key, call, caller, deadline=None, since=time.monotonic())
            except (ButlrError, FlightCancelled) as error:
                log.warning("background refresh failed", call=call.name, error=getattr(error, "code", "cancelled"))

        self.background.start(refresh(), entry_key)
