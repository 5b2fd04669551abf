"""Readers of several replicas with one Redis: one call for all, and each has its own errors."""

import asyncio
import time

import httpx
import pytest

from facade.auth import Passthrough, Verified
from facade.butlr import Butlr, Http, Unauthenticated, UpstreamTimeout
from facade.cache.redis.store import RedisStore
from facade.cache.tiered import TieredStore
from facade.upstream import Call, Dispatcher, ReadLog, Upstream

pytestmark = pytest.mark.redis

TENANT = "http://butlr.io/client_id"
CALLER = Passthrough("a-token")


class Wire:
    def __init__(self):
        self.tokens = []
        self.behave = lambda token: 200
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self._answer))

    async def _answer(self, request):
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        answer = self.behave(token)
        status = await answer if asyncio.iscoroutine(answer) else answer
        return httpx.Response(status, content=b'{"number":%d}' % len(self.tokens))


@pytest.fixture
async def wire():
    wire = Wire()
    yield wire
    await wire.http.aclose()


@pytest.fixture
async def readers(redis_server, wire):
    """Three replicas, each with a memory and an upstream side of its own."""
    butlr = Butlr(wire.http)
    stores = [TieredStore(RedisStore(redis_server.url, timeout=1.0), 1 << 20) for _ in range(3)]
    readers = [Upstream(butlr, store, dispatcher=Dispatcher(retries=0)) for store in stores]
    yield readers
    for reader, store in zip(readers, stores, strict=True):
        await reader.aclose()
        await store.aclose()


async def ask(reader, caller=CALLER, *, fresh=False, seconds=None, kept_for=60.0):
    deadline = None if seconds is None else time.monotonic() + seconds
    call = Call(name="reporting", send=reader.butlr.reporting, asked={}, decode=lambda body: body, kept_for=kept_for)
    return (await reader.read(call, caller, ReadLog(fresh=fresh, deadline=deadline))).value


async def slowly(status=200):
    await asyncio.sleep(0.1)
    return status


async def test_one_asks_and_all_have_the_answer(readers, wire):
    wire.behave = lambda _: slowly()
    assert await asyncio.gather(*(ask(reader) for reader in readers for _ in range(5))) == [b'{"number":1}'] * 15
    assert len(wire.tokens) == 1


async def test_a_refusal_is_said_to_each_by_the_upstream_itself(readers, wire):
    wire.behave = lambda _: slowly(401)
    results = await asyncio.gather(*(ask(reader) for reader in readers), return_exceptions=True)
    assert [type(result) for result in results] == [Unauthenticated] * 3
    assert len(wire.tokens) == 3


async def test_tokens_that_share_a_cache_do_not_share_a_flight(readers, wire):
    claims = {"iss": "i", TENANT: "c", "permissions": ["read"], "exp": time.time() + 60}
    good, bad = (Verified(token, claims, tenant_claim=TENANT) for token in ("good", "bad"))
    assert good.scope == bad.scope
    wire.behave = lambda token: slowly(401 if token == "bad" else 200)
    first, second, *_ = readers
    refused, answered = await asyncio.gather(ask(first, bad), ask(second, good), return_exceptions=True)
    assert isinstance(refused, Unauthenticated)
    assert answered.startswith(b'{"number"')
    assert sorted(wire.tokens) == ["bad", "good"]


async def test_who_waits_for_another_replica_waits_until_its_own_deadline(readers, wire, until):
    never = asyncio.Event()
    first, second, *_ = readers

    async def hang():
        await never.wait()
        return 200

    wire.behave = lambda _: hang()
    working = asyncio.create_task(ask(first))
    await until(lambda: wire.tokens)
    with pytest.raises(UpstreamTimeout, match="time limit"):
        await ask(second, seconds=0.2)
    assert len(wire.tokens) == 1
    never.set()
    assert await working == await ask(second) == b'{"number":1}'


async def test_asked_for_anew_at_once_one_asks(readers, wire):
    wire.behave = lambda _: slowly()
    await ask(readers[0])
    assert set(await asyncio.gather(*(ask(reader, fresh=True) for reader in readers))) == {b'{"number":2}'}
    assert await asyncio.gather(*(ask(reader) for reader in readers)) == [b'{"number":2}'] * 3


async def test_what_is_not_kept_waits_for_nobody(readers, wire):
    under_way = asyncio.Barrier(3)

    async def together():
        async with asyncio.timeout(10), under_way:
            return 200

    wire.behave = lambda _: together()
    await asyncio.gather(*(ask(reader, kept_for=0) for reader in readers))


async def test_a_stale_answer_stands_in_where_all_fail(readers, wire):
    kept = await ask(readers[0], kept_for=0.01)
    await asyncio.sleep(0.02)
    wire.behave = lambda _: slowly(503)
    assert await asyncio.gather(*(ask(reader) for reader in readers)) == [kept] * 3


async def test_a_refused_token_reads_nothing_that_another_replica_has_in_memory(readers, wire, until):
    first, second, *_ = readers
    for reader in (first, second):
        await ask(reader)
        await until(lambda reader=reader: reader.store.is_listening)
        await ask(reader)
    wire.behave = lambda _: 401
    with pytest.raises(Unauthenticated):
        await ask(first, fresh=True)
    await until(lambda: not second.store.used_bytes)
    with pytest.raises(Unauthenticated):
        await ask(second)
