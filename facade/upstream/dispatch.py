"""`Dispatcher`: sends one call through pauses, retries, circuit breakers and slots."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

from .. import tracing
from ..auth.callers import Caller
from ..butlr import (
    BadInput,
    ButlrError,
    InvalidResponse,
    NotFound,
    RateLimited,
    Reply,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from .breaker import Breaker
from .bulkhead import Bulkhead
from .explain import asked_call
from .retry import Backoff, Retries, RetryBudget
from .retry_after import CallerPauses

Send = Callable[[bytes, str], Awaitable[Reply]]

# Timeouts in a row after which one caller's breaker opens. Each of them held a slot for as long as a call may take.
SLOW_IN_A_ROW = 10
# How many breakers of single callers are kept.
MOST_SLOW = 1000
# Bytes of a call's body that go into its trace span. A body that names 500 sensors is shorter.
LONGEST_TRACED = 32 * 1024


class _Endpoint:
    """The breaker and the retry budget of one endpoint."""

    __slots__ = ("breaker", "budget", "path")

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self.path = path
        self.breaker = Breaker(path, clock=clock)
        self.budget = RetryBudget(clock=clock)


class Observer(Protocol):
    """Is told of each attempt. `path` is the endpoint's path template."""

    def exchanged(self, path: str, outcome: str, seconds: float) -> None:
        """An attempt ended: `ok`, or the error's code."""

    def waited(self, seconds: float) -> None:
        """An attempt got a slot after so many seconds."""

    def retried(self, path: str) -> None: ...


class Dispatcher:
    """Sends calls: at most `concurrency` at once, each with at most `retries` retries.

    From the outside in: the caller's pause after a 429, retries and their budget, the endpoint's breaker, and a slot
    for each attempt.
    """

    def __init__(
        self,
        *,
        concurrency: int = 16,
        retries: int = 3,
        backoff: Backoff | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self.bulkhead = Bulkhead(concurrency)
        self.pauses = CallerPauses(clock=clock)
        self._retries = retries
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._endpoints: dict[str, _Endpoint] = {}
        # Timeouts of one caller count apart, so that a caller who asks for too much opens no breaker for the others.
        self._caller_breakers: OrderedDict[tuple[str, str], Breaker] = OrderedDict()
        self._last = "unknown"

    @property
    def open_by_path(self) -> dict[str, bool]:
        """Return for each endpoint called so far whether its breaker is open."""
        return {path: endpoint.breaker.is_open for path, endpoint in self._endpoints.items()}

    @property
    def state(self) -> str:
        """Return `ok`, `unknown` (before the first call), `failing: CODE`, or `open: PATH, probes again in N s`."""
        breakers = [endpoint.breaker for endpoint in self._endpoints.values() if endpoint.breaker.is_open]
        if not breakers:
            return self._last
        return "; ".join(
            f"open: {breaker.path}, probes again in {math.ceil(breaker.probes_in)} s" for breaker in breakers
        )

    def _endpoint(self, path: str) -> _Endpoint:
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            endpoint = self._endpoints[path] = _Endpoint(path, self._clock)
        return endpoint

    def may_retry(self, path: str) -> bool:
        """Return whether the endpoint's retry budget has a call left, and take it if so."""
        return self._endpoint(path).budget.spend()

    async def send(
        self,
        path: str,
        send: Send,
        body: bytes,
        caller: Caller,
        deadline: Callable[[], float | None] | None = None,
    ) -> Reply:
        """Send one call with the caller's token; after a 401 once more with a new token, if the caller has one.

        `path` is the endpoint's path template. `deadline` returns the time of the clock after which nothing is retried;
        None: no deadline. Raises the `ButlrError` of the last attempt, `CircuitOpen`, `Crowded`, or `RateLimited` while
        the caller has to pause.
        """
        endpoint = self._endpoint(path)
        token = await caller.token()
        try:
            return await self._repeated(endpoint, send, body, token, caller.scope, deadline)
        except Unauthenticated:
            if not caller.renew(token):
                raise
            return await self._repeated(endpoint, send, body, await caller.token(), caller.scope, deadline)

    async def _repeated(
        self,
        endpoint: _Endpoint,
        send: Send,
        body: bytes,
        token: str,
        scope: str,
        deadline: Callable[[], float | None] | None,
    ) -> Reply:
        retries: Retries | None = None
        while True:
            try:
                return await self._once(endpoint, send, body, token, scope)
            except (RateLimited, UpstreamTimeout, UpstreamUnavailable) as error:
                if retries is None:
                    retries = Retries(self._retries, endpoint.budget, self._backoff, deadline, self._clock)
                wait = retries.wait_after(error)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
            if self._observer:
                self._observer.retried(endpoint.path)

    async def _once(self, endpoint: _Endpoint, send: Send, body: bytes, token: str, scope: str) -> Reply:
        # Checked before the wait for a slot as well: a call that will be refused must not queue.
        self._check(endpoint, scope)
        asked = self._clock()
        await self.bulkhead.acquire(scope)
        try:
            self._check(endpoint, scope)
            began, outcome = self._clock(), "CANCELLED"
            status: int | None = None
            size: int | None = None
            if self._observer:
                self._observer.waited(began - asked)
            try:
                with tracing.span(f"POST {endpoint.path}", "client") as span:
                    span.set(_attributes(endpoint.path, body, began - asked))
                    try:
                        reply = await self._observed(endpoint, send, body, token, scope)
                    except ButlrError as error:
                        outcome, status = error.code, error.status
                        span.set({"http.response.status_code": error.status})
                        span.failed(error.code)
                        raise
                    outcome, status, size = "ok", reply.status, len(reply.body)
                    span.set({"http.response.status_code": reply.status, "http.response.body.size": len(reply.body)})
            finally:
                if noted := asked_call():
                    noted.tried(began, self._clock(), status, size)
                if self._observer:
                    self._observer.exchanged(endpoint.path, outcome, self._clock() - began)
            return reply
        finally:
            self.bulkhead.release(scope)

    def _check(self, endpoint: _Endpoint, scope: str) -> None:
        self.pauses.check(scope)
        endpoint.breaker.check()
        if self._caller_breakers and (own := self._caller_breakers.get((endpoint.path, scope))):
            own.check()

    async def _observed(self, endpoint: _Endpoint, send: Send, body: bytes, token: str, scope: str) -> Reply:
        # Both breakers have just been checked, so neither refuses.
        ticket = endpoint.breaker.admit()
        own = self._caller_breakers.get((endpoint.path, scope)) if self._caller_breakers else None
        own_ticket = own.admit() if own else 0
        try:
            reply = await send(body, token)
        except (UpstreamUnavailable, UpstreamTimeout, InvalidResponse) as error:
            self._last = f"failing: {error.code}"
            if isinstance(error, UpstreamUnavailable) or not error.sent:
                endpoint.breaker.failed(ticket, error)
                if own:
                    own.dropped(own_ticket)
            else:
                # The call may have asked for too much: only failures of several callers are the endpoint's fault.
                endpoint.breaker.failed(ticket, error, slow_for=scope)
                self._caller_breaker(endpoint, scope).failed(own_ticket, error)
            raise
        except (BadInput, NotFound):
            # A 4xx answer proves that the endpoint works.
            self._succeeded(endpoint, ticket, scope, own_ticket)
            raise
        except BaseException as error:
            # A 401, 403 or 429 may come from a gateway and says nothing about the endpoint; nor does a cancelled call.
            endpoint.breaker.dropped(ticket)
            if own:
                own.dropped(own_ticket)
            if isinstance(error, RateLimited):
                self.pauses.note(scope, error.retry_after)
            raise
        self._succeeded(endpoint, ticket, scope, own_ticket)
        return reply

    def _succeeded(self, endpoint: _Endpoint, ticket: int, scope: str, own_ticket: int) -> None:
        self._last = "ok"
        endpoint.breaker.succeeded(ticket)
        endpoint.budget.succeeded()
        if self._caller_breakers and (own := self._caller_breakers.get((endpoint.path, scope))):
            own.succeeded(own_ticket)
            if own.is_idle:
                del self._caller_breakers[endpoint.path, scope]

    def _caller_breaker(self, endpoint: _Endpoint, scope: str) -> Breaker:
        own = self._caller_breakers.get((endpoint.path, scope))
        if own is None:
            own = Breaker(endpoint.path, threshold=SLOW_IN_A_ROW, whose="Your last calls", clock=self._clock)
            self._caller_breakers[endpoint.path, scope] = own
            if len(self._caller_breakers) > MOST_SLOW:
                self._caller_breakers.popitem(last=False)
        return own


def _attributes(path: str, body: bytes, waited: float) -> tracing.Attributes:
    return {
        "http.request.method": "POST",
        "url.template": path,
        "http.request.body.size": len(body),
        "facade.waited_ms": round(waited * 1000, 1),
        "facade.call.body": body[:LONGEST_TRACED].decode(errors="replace") if _traces_bodies() else None,
    }


def _traces_bodies() -> bool:
    """Whether spans say what was asked, as those of operations have their documents."""
    tracer = tracing.tracer()
    return tracer is not None and tracer.documents
