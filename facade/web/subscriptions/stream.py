"""Subscriptions: one stream of answers, whichever way they are framed."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields

from graphql import GraphQLError, OperationType

from ... import tracing
from ...auth import Caller
from ...causes import grouped
from ...execution import Engine, Outcome, run_explained
from ...execution.documents import ParsedDocument
from ...graph import Context
from ...live import Live
from ...loaders import Services
from ...upstream import Explain, ReadLog
from ..graphql_request import GraphQLRequest
from ..metrics import Metrics
from ..middleware.draining import Draining

# Seconds without an answer, after which something is sent all the same: proxies close what is silent.
HEARTBEAT = 12.0
# Seconds that a client may take to read what it was sent.
SEND_WITHIN = 30.0
# Milliseconds after which a client is to come back to another process.
RETRY = 1000


class Ending(Exception):  # noqa: N818 -- named for what happens
    """The process is to end: the client is to come back elsewhere."""


@dataclass(slots=True)
class Spent:
    """Points that an operation has cost, of a subscription at each of its polls, and its own calls upstream."""

    cost: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Whole(Outcome):
    """An outcome that is written already."""

    written: Sequence[bytes] = ()

    def chunks(self) -> list[bytes]:
        return list(self.written)


@dataclass(frozen=True, slots=True)
class SubscribedOperation:
    """What one subscription, or one operation over the same transports, runs."""

    document: ParsedDocument
    params: GraphQLRequest
    caller: Caller | None
    request_id: str
    resume: str | None = None
    # Of its span: see `operation_attributes`.
    attributes: Mapping[str, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)

    @property
    def type(self) -> OperationType | None:
        return self.document.operation_type(self.params.operation_name)


class Streams:
    """Runs operations for the transports that push."""

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
        self.heartbeat = heartbeat

    async def outcomes(self, operation: SubscribedOperation) -> AsyncGenerator[Outcome | None, None]:
        """Yield each outcome as it comes, and None after each `heartbeat` without one. Raises `Ending`."""
        context = Context(
            self._services(),
            operation.caller,
            ReadLog(),
            operation.request_id,
            live=self._live(),
            resume=operation.resume,
        )
        operation.spent.cost = self._engine.told_cost(
            operation.document, operation.params.variables, operation.params.operation_name
        )
        ending = asyncio.Event()
        told = self._draining.told(ending.set) if self._draining else None
        if told:
            told.__enter__()
        try:
            if operation.type is OperationType.SUBSCRIPTION:
                source = self._engine.subscribe(
                    operation.document, operation.params.variables, operation.params.operation_name, context
                )
            else:
                source = self._once(operation, context)
            async with aclosing(source):
                async for outcome in _beaten(source, ending, self.heartbeat, operation.attributes):
                    operation.spent.cost = max(operation.spent.cost, context.budget.cost)
                    operation.spent.calls += context.read_log.calls
                    yield outcome
        finally:
            if told:
                told.__exit__(None, None, None)
            context.close()

    async def _once(self, operation: SubscribedOperation, context: Context) -> AsyncGenerator[Outcome, None]:
        params = operation.params
        asked = (operation.document, params.variables, params.operation_name, context)
        async with asyncio.timeout(self._operation_timeout):
            if params.explain is None:
                yield await self._engine.run(*asked, written=True)
                return
            began = time.monotonic()
            told = await run_explained(self._engine, *asked, Explain(params.explain, began), received=began)
            parts = {each.name: getattr(told.outcome, each.name) for each in fields(told.outcome)}
            yield Whole(**parts, written=told.chunks)

    def ended(self, operation: SubscribedOperation, outcome: str, errors: Sequence[GraphQLError] = ()) -> None:
        if not self._metrics:
            return
        self._metrics.operation(operation.type.value if operation.type else "-", outcome, operation.spent.cost)
        for cause in grouped(errors):
            self._metrics.failed(cause.code, cause.count)


async def _beaten(
    source: AsyncGenerator[Outcome, None], ending: asyncio.Event, heartbeat: float, attributes: Mapping[str, str]
) -> AsyncGenerator[Outcome | None, None]:
    # A subscription's span ends with its first answer: one that lasts for days is shown by nothing.
    end = asyncio.create_task(ending.wait())
    following: asyncio.Task[Outcome] | None = None
    try:
        while True:
            if following is None:
                following = asyncio.create_task(_traced(source, attributes) if attributes else _following(source))
                attributes = {}
            done, _ = await asyncio.wait((following, end), timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                try:
                    outcome = following.result()
                except StopAsyncIteration:
                    return
                following = None
                yield outcome
            elif end in done:
                raise Ending
            else:
                yield None
    finally:
        end.cancel()
        if following is not None:
            following.cancel()
            # The generator can be closed only once nothing runs in it.
            await asyncio.wait((following,))


async def _traced(source: AsyncGenerator[Outcome, None], attributes: Mapping[str, str]) -> Outcome:
    with tracing.span(attributes["graphql.operation.type"], attributes=dict(attributes)) as span:
        outcome = await anext(source)
        if outcome.errors:
            span.failed(str((outcome.errors[0].extensions or {}).get("code")))
        return outcome


async def _following(source: AsyncGenerator[Outcome, None]) -> Outcome:
    return await anext(source)


def body_of(outcome: Outcome) -> bytes:
    return b"".join(outcome.chunks())
