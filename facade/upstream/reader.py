"""`Upstream`: one read of one call, by way of cache and single flight."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog

from ..auth.callers import Caller, Service
from ..auth.token_proofs import Proofs, remember
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
    Windows,
)
from ..cache import (
    Entry,
    FlightCancelled,
    Lifetime,
    Rules,
    SingleFlight,
    Span,
    Store,
    canonical,
    key,
    lifetime,
    scope_prefix,
)
from .dispatch import Dispatcher, Send
from .explain import About, asked_call, explaining, looking, under_way
from .read_log import ReadLog

log = structlog.get_logger(__name__)

T = TypeVar("T")

# What an older answer may stand in for: the upstream failed, and did not refuse the caller.
UPSTREAM_FAILED = (UpstreamTimeout, UpstreamUnavailable, RateLimited, InvalidResponse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One ask of the upstream.

    `asked` is the body with its times resolved, and the cache's key; `body` makes the one to send from it. `written` is
    the body as the caller wrote it, where its times are relative: by it an older answer is found that may stand in.
    `decode` turns a 2xx body into a value, or raises `InvalidResponse`, which keeps the body out of the cache; `empty`
    says whether a value is an answer without points, and `newest` the end of the newest window in it.
    """

    name: str
    send: Send
    asked: Mapping[str, Any]
    decode: Callable[[bytes], T]
    span: tuple[datetime, datetime | None] | None = None
    windows: Windows | None = None
    body: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    written: Mapping[str, Any] | None = None
    empty: Callable[[T], bool] = lambda _: False
    newest: Callable[[T], float | None] = lambda _: None
    path: str | None = None
    kept_for: float | None = None
    refresh_after: float | None = None
    # For an operation that is explained.
    about: Callable[[], About] = About
    rows: Callable[[T], int | None] = lambda _: None


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
        dispatcher: Dispatcher | None = None,
        recheck: float = 300.0,
        stale_if_error: float = 3600.0,
        stale_while_revalidate: float = 0.0,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        """`steady` is a clock that is never set: `time.monotonic` beside the clock of the machine.

        `stale_while_revalidate`: for so many seconds after its freshness an answer that reaches into now is still
        served, as stale, while it is read anew behind it. 0: never, for who asks about now means now.
        """
        self.butlr = butlr
        self.store = store
        self.clock = clock
        self._proofs = Proofs(clock, steady or (time.monotonic if clock is time.time else clock), recheck=recheck)
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
        self._refused_at: OrderedDict[str, float] = OrderedDict()
        # Tokens that were verified, and then refused by the upstream: by `flight`, until it takes them again.
        self._distrusted: OrderedDict[str, float] = OrderedDict()
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
        """What sends the calls, for those who count."""
        return self._dispatcher

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    async def aclose(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._flights.aclose()

    def may_retry(self, path: str) -> bool:
        """Whether the endpoint's retry budget has a call left; if so, it is taken."""
        return self._dispatcher.may_retry(path)

    async def read(self, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T]:
        """Return the answer to `call`: cached while fresh, else asked once however many wait for it.

        Raises the `ButlrError` of the call where no cached answer may stand in for it.
        """
        kept = await self._recall(call, caller, read_log)
        if kept is not None:
            return kept
        explain = explaining()
        noted = None
        if explain is not None:
            path = call.path or self._paths.get(call.send, "the API")
            noted = explain.call(path, _body(call), call.about(), caller.unshared)
            if explain.is_plan:
                raise await explain.not_asked()
        read_log.called()
        began = time.perf_counter()
        try:
            with under_way(noted):
                answer = await self._in_time(_key(call, caller), call, caller, read_log)
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
        """Whether the answer to just this call is kept and fresh."""
        kept = await self._kept(_key(call, caller), caller)
        return kept is not None and kept.fresh_until > self.clock()

    async def _recall(self, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T] | None:
        """Return the answer to just this call that is kept, where it may be served without asking."""
        if read_log.fresh:
            return None
        entry_key = _key(call, caller)
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
        """Return the older answer that may stand in for one that the upstream failed to give."""
        if read_log.fresh:
            return None
        kept = await self._kept(_key(call, caller), caller) or await self._earlier(call, caller)
        if kept is None or not self.may_stand_in(kept.fresh_until):
            return None
        log.warning("stale answer served", call=call.name, error=error.code)
        read_log.read(kept, stale=True)
        return Answer(call.decode(kept.body), kept)

    def may_stand_in(self, fresh_until: float) -> bool:
        """Whether what was fresh until then may be served while the upstream fails."""
        return self.clock() - fresh_until <= self._stale_if_error

    async def _earlier(self, call: Call[T], caller: Caller) -> Entry | None:
        """The entry of what the same relative times came to before."""
        if call.written is None:
            return None
        pointer = await self._kept(_written_key(call, caller), caller)
        return await self._kept(pointer.body.decode(), caller) if pointer else None

    async def kept_many(self, keys: Sequence[str], caller: Caller) -> list[Entry | None]:
        """The entries, fresh or not, that this caller may read now."""
        if caller.expires is not None and caller.expires <= self.clock():
            return [None] * len(keys)
        with looking():
            entries = await self.store.get_many(keys)
        return [entry if entry is not None and self._may_read(caller, entry.as_of) else None for entry in entries]

    async def keep_many(self, entries: Sequence[tuple[str, Entry]], caller: Caller) -> None:
        """Store entries where the caller may still read them, for as long as they may stand in for newer ones."""
        ttl = self._rules.settled_for + self._stale_if_error
        await self.store.set_many([(key, entry, ttl) for key, entry in entries if self._may_read(caller, entry.as_of)])

    async def _in_time(self, entry_key: str, call: Call[T], caller: Caller, read_log: ReadLog) -> Answer[T]:
        """One flight, however many wait, and each only until its own operation's deadline."""
        async with awaited(read_log):
            return await self._flown(entry_key, call, caller, deadline=read_log.deadline, since=read_log.since)

    async def _flown(
        self, entry_key: str, call: Call[T], caller: Caller, *, deadline: float | None, since: float | None
    ) -> Answer[T]:
        """One flight in this process, and one among the replicas that share the store.

        `since` is a time of `time.monotonic`: only a call that was made later will do; None: any answer that is fresh.
        """
        flight = f"{caller.flight} {entry_key}"
        locks = self.store.locks
        # A flight lives as long as the most patient of those who wait for it.
        patience = self._patience.setdefault(flight, Patience())
        patience.add(deadline)
        asked_at = None if since is None else self.clock() - (time.monotonic() - since)

        async def fetch() -> Answer[T]:
            # What is not kept, no other replica could read.
            if locks is None or call.kept_for == 0:
                return await self._fetch(entry_key, call, caller, patience)
            async with locks.turn(
                flight, entry_key, readable=lambda entry: self._may_read(caller, entry.as_of), since=asked_at
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

    async def dispatcher(
        self,
        send: Send,
        body: bytes,
        caller: Caller,
        *,
        path: str | None = None,
        deadline: Callable[[], float | None] | None = None,
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:
        """Send one call, as `Dispatcher.send` does, and note whether the upstream takes the caller's token.

        `path` is for a `send` that is none of Butlr's own methods. `check` raises for a 2xx that is no answer: a
        proxy's page proves nothing of a token.
        """
        path = path or self._paths.get(send, "the API")
        asked_at = self.clock()
        try:
            reply = await self._dispatcher.send(path, send, body, caller, deadline)
        except Unauthenticated:
            # A 403 is about what was asked for, and costs that alone.
            await self._refused(caller)
            raise
        if check:
            check(reply)
        self._accept(caller, asked_at)
        return reply

    async def _fetch(
        self, entry_key: str, call: Call[T], caller: Caller, deadline: Callable[[], float | None]
    ) -> Answer[T]:
        asked_at = self.clock()
        body = _body(call)
        values: list[T] = []
        try:
            reply = await self.dispatcher(
                call.send,
                body,
                caller,
                path=call.path,
                deadline=deadline,
                check=lambda reply: values.append(call.decode(reply.content)),
            )
        except Forbidden:
            # What the same ask brought before may not be read any more; all else may.
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
        if kept.fresh_for > 0 and reply.packed is None and self._may_read(caller, entry.as_of):
            ttl = kept.fresh_for + self._stale_if_error
            await self.store.set(entry_key, entry, ttl=ttl)
            if call.written is not None:
                pointer = replace(entry, body=entry_key.encode(), content_type="text/plain")
                await self.store.set(_written_key(call, caller), pointer, ttl=ttl)
        return Answer(value, entry)

    def _lifetime(self, call: Call[T], value: T, now: float) -> Lifetime:
        if call.kept_for is not None:
            return Lifetime(fresh_for=call.kept_for, settled_until=None, partial=True)
        span = _span(call)
        window = float(call.windows.seconds) if call.windows else None
        newest = None
        if span and span.last and span.last <= now < self._rules.settled_at(span.last, window, None):
            # Only then does it matter, and to look for it is to decode the answer's times.
            newest = call.newest(value)
        return lifetime(span, window, now, rules=self._rules, empty=call.empty(value), newest=newest)

    async def _kept(self, entry_key: str, caller: Caller) -> Entry | None:
        """The cached entry, fresh or not, that this caller may read now."""
        if caller.expires is not None and caller.expires <= self.clock():
            return None
        with looking():
            entry = await self.store.get(entry_key)
        return entry if entry is not None and self._may_read(caller, entry.as_of) else None

    def may_repeat(self, caller: Caller, as_of: float, proven: float | None) -> bool:
        """Whether an answer made for the caller from parts no older than `as_of` may be given to them again.

        `proven` is when the upstream took the caller's token for one of its parts; None where all of it is local.
        """
        if caller.expires is not None and caller.expires <= self.clock():
            return False
        return self._may_read(caller, as_of, 0.0 if proven is None else proven)

    def _may_read(self, caller: Caller, as_of: float, proven: float | None = None) -> bool:
        if as_of <= self._refused_at.get(caller.scope, 0.0):
            # Asked for before the refusal, and answered or stored after it.
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        # An entry itself proves that the upstream took this token when it was read.
        return self._proofs.holds(caller.scope) or self._proofs.is_recent(as_of if proven is None else proven)

    def accepted(self, caller: Caller) -> bool:
        """Whether the caller may read local data: verified, or taken by the upstream a short while ago."""
        if caller.expires is not None and caller.expires <= self.clock():
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        return self._proofs.holds(caller.scope)

    def _accept(self, caller: Caller, asked_at: float) -> None:
        self._proofs.note(caller.scope)
        if self._distrusted and asked_at > self._distrusted.get(caller.flight, math.inf):
            del self._distrusted[caller.flight]

    async def _refused(self, caller: Caller) -> None:
        """Drop all that a refused token had cached, in every replica that shares the store.

        What the scope's other tokens have asked for goes as well, and is asked for anew: who asked is not kept.
        """
        self._proofs.forget(caller.scope)
        if isinstance(caller, Service):
            # The facade's own login was refused, and none of its callers.
            return
        now = self.clock()
        if caller.verified:
            remember(self._distrusted, caller.flight, now)
        remember(self._refused_at, caller.scope, now)
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


class Patience:
    """Until when anybody waits for a flight."""

    def __init__(self) -> None:
        self._deadlines: list[float | None] = []

    def __bool__(self) -> bool:
        return bool(self._deadlines)

    def __call__(self) -> float | None:
        """The latest deadline, of `time.monotonic`; None where somebody has none."""
        deadlines = [deadline for deadline in self._deadlines if deadline is not None]
        return max(deadlines) if deadlines and len(deadlines) == len(self._deadlines) else None

    def add(self, deadline: float | None) -> None:
        self._deadlines.append(deadline)

    def remove(self, deadline: float | None) -> None:
        self._deadlines.remove(deadline)


def _body(call: Call[T]) -> bytes:
    return canonical(call.body(call.asked) if call.body else call.asked)


def _key(call: Call[T], caller: Caller) -> str:
    return key(caller.scope, call.name, canonical(call.asked))


def _written_key(call: Call[T], caller: Caller) -> str:
    return key(caller.scope, f"{call.name}-written", canonical(call.written))


def _span(call: Call[T]) -> Span | None:
    if call.span is None:
        return None
    start, stop = call.span
    # The least time that there is has no time zone before it.
    last = call.windows.floor(stop).timestamp() if call.windows and stop and stop.year > 1 else None
    return Span(start.timestamp(), stop.timestamp() if stop else None, last)


@asynccontextmanager
async def awaited(read_log: ReadLog) -> AsyncIterator[None]:
    """Wait for a flight, for as long as the operation may. Raises `ButlrError` where it does not end in time."""
    left = read_log.time_left()
    if left is not None and left <= 0:
        raise _out_of_time()
    try:
        async with asyncio.timeout(left) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise _out_of_time() from None
    except FlightCancelled:
        raise UpstreamUnavailable("The facade is shutting down. Try again.", sent=False) from None


def _out_of_time() -> UpstreamTimeout:
    return UpstreamTimeout(
        "The operation's time limit ended before Butlr had answered this part. Ask for less in one operation, or ask "
        "again: what has been answered by now is kept.",
        sent=False,
    )
