"""Nobody reads another caller's answers, for any sequence of callers, tokens, evictions, refusals and clock changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.auth import Caller, Passthrough, Verified
from facade.butlr import Butlr, ButlrError, Forbidden, Http, Unauthenticated
from facade.cache import MemoryStore
from facade.upstream import Call, Dispatcher, ReadLog, Upstream

TENANT = "http://butlr.io/client_id"
START = 1_760_400_000.0

# By token: whose answers its bearer may read. The first three are of one scope, the next of a lesser user there.
MAY_READ = {
    "a-one": "a, all",
    "a-two": "a, all",
    "a-three": "a, all",
    "a-lesser": "a, hives",
    "b-one": "b, all",
    "p-one": "p-one",
    "p-two": "p-two",
}
# Of an hour's test some tokens live to see the end.
LIVES = {"a-three": 1000.0, "b-one": 2500.0}


def caller_of(token: str) -> Caller:
    if token.startswith("p-"):
        return Passthrough(token)
    tenant, permissions = MAY_READ[token].split(", ")
    claims = {"exp": START + LIVES.get(token, 1e6), "iss": "i", TENANT: tenant, "permissions": [permissions]}
    return Verified(token, claims, tenant_claim=TENANT)


@dataclass
class Reading:
    token: str
    ask: int
    task: asyncio.Task[bytes]
    # Whether the token was ever bad since the reading began; whether it had been refused before, and not taken since.
    was_bad: bool
    was_refused: bool


@dataclass
class World:
    """An upstream that says who asked it, and as many callers as tokens."""

    now: float = START
    bad: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self._answer))
        # So small that entries are evicted all the time.
        self.store = MemoryStore(20_000, clock=lambda: self.now)
        self.upstream = Upstream(
            Butlr(self.http),
            self.store,
            dispatcher=Dispatcher(retries=0, clock=lambda: self.now),
            stale_while_revalidate=50.0,
            clock=lambda: self.now,
        )

    def is_bad(self, token: str) -> bool:
        return token in self.bad or self.now >= START + LIVES.get(token, 1e6)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        await gate
        if self.is_bad(token):
            self.refused.add(token)
            return httpx.Response(401)
        self.refused.discard(token)
        return httpx.Response(200, json={"for": MAY_READ[token], "ask": json.loads(request.content)["ask"]})

    def ask(self, token: str, ask: int, fresh: bool) -> None:
        call = Call(
            name="reporting", send=self.upstream.butlr.reporting, asked={"ask": ask}, decode=bytes, kept_for=100.0
        )

        async def read() -> bytes:
            return (await self.upstream.read(call, caller_of(token), ReadLog(fresh=fresh))).value

        self.readings.append(
            Reading(token, ask, asyncio.create_task(read()), self.is_bad(token), token in self.refused)
        )

    def answer(self, which: int) -> None:
        waiting = [gate for gate in self.waiting if not gate.done()]
        if waiting:
            waiting[which % len(waiting)].set_result(None)

    async def ask_and_answer(self, token: str, ask: int) -> None:
        self.now += 1
        self.ask(token, ask, fresh=False)
        await self.settle()
        self.answer(-1)

    def turn(self, token: str) -> None:
        """Revoke a token, or take it back."""
        self.bad ^= {token}

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        for reading in self.readings:
            reading.was_bad |= self.is_bad(reading.token)
            if reading.task.done():
                self.judge(reading)
        self.readings = [reading for reading in self.readings if not reading.task.done()]

    def judge(self, reading: Reading) -> None:
        if reading.task.cancelled():
            return
        error = reading.task.exception()
        if error is None:
            assert json.loads(reading.task.result()) == {"for": MAY_READ[reading.token], "ask": reading.ask}
            # Refused before it began, it was not served until the upstream took the token again.
            assert not reading.was_refused or reading.token not in self.refused
        else:
            assert isinstance(error, ButlrError)
            # Another's refusal is not this caller's.
            assert not isinstance(error, Unauthenticated | Forbidden) or reading.was_bad

    async def end(self) -> None:
        for _ in range(10):
            for gate in self.waiting:
                if not gate.done():
                    gate.set_result(None)
            await self.settle()
        assert not self.readings
        await self.upstream.aclose()
        await self.http.aclose()


# Mostly the two that share.
TOKENS = st.sampled_from(["a-one", "a-two"]) | st.sampled_from(sorted(MAY_READ))
ASKS = st.integers(0, 1)
Step = Callable[[World], object]

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda token, ask, fresh: lambda world: world.ask(token, ask, fresh), TOKENS, ASKS, st.booleans()),
    st.builds(lambda token, ask: lambda world: world.ask_and_answer(token, ask), TOKENS, ASKS),
    st.builds(lambda token, ask: lambda world: world.ask_and_answer(token, ask), TOKENS, ASKS),
    st.builds(lambda which: lambda world: world.answer(which), st.integers(0, 9)),
    st.builds(lambda which: lambda world: world.answer(which), st.integers(0, 9)),
    st.builds(lambda token: lambda world: world.turn(token), TOKENS),
    st.builds(
        lambda seconds: lambda world: setattr(world, "now", world.now + seconds), st.sampled_from([1, 40, 120, 700])
    ),
    st.builds(
        lambda which: lambda world: world.readings and world.readings[which % len(world.readings)].task.cancel(),
        st.integers(0, 9),
    ),
    st.just(lambda world: world.store._cache.remove(next(iter(world.store._cache._slots), ""))),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=60))
def test_no_answer_crosses(steps: list[Step]) -> None:
    async def run() -> None:
        world = World()
        for step in steps:
            if asyncio.iscoroutine(done := step(world)):
                await done
            await world.settle()
        await world.end()

    asyncio.run(run())


@pytest.mark.parametrize("status", [401])
async def test_a_refused_token_reads_nothing_though_another_of_its_scope_fills_the_cache(setting, status):
    """A revoked token stays well signed until its end."""
    refused, other = caller_of("a-one"), caller_of("a-two")
    assert refused.scope == other.scope

    async def read(caller: Caller, ask: int) -> bytes:
        return (await setting.upstream.read(setting.call(ask), caller, ReadLog())).value

    await read(refused, 1)
    calls = setting.wire.calls
    assert await read(other, 1)
    assert setting.wire.calls == calls
    setting.wire.behave = lambda request: status if request.headers["authorization"] == "Bearer a-one" else 200
    setting.clock.now += 1
    for ask in (2, 1):
        with pytest.raises(Unauthenticated):
            await read(refused, ask)
        assert not setting.upstream.rights.is_proven(refused)
        setting.clock.now += 1
        assert await read(other, 1)
        assert await read(other, 2)
    assert setting.upstream.rights.is_proven(other)

    setting.wire.behave = lambda _: 200
    setting.clock.now += 1
    await read(refused, 3)
    calls = setting.wire.calls
    await read(refused, 1)
    assert setting.wire.calls == calls


async def test_a_refusal_of_the_one_who_asked_first_is_not_the_others(setting, settle):
    gate = asyncio.Event()

    async def behave(request: httpx.Request) -> int:
        await gate.wait()
        return 401 if request.headers["authorization"] == "Bearer a-one" else 200

    setting.wire.behave = behave
    reads = [
        asyncio.create_task(setting.upstream.read(setting.call("same"), caller_of(token), ReadLog()))
        for token in ("a-one", "a-two", "a-two")
    ]
    await settle()
    gate.set()
    first, second, third = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(first, Unauthenticated)
    assert second.value == third.value == b'{"data":[]}'
    # One flight a token.
    assert setting.wire.calls == 2
