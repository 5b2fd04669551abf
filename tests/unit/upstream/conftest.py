"""An upstream at the wire, a clock that only moves when told, and a reader with both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, Reply
from facade.cache import MemoryStore
from facade.upstream import Call, Dispatcher, ReadLog, Upstream
from facade.upstream.retry import Backoff

BRIEF = Backoff(first=0.001, longest=0.002, jitter=0.001)
ROWS = b'{"data":[]}'


class Clock:
    def __init__(self) -> None:
        self.now = 1_760_400_000.0

    def __call__(self) -> float:
        return self.now


Handler = Callable[[httpx.Request], Any]


class Wire:
    """Answers as `behave` says: a status, a response, or an exception to raise; awaited where it is awaitable."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.behave: Handler = lambda _: 200
        self.under_way = 0
        self.most_at_once = 0
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self._handle))
        self.butlr = Butlr(self.http)

    @property
    def calls(self) -> int:
        return len(self.requests)

    def calls_of(self, token: str) -> int:
        return sum(request.headers["authorization"] == f"Bearer {token}" for request in self.requests)

    def says(self, *outcomes: Any) -> None:
        """From now on these in turn, the last one for ever."""
        left = list(outcomes)
        self.behave = lambda _: left.pop(0) if len(left) > 1 else left[0]

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            outcome = self.behave(request)
            if asyncio.isfuture(outcome) or asyncio.iscoroutine(outcome):
                outcome = await outcome
        finally:
            self.under_way -= 1
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, int):
            return httpx.Response(outcome, content=ROWS if outcome == 200 else b"")
        return outcome


@dataclass
class Setting:
    """One facade's upstream side. `ask` numbers its calls, so that no two are the same."""

    wire: Wire
    clock: Clock
    store: MemoryStore
    dispatcher: Dispatcher
    upstream: Upstream
    asked: int = 0

    def call(self, ask: object, **options: Any) -> Call[bytes]:
        options.setdefault("send", self.wire.butlr.reporting)
        return Call(name="reporting", asked={"ask": ask}, decode=lambda body: body, kept_for=10.0, **options)

    async def ask(self, token: str = "t", *, read_log: ReadLog | None = None, **options: Any) -> bytes:
        self.asked += 1
        call = self.call(self.asked, **options)
        return (await self.upstream.read(call, Passthrough(token), read_log or ReadLog())).value

    async def outcome(self, token: str = "t", **options: Any) -> object:
        """The answer, or the error in its place."""
        try:
            return await self.ask(token, **options)
        except Exception as error:  # noqa: BLE001 -- each test says which it may be
            return error

    async def send(self, token: str = "t", deadline: Callable[[], float] | None = None) -> Reply:
        return await self.upstream.dispatch(self.wire.butlr.reporting, b"{}", Passthrough(token), deadline=deadline)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.http.aclose()


@pytest.fixture
async def make(wire: Wire, clock: Clock) -> AsyncIterator[Callable[..., Setting]]:
    made: list[Setting] = []

    def make(*, retries: int = 3, concurrency: int = 16, backoff: Backoff = BRIEF, **options: Any) -> Setting:
        store = MemoryStore(1 << 20)
        ticking = options.pop("exchange_clock", clock)
        dispatcher = Dispatcher(retries=retries, concurrency=concurrency, backoff=backoff, clock=ticking)
        upstream = Upstream(wire.butlr, store, dispatcher=dispatcher, clock=clock, **options)
        made.append(Setting(wire, clock, store, dispatcher, upstream))
        return made[-1]

    yield make
    for setting in made:
        await setting.upstream.aclose()
        await setting.store.aclose()


@pytest.fixture
def setting(make: Callable[..., Setting]) -> Setting:
    return make()


@pytest.fixture
def settle() -> Callable[[], Any]:
    """Lets everything that can go on without the clock do so."""

    async def settle() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    return settle
