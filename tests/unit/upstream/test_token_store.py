"""One login for all replicas, which a reader of the shared store cannot use."""

from __future__ import annotations

import asyncio
import base64

import httpx
import pytest

from facade.auth.token_store import SharedTokenStore
from facade.butlr import HeldToken, ServiceTokens, Unauthenticated
from facade.cache import MemoryStore

WHOSE = {"base_url": "http://butlr.test", "client_id": "id", "client_secret": "the-secret"}


class Shared(MemoryStore):
    """What replicas share. Cut off, it is as a Redis that is down: nothing in it, and nothing kept."""

    def __init__(self):
        super().__init__(1 << 20)
        self.texts = {}
        self.cut = False

    async def get_text(self, key):
        return None if self.cut else await super().get_text(key)

    async def set_text(self, key, value, ttl):
        self.texts[key] = value
        if not self.cut:
            await super().set_text(key, value, ttl)

    async def add_text(self, key, value, ttl):
        return None if self.cut else await super().add_text(key, value, ttl)


@pytest.fixture
async def store():
    store = Shared()
    yield store
    await store.aclose()


@pytest.fixture
async def replicas(wire, store, clock):
    numbers = iter(range(1, 100))

    def login(_):
        return httpx.Response(
            200, json={"access_token": f"t{next(numbers)}", "expires_in": 1000, "token_type": "Bearer"}
        )

    wire.behave = login
    replicas = [
        ServiceTokens(wire.butlr, "id", "the-secret", clock=clock, token_store=SharedTokenStore(store, **WHOSE))
        for _ in range(3)
    ]
    yield replicas
    for replica in replicas:
        await replica.aclose()


async def tokens_of(replicas):
    return await asyncio.gather(*(replica.token() for replica in replicas for _ in range(5)))


async def test_replicas_that_start_together_log_in_once(wire, replicas):
    assert set(await tokens_of(replicas)) == {"t1"}
    assert wire.calls == 1


async def test_a_renewal_is_shared_too(wire, replicas, clock):
    await tokens_of(replicas)
    clock.now += 900
    # Each renews behind its callers, who have the old one meanwhile.
    await tokens_of(replicas)
    await asyncio.gather(*(replica._login for replica in replicas if replica._login))
    assert set(await tokens_of(replicas)) == {"t2"}
    assert wire.calls == 2


async def test_of_a_refused_token_one_login_is_the_successor_for_all(wire, replicas, clock):
    await tokens_of(replicas)
    for replica in replicas:
        replica.invalidate("t1")
        clock.now += 1
        assert await replica.token() == "t2"
    assert wire.calls == 2


async def test_refused_by_all_at_once_it_is_one_login_too(wire, replicas):
    await tokens_of(replicas)
    for replica in replicas:
        replica.invalidate("t1")
    assert set(await tokens_of(replicas)) == {"t2"}
    assert wire.calls == 2


async def test_a_login_that_fails_gives_its_turn_up(wire, replicas):
    wire.behave = lambda _: 401
    for replica in replicas:
        with pytest.raises(Unauthenticated):
            await replica.token()
    assert wire.calls == 3


async def test_what_is_down_costs_a_login_each_and_no_more(wire, store, replicas):
    store.cut = True
    assert set(await tokens_of(replicas)) == {"t1", "t2", "t3"}
    assert wire.calls == 3


async def test_a_replica_that_died_in_its_turn_holds_nobody_up_for_ever(store):
    token_store = SharedTokenStore(store, **WHOSE, turn=0.2)
    dead = SharedTokenStore(store, **WHOSE, turn=100.0).turn()
    await dead.__aenter__()
    async with asyncio.timeout(5), token_store.turn():
        # Its turn it still is; the other one's is not taken from it.
        assert await token_store.get() is None
    async with asyncio.timeout(5):
        await dead.__aexit__(None, None, None)
        async with token_store.turn():
            pass


async def test_the_token_comes_back_as_it_was_put(store):
    held = HeldToken("a-token", 1.5, 2.5)
    await SharedTokenStore(store, **WHOSE).put(held, 100.0)
    assert await SharedTokenStore(store, **WHOSE).get() == held
    assert "a-token" not in repr(held)


@pytest.mark.parametrize("other", [{"client_secret": "another"}, {"client_id": "another"}, {"base_url": "http://x"}])
async def test_another_client_finds_nothing(store, other):
    await SharedTokenStore(store, **WHOSE).put(HeldToken("a-token", 1.5, 2.5), 100.0)
    assert await SharedTokenStore(store, **{**WHOSE, **other}).get() is None


async def test_what_is_shared_tells_neither_token_nor_client(store):
    await SharedTokenStore(store, **WHOSE).put(HeldToken("a-token", 1.5, 2.5), 100.0)
    [(name, sealed)] = store.texts.items()
    written = name.encode() + sealed.encode() + base64.b64decode(sealed)
    for secret in (b"a-token", b"the-secret", b"butlr.test"):
        assert base64.b64encode(secret) not in written
        assert secret not in written
    # Sealed anew each time.
    await SharedTokenStore(store, **WHOSE).put(HeldToken("a-token", 1.5, 2.5), 100.0)
    assert store.texts[name] != sealed


async def test_what_somebody_else_put_there_is_no_token(store):
    token_store = SharedTokenStore(store, **WHOSE)
    await token_store.put(HeldToken("a-token", 1.5, 2.5), 100.0)
    [(name, sealed)] = store.texts.items()
    data = bytearray(base64.b64decode(sealed))
    data[-1] ^= 1
    for forged in (base64.b64encode(data).decode(), "", "x", "AAAA", sealed[:-8], '["a-token", 1, 2]'):
        await store.set_text(name, forged, 100.0)
        assert await token_store.get() is None
