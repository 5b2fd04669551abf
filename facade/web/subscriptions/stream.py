"""Subscriptions: one stream of answers for all transports."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, Protocol

from graphql import GraphQLError, OperationType
from starlette.websockets import WebSocketDisconnect

from ... import tracing
from ...auth import Caller
from ...causes import grouped
from ...execution import Engine, Outcome, SharedAnswer, run_explained
from ...execution.documents import ParsedDocument
from ...graph import Context
from ...live import Live
from ...loaders import Services
from ...upstream import Explain, ReadLog
from ..graphql_request import GraphQLRequest
from ..metrics import Metrics
from ..middleware.draining import Draining

# Seconds of silence after which a heartbeat is sent: proxies close silent connections.
HEARTBEAT = 12.0
# Seconds that a client may take to read a frame.
SEND_WITHIN = 30.0
# Milliseconds after which a client is told to reconnect to another process.
RETRY = 1000
# Errors of a stream that are kept for its log line and the metrics. A stream may last for days.
MOST_ERRORS = 1000


# Takes an answer, and returns whether it has: not if it would have to wait.
TakeAtOnce = Callable[[SharedAnswer], bool]


class Sink(Protocol):
    """Sends the outcomes of a stream, framed for its transport. Each call sends one whole frame."""

    async def begin(self) -> None: ...
    async def take(self, outcome: Outcome) -> None: ...
    async def beat(self) -> None: ...


class Ended(NamedTuple):
    """How a stream ended: `ok`, `partial`, `refused`, `slow` (the client did not read) or `restarted` (by draining)."""

    how: str
    errors: Sequence[GraphQLError]


@dataclass(slots=True)
class Spent:
    """The cost of an operation in points (for a subscription: of each poll), and its calls upstream."""

    cost: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class SubscribedOperation:
    """One operation over a transport of subscriptions: a subscription, a query or a mutation."""

    document: ParsedDocument
    params: GraphQLRequest
    caller: Caller | None
    request_id: str
    resume: str | None = None
    # The attributes of its tracing span: see `operation_attributes`.
    attributes: Mapping[str, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)

    @property
    def type(self) -> OperationType | None:
        return self.document.operation_type(self.params.operation_name)


class Streams:
    """Runs the operations of the transports that push answers."""

    def __init__(
        self,
        engine: Engine,
        services: Callable[[], Services],
        live: Callable[[], Live],
        *,
        draining: Draining | None = None,
        metrics: Metrics | None = None,
        operation_timeout: float | None = None,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._engine, self._services, self._live = engine, services, live
        self._draining, self._metrics = draining, metrics
        self._operation_timeout = operation_timeout
        self._heartbeat = heartbeat
        self._streams: set[Stream] = set()
        self._ticking: asyncio.TimerHandle | None = None

    async def run(self, operation: SubscribedOperation, sink: Sink, take_at_once: TakeAtOnce | None = None) -> Ended:
        """Give each outcome to the sink as it comes, and have it beat after each `heartbeat` without one.

        `take_at_once` takes an answer that was made for all who asked the same. Raises what the sink raises.
        """
        stream = Stream(sink)
        context = Context(
            self._services(),
            operation.caller,
            ReadLog(),
            operation.request_id,
            live=self._live(),
            resume=operation.resume,
            take=partial(stream.take, take_at_once, operation.spent) if take_at_once else None,
        )
        operation.spent.cost = self._engine.told_cost(
            operation.document, operation.params.variables, operation.params.operation_name
        )
        errors: list[GraphQLError] = []
        try:
            async with asyncio.timeout(None) as ending:
                with self._watched(stream, ending):
                    await stream.send(sink.begin())
                    return await self._send_all(operation, context, stream, sink, errors)
        except TimeoutError:
            if stream.why is None:
                raise
            return Ended(stream.why, errors)
        finally:
            context.close()

    async def _send_all(
        self,
        operation: SubscribedOperation,
        context: Context,
        stream: "Stream",
        sink: Sink,
        errors: list[GraphQLError],
    ) -> Ended:
        spent, is_first = operation.spent, True
        async with aclosing(self._outcomes(operation, context)) as outcomes:
            while True:
                try:
                    # A subscription's span ends with its first answer: tracing tools do not show spans of days.
                    outcome = await (_traced(outcomes, operation.attributes) if is_first else anext(outcomes))
                except StopAsyncIteration:
                    return Ended("partial" if errors else "ok", errors)
                is_first = False
                spent.cost = max(spent.cost, context.budget.cost)
                spent.calls += context.read_log.calls
                if outcome.errors:
                    errors += outcome.errors[: MOST_ERRORS - len(errors)]
                await stream.send(sink.take(outcome))
                stream.has_answered = True
                if not outcome.executed:
                    return Ended("refused", errors)

    def _outcomes(self, operation: SubscribedOperation, context: Context) -> AsyncGenerator[Outcome, None]:
        if operation.type is not OperationType.SUBSCRIPTION:
            return self._once(operation, context)
        params = operation.params
        return self._engine.subscribe(operation.document, params.variables, params.operation_name, context)

    async def _once(self, operation: SubscribedOperation, context: Context) -> AsyncGenerator[Outcome, None]:
        params, began = operation.params, time.monotonic()
        if self._operation_timeout is not None:
            context.read_log.deadline = began + self._operation_timeout
        asked = (operation.document, params.variables, params.operation_name, context)
        if params.explain is None:
            yield await self._engine.run(*asked, written=True)
            return
        told = await run_explained(self._engine, *asked, Explain(params.explain, began), received=began)
        yield replace(told.outcome, written=told.chunks)

    @contextmanager
    def _watched(self, stream: "Stream", ending: asyncio.Timeout) -> Iterator[None]:
        """Let the timer of all streams check this one for the duration of the context."""
        stream.ending = ending
        self._streams.add(stream)
        if self._ticking is None:
            self._tick_later()
        try:
            with self._draining.told(stream.restart) if self._draining else nullcontext():
                yield
        finally:
            self._streams.discard(stream)
            stream.close()

    def _tick_later(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(min(1.0, self._heartbeat / 4), self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        for stream in self._streams:
            stream.look(now, self._heartbeat)
        if self._streams:
            self._tick_later()
        else:
            self._ticking = None

    def ended(self, operation: SubscribedOperation, outcome: str, errors: Sequence[GraphQLError] = ()) -> None:
        if not self._metrics:
            return
        self._metrics.operation(operation.type.value if operation.type else "-", outcome, operation.spent.cost)
        for cause in grouped(errors):
            self._metrics.failed(cause.code, cause.count)


class Stream:
    """What the timer knows of one stream: since when it has been silent, or since when a send has been waiting."""

    __slots__ = ("_beating", "_since", "_sink", "_under_way", "ending", "has_answered", "why")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        # Why the timer or a restart ended it; None if neither did.
        self.why: str | None = None
        self.ending: asyncio.Timeout | None = None
        self.has_answered = False
        self._beating: asyncio.Task[None] | None = None
        self._under_way = 0
        self._since = time.monotonic()

    async def send(self, sending: Awaitable[None]) -> None:
        if not self._under_way:
            self._since = time.monotonic()
        self._under_way += 1
        try:
            await sending
        finally:
            self._under_way -= 1
            self._since = time.monotonic()

    def take(self, take_at_once: TakeAtOnce, spent: Spent, answer: SharedAnswer) -> bool:
        """Send an answer at once. Return False if that is not possible.

        Nor is it for the first: that one says more (whether it was resumed, what it costs), and ends the span.
        """
        if not self.has_answered or self._under_way or self.why is not None or not take_at_once(answer):
            return False
        self._since = time.monotonic()
        # Who is the first to take it pays for it.
        spent.cost, spent.calls = max(spent.cost, answer.cost), spent.calls + answer.calls
        answer.cost = answer.calls = 0
        return True

    def look(self, now: float, heartbeat: float) -> None:
        silent = now - self._since
        if self._under_way:
            if silent > SEND_WITHIN:
                self._end("slow")
        elif silent >= heartbeat:
            self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        # A client that has disconnected is noticed by the task that reads from it.
        with suppress(RuntimeError, OSError, WebSocketDisconnect):
            await self.send(self._sink.beat())

    def restart(self) -> None:
        self._end("restarted")

    def _end(self, why: str) -> None:
        if self.why is None and self.ending is not None:
            self.why = why
            self.ending.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()


async def _traced(source: AsyncGenerator[Outcome, None], attributes: Mapping[str, str]) -> Outcome:
    if not attributes:
        return await anext(source)
    with tracing.span(attributes["graphql.operation.type"], attributes=dict(attributes)) as span:
        outcome = await anext(source)
        if outcome.errors:
            span.failed(str((outcome.errors[0].extensions or {}).get("code")))
        return outcome


def body_of(outcome: Outcome) -> bytes:
    return b"".join(outcome.chunks())
