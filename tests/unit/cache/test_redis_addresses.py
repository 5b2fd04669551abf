"""The same store with real clusters and real servers behind sentinels."""

import asyncio
import time

import pytest
from redis.crc import key_slot

from facade.butlr import RateLimited
from facade.cache import key, open_store, scope_prefix
from facade.cache.redis.invalidation import Invalidations
from facade.cache.redis.store import RedisStore
from facade.cache.redis_address import RedisAddress
from facade.cache.tiered import TieredStore
from facade.legacy.shared_usage import SharedUsage
from facade.web.rate_limit import RateLimit

pytestmark = [
    pytest.mark.redis,
    # redis-py drops connections to nodes and masters that are gone without closing them.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def store_of(servers):
    # Seconds that a busy machine does not use up.
    return RedisStore(servers.url, timeout=5.0, pause=0.01)


@pytest.fixture
async def on_cluster(redis_cluster):
    store = store_of(redis_cluster)
    await store.purge()
    yield store
    await store.aclose()


def keys_of(scope, number=40):
    return [key(scope, "reporting", str(each).encode()) for each in range(number)]


async def test_a_scope_is_on_all_nodes_of_a_cluster_and_dropped_on_all(on_cluster, redis_cluster, make_entry):
    keys, other = keys_of("t-a"), keys_of("t-b", 1)[0]
    await on_cluster.set_many([(each, make_entry(each.encode()), 60) for each in [*keys, other]])
    assert [entry.body.decode() for entry in await on_cluster.get_many([*keys, other])] == [*keys, other]
    assert (await on_cluster.get(keys[3])).body.decode() == keys[3]
    assert all(redis_cluster.keys().values())
    await on_cluster.delete(keys[0])
    await on_cluster.set_many([(keys[1], make_entry(), 0), (keys[2], make_entry(), 0)])
    assert await on_cluster.drop(scope_prefix("t-a")) == len(keys) - 3
    assert await on_cluster.get_many(keys) == [None] * len(keys)
    assert await on_cluster.get(other) is not None
    assert not any(b"t-a" in name for names in redis_cluster.keys().values() for name in names)
    assert await on_cluster.purge("t-b") == 1
    assert await on_cluster.get(other) is None


async def test_what_is_written_in_one_transaction_is_of_one_slot(on_cluster):
    for each in keys_of("t-a"):
        assert key_slot(on_cluster.name_of(each).encode()) == key_slot(on_cluster._index_of(each).encode())
    assert len({key_slot(on_cluster.name_of(each).encode()) for each in keys_of("t-a", 200)}) == 16


async def _uses_all_of(url, make_entry, until):
    """Texts, a lock, invalidation, a stream, rates and usage."""
    one, other = (TieredStore(RedisStore(url, timeout=5.0, pause=0.01), 1 << 20) for _ in range(2))
    one_key = keys_of("t-a", 1)[0]
    try:
        await one.set_text("login", "text", 60)
        assert await other.get_text("login") == "text"
        assert [await store.add_text("turn", "1", 60) for store in (one, other)] == [True, False]
        # The lock: who waits gets what the other has made.
        async with one.locks.turn("work", one_key, readable=lambda _: True) as made:
            assert made is None
            waiting = asyncio.create_task(_turn(other, one_key))
            await asyncio.sleep(0)
            await one.set(one_key, make_entry(b"made", as_of=time.time(), fresh_until=3e9), 60)
        assert (await waiting).body == b"made"
        # Invalidation: a memory forgets what another replica drops.
        assert (await other.get(one_key)).body == b"made"
        await until(lambda: one.is_listening and other.is_listening)
        assert await other.get(one_key) is not None
        await one.drop(scope_prefix("t-a"))
        await until(lambda: other.peek(one_key) is None)
        stream = one.stream("live")
        assert await stream.append(b"first")
        ((first, body),) = await other.stream("live").read("0-0")
        assert body == b"first"
        reading = asyncio.create_task(other.stream("live").read(first))
        assert await stream.append(b"second")
        assert [body for _, body in await reading] == [b"second"]
        assert await one.ping() == "ok"
    finally:
        await one.aclose()
        await other.aclose()
    limits = [RateLimit.create("3/minute", url) for _ in range(2)]
    for _ in range(3):
        await limits[0].check("caller")
    with pytest.raises(RateLimited):
        await limits[1].check("caller")
    for limit in limits:
        await limit.aclose()
    usages = [SharedUsage(url) for _ in range(2)]
    usages[0]._counts.add(usages[0].today(), ("t", "c", "1", "o"), 2)
    await usages[0].write()
    assert [count for _, row, count in await usages[1].counted(1) if row == ("t", "c", "1", "o")] == [2]
    for usage in usages:
        await usage.aclose()


async def _turn(store, of):
    async with store.locks.turn("work", of, readable=lambda _: True) as made:
        return made


async def test_all_that_replicas_share_works_on_a_cluster(redis_cluster, on_cluster, make_entry, until):
    await _uses_all_of(redis_cluster.url, make_entry, until)


async def test_all_that_replicas_share_works_behind_a_sentinel_and_moves_to_the_next_master(
    redis_with_sentinel, make_entry, until
):
    await _uses_all_of(redis_with_sentinel.url, make_entry, until)
    store = store_of(redis_with_sentinel)
    heard: list[str] = []
    invalidations = Invalidations(
        store.client, store.channel, on_message=lambda _, about: heard.append(about), on_change=lambda: None
    )
    invalidations.start()
    one = keys_of("t-a", 1)[0]
    await store.set(one, make_entry(), 600)
    redis_with_sentinel.kill(redis_with_sentinel.master)
    async with asyncio.timeout(60):
        # Reads and writes, for a replica that is no master yet takes no write.
        while (await store.set(one, make_entry(b"new"), 600)) or (await store.get(one)) != make_entry(b"new"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while "after" not in heard:
            await store.client.attempt(
                "invalidation", lambda: store.client.client.publish(store.channel, "scope after"), 0
            )
            await asyncio.sleep(0.05)
    await invalidations.aclose()
    await store.aclose()


async def test_a_node_that_dies_costs_its_keys_alone_until_it_is_back(on_cluster, redis_cluster, make_entry):
    keys = keys_of("t-a")
    port = redis_cluster.ports[-1]
    redis_cluster.kill(port)
    try:
        async with asyncio.timeout(60):
            await on_cluster.get_many(keys)
    finally:
        redis_cluster.start_node(port)
    async with asyncio.timeout(60):
        while any(redis_cluster.state(each) != "ok" for each in redis_cluster.ports):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while None in await on_cluster.get_many(keys):
            await on_cluster.set_many([(each, make_entry(), 60) for each in keys])


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("redis://:p%40ss@h:1/2", "h:1/2"),
        ("redis+cluster://u:p@a:1,b:2,[::1]:3", "a:1,b:2,::1:3/0"),
        ("redis+cluster://a", "a:6379/0"),
        ("redis+sentinel://u:p@a,b:5/main?sentinel_password=x", "a:26379,b:5/main"),
        ("rediss+sentinel://a/main/3", "a:26379/main"),
    ],
)
def test_an_address_is_read(url, where):
    address = RedisAddress.parse(url)
    assert str(address) == where
    assert address.client(timeout=1.0, max_connections=1)
    if address.kind == "sentinel":
        assert address.options.get("db", 0) == (3 if "/3" in url else 0)
        assert (address.sentinel_options or {}).get("password") == ("x" if "=x" in url else None)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@a,b",
        "redis+cluster://:secret@a,b/3",
        "redis+cluster://:se/cret@a,b",
        "redis+sentinel://:secret@a",
        "redis+sentinel://:secret@a:x/main",
        "redis+sentinel://:secret@a/main?colour=secret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="the Redis URL cannot be used") as refusal:
        open_store(url, 1)
    assert "cret" not in str(refusal.value)
