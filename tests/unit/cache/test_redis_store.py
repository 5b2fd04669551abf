import asyncio
import random
import sys
import time

import pytest
from structlog.testing import capture_logs

from facade.cache import key, open_store, scope_prefix
from facade.cache.redis.store import RedisStore
from facade.cache.tiered import TieredStore

pytestmark = pytest.mark.redis

A, B = (key("t-a", "reporting", body) for body in (b"1", b"2"))
OTHER = key("t-b", "reporting", b"1")


@pytest.fixture
async def store(redis_server, clock):
    # A second is ample here, and a machine under load does not fake an outage.
    store = RedisStore(redis_server.url, timeout=1.0, pause=1.0, clock=clock)
    yield store
    await store.aclose()


@pytest.fixture
def logs():
    with capture_logs() as entries:
        yield entries


def told(logs):
    return [(line["event"], line["what"]) for line in logs]


async def test_an_entry_comes_back_as_it_was(store, make_entry):
    entry = make_entry(bytes(range(256)))
    await store.set(A, entry, 60)
    assert await store.get(A) == entry
    assert await store.get_many([B, A]) == [None, entry]
    assert await store.get_many([]) == []
    assert store.peek(A) is None
    await store.delete(A)
    assert await store.get(A) is None


async def test_texts_and_entries_do_not_pass_for_each_other(store, make_entry):
    await store.set_text("login", "tëxt", 60)
    await store.set(A, make_entry(), 60)
    assert await store.get_text("login") == "tëxt"
    assert await store.get_text("absent") is None
    assert await store.get("login") is None
    assert await store.get_text(A) is None


async def test_redis_keeps_to_the_ttl_and_to_the_prefix(store, redis_server, make_entry):
    await store.set(A, make_entry(), 12.5)
    await store.set_text("login", "text", 0.01)
    assert 11_000 < int(redis_server.command("PTTL", f"facade:{A}").lstrip(":")) <= 12_500
    assert redis_server.command("PTTL", A) == ":-2"
    await asyncio.sleep(0.02)
    assert await store.get_text("login") is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
async def test_without_a_ttl_nothing_is_kept(store, make_entry, ttl):
    await store.set(A, make_entry(), 60)
    await store.set(A, make_entry(), ttl)
    assert await store.get(A) is None


async def test_what_another_version_wrote_is_a_miss(store, redis_server):
    redis_server.command("SET", f"facade:{A}", "garbage")
    assert await store.get(A) is None


async def test_a_scope_is_dropped_and_its_neighbour_is_not(store, redis_server, make_entry):
    for name in (A, B, OTHER):
        await store.set(name, make_entry(), 60)
    await store.set_text("v1:t-a:accepted", "yes", 60)
    assert await store.drop(scope_prefix("t-a")) == 3
    assert await store.get_many([A, B, OTHER]) == [None, None, make_entry()]
    assert await store.get_text("v1:t-a:accepted") is None
    assert await store.drop(scope_prefix("t-a")) == 0
    await store.set(A, make_entry(), 60)
    assert await store.get(A) == make_entry()
    with pytest.raises(ValueError, match="not the prefix of a scope"):
        await store.drop("v1:t-")


async def test_the_index_of_a_scope_goes_with_it(store, redis_server, make_entry):
    await store.set(A, make_entry(), 60)
    assert int(redis_server.command("TTL", "facade:index:v1:t-a:").lstrip(":")) > 60
    await store.drop(scope_prefix("t-a"))
    assert redis_server.command("DBSIZE") == ":0"


async def test_two_stores_share_what_one_has(store, redis_server, make_entry):
    other = RedisStore(redis_server.url)
    await store.set(A, make_entry(), 60)
    assert await other.get(A) == make_entry()
    assert await other.drop(scope_prefix("t-a")) == 1
    assert await store.get(A) is None
    await other.aclose()


async def test_two_hundred_at_once_wait_for_a_connection_instead_of_failing(redis_server, clock, make_entry, logs):
    # Patient, for this is about the pool and not about how quick the machine is.
    store = RedisStore(redis_server.url, timeout=30.0, clock=clock)
    await store.set(A, make_entry(), 60)
    found = await asyncio.gather(*(store.get(A) for _ in range(200)))
    await store.aclose()
    assert found == [make_entry()] * 200
    assert logs == []


async def test_calls_cut_short_do_not_mix_up_the_answers_of_others(store, make_entry):
    names = [key("t-a", "reporting", str(number).encode()) for number in range(20)]
    for number, name in enumerate(names):
        await store.set(name, make_entry(str(number).encode()), 60)
    chance = random.Random(1)
    for _ in range(30):
        asked = [(number, asyncio.create_task(store.get(names[number]))) for number in range(20)]
        await asyncio.sleep(chance.random() / 500)
        for _, task in asked[::2]:
            task.cancel()
        await asyncio.gather(*(task for _, task in asked), return_exceptions=True)
        for number, task in asked:
            if not task.cancelled():
                assert task.result() == make_entry(str(number).encode())


async def test_whoever_is_cancelled_goes(store, make_entry):
    await store.set(A, make_entry(), 60)

    async def ask() -> None:
        while True:
            await store.get(A)
            # A store that is paused answers without waiting.
            await asyncio.sleep(0)

    chance = random.Random(1)
    for _ in range(50):
        asking = [asyncio.create_task(ask()) for _ in range(20)]
        await asyncio.sleep(chance.random() / 500)
        for task in asking:
            task.cancel()
        _, stayed = await asyncio.wait(asking, timeout=10)
        assert not stayed


async def test_a_redis_that_dies_is_no_cache_until_it_is_back(store, redis_server, clock, make_entry, logs):
    await store.set(A, make_entry(), 60)
    assert await store.ping() == "ok"

    redis_server.kill()
    assert await asyncio.gather(*(store.get(A) for _ in range(200))) == [None] * 200
    await store.set(A, make_entry(), 60)
    assert await store.get_many([A, B]) == [None, None]
    assert await store.get_text("login") is None
    await store.set_text("login", "text", 60)
    await store.delete(A)
    assert await store.drop(scope_prefix("t-b")) == 0
    assert await store.ping() == "down: connection refused"
    for _ in range(3):
        clock.now += 1.0
        assert await store.get(A) is None
    assert told(logs) == [("cache.down", "connection")]

    redis_server.start()
    clock.now += 1.0
    assert await store.ping() == "ok"
    await store.set(A, make_entry(), 60)
    assert await store.get(A) == make_entry()
    assert told(logs) == [("cache.down", "connection"), ("cache.back", "connection")]
    assert logs[1]["after_seconds"] == 4.0

    redis_server.kill()
    assert await store.get(A) is None
    assert told(logs)[2:] == [("cache.down", "connection")]


async def test_a_redis_killed_amid_many_calls_raises_nothing(store, redis_server, make_entry, logs):
    await store.set(A, make_entry(b"x" * 100_000), 60)

    async def call(number: int) -> None:
        for _ in range(20):
            if number % 2:
                await store.get(A)
            else:
                await store.set(A, make_entry(b"x" * 100_000), 60)

    calls = [asyncio.create_task(call(number)) for number in range(100)]
    await asyncio.sleep(0.05)
    redis_server.kill()
    await asyncio.gather(*calls)
    assert told(logs) == [("cache.down", "connection")]


async def test_a_redis_restarted_between_calls_goes_unnoticed(store, redis_server, make_entry, logs):
    await store.set(A, make_entry(), 60)
    redis_server.kill()
    redis_server.start()
    await store.set(A, make_entry(), 60)
    assert await store.get(A) == make_entry()
    assert logs == []


async def test_a_silent_redis_costs_one_timeout_and_not_one_a_call(redis_server, clock, make_entry, logs):
    store = RedisStore(redis_server.url, timeout=0.1, pause=1.0, clock=clock)
    await store.set(A, make_entry(), 60)
    redis_server.freeze()
    began = time.monotonic()
    assert await store.get(A) is None
    first = time.monotonic() - began
    assert first >= 0.1
    for _ in range(49):
        assert await store.get(A) is None
    # 49 more that each waited would be 49 times the first.
    assert time.monotonic() - began < 25 * first
    assert await store.ping() == "down: no answer in time"

    clock.now += 1.0
    attempt = asyncio.create_task(store.get(A))
    await asyncio.sleep(0)
    for _ in range(50):
        assert await store.get(A) is None
    assert not attempt.done(), "only one tries"
    assert await attempt is None

    redis_server.thaw()
    clock.now += 1.0
    assert await store.get(A) == make_entry()
    assert told(logs) == [("cache.down", "connection"), ("cache.back", "connection")]
    assert logs[0]["reason"] == "no answer in time"
    await store.aclose()


async def test_a_process_that_is_late_itself_does_not_give_redis_up(redis_server, make_entry, logs):
    store = RedisStore(redis_server.url, timeout=0.2)
    await store.set(A, make_entry(), 60)
    redis_server.freeze()
    asking = asyncio.create_task(store.get(A))
    await asyncio.sleep(0.05)
    redis_server.thaw()
    time.sleep(0.5)  # noqa: ASYNC251 -- nobody looks for what Redis answers meanwhile
    assert await asking == make_entry()
    assert logs == []
    await store.aclose()


async def test_a_call_from_before_the_outage_does_not_end_it(redis_server, clock, make_entry, logs):
    store = RedisStore(redis_server.url, timeout=1.0, clock=clock)
    await store.set(A, make_entry(), 60)
    redis_server.freeze()
    first = asyncio.create_task(store.get(A))
    await asyncio.sleep(0.5)
    second = asyncio.create_task(store.get(A))
    assert await first is None
    redis_server.thaw()
    assert await second == make_entry()
    assert await store.get(A) is None
    assert told(logs) == [("cache.down", "connection")]
    await store.aclose()


async def test_a_full_redis_still_answers_and_is_complained_of_once(store, redis_server, clock, make_entry, logs):
    await store.set(A, make_entry(), 60)
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    for _ in range(3):
        clock.now += 1.0
        await store.set(B, make_entry(), 60)
        await store.set(B, make_entry(), 60)
        assert await store.get_many([A, B]) == [make_entry(), None]
    assert told(logs) == [("cache.down", "set")]
    assert "OOM" in logs[0]["reason"] or "maxmemory" in logs[0]["reason"]

    redis_server.command("CONFIG", "SET", "maxmemory", "0")
    clock.now += 1.0
    await store.set(B, make_entry(), 60)
    assert await store.get(B) == make_entry()
    assert told(logs) == [("cache.down", "set"), ("cache.back", "set")]


async def test_a_scope_dropped_while_redis_is_silent_does_not_come_back_with_it(redis_server, clock, make_entry, logs):
    store = RedisStore(redis_server.url, timeout=0.1, clock=clock)
    for name in (A, OTHER):
        await store.set(name, make_entry(), 60)
    redis_server.freeze()
    assert await store.drop(scope_prefix("t-a")) == 0
    redis_server.thaw()
    clock.now += 1.0
    assert await store.get_many([A, OTHER]) == [None, make_entry()]
    assert redis_server.command("EXISTS", f"facade:{A}") == ":0"
    await store.set(A, make_entry(), 60)
    assert await store.get(A) == make_entry()
    await store.aclose()


async def test_a_scope_that_redis_will_not_drop_is_not_read(store, redis_server, clock, make_entry, logs):
    await store.set(A, make_entry(), 60)
    redis_server.command("ACL", "SETUSER", "default", "-unlink")
    assert await store.drop(scope_prefix("t-a")) == 0
    clock.now += 1.0
    assert await store.get(A) is None
    assert await store.get_text(A) is None
    assert await store.get_many([A]) == [None]
    redis_server.command("ACL", "SETUSER", "default", "+unlink")
    clock.now += 1.0
    assert await store.get(A) is None
    assert redis_server.command("EXISTS", f"facade:{A}") == ":0"
    assert told(logs) == [("cache.down", "delete"), ("cache.back", "delete")]


async def test_a_certificate_that_is_not_trusted_is_told(untrusted, make_entry, logs, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    _, context = untrusted
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        store = RedisStore(f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        assert await store.get(A) is None
        said = "its certificate is not trusted; if a private authority signs, set SSL_CERT_FILE"
        assert logs[0]["reason"] == said
        assert await store.ping() == f"down: {said}"
        await store.aclose()


async def test_a_wrong_password_is_told_without_being_shown(redis_server, make_entry, logs):
    redis_server.command("CONFIG", "SET", "requirepass", "right-secret")
    store = RedisStore(redis_server.url.replace("redis://", "redis://:wrong-secret@"))
    assert await store.get(A) is None
    assert await store.ping() == "down: credentials refused"
    assert logs[0]["redis"] == f"127.0.0.1:{redis_server.port}/0"
    assert "secret" not in repr(logs)
    await store.aclose()

    store = RedisStore(redis_server.url.replace("redis://", "redis://:right-secret@"))
    await store.set(A, make_entry(), 60)
    assert await store.get(A) == make_entry()
    await store.aclose()


async def test_a_host_without_an_address_is_down(logs):
    store = RedisStore("redis://redis.invalid:6379/0")
    assert await store.get(A) is None
    assert await store.ping() in ("down: host not found", "down: no answer in time")
    await store.aclose()


async def test_a_closed_store_has_nothing_and_opens_no_connection(store, redis_server, make_entry, logs):
    await store.set(A, make_entry(), 60)
    await store.aclose()
    await store.aclose()
    assert await store.get(A) is None
    assert await store.get_many([A]) == [None]
    assert await store.ping() == "down: closed"
    assert logs == []


async def test_many_are_asked_for_at_once_even_with_aiocache_switched_off(store, make_entry, monkeypatch):
    monkeypatch.setenv("AIOCACHE_DISABLE", "1")
    assert await store.get_many([A, B]) == [None, None]


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:se#cret@host/0",
        "redis://user:se/cret@host/0",
        "redis://:secret@host:99999",
        "redis://:secret@host?socket_timeout=soon",
        "redis://:secret@host?colour=secret",
        "redis://[secret",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="the Redis URL cannot be used") as refusal:
        open_store(url, 1)
    assert "cret" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_without_the_redis_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "facade.cache.redis.store", None)
    with pytest.raises(ValueError, match=r"butlr-graphql-facade\[redis\]"):
        open_store("redis://127.0.0.1", 1)


async def test_urls_with_and_without_tls_open_a_redis_store(redis_server):
    for url in (redis_server.url, "rediss://127.0.0.1:1/0"):
        store = open_store(url, 1)
        assert isinstance(store, TieredStore)
        assert await store.ping() == ("ok" if url == redis_server.url else "down: connection refused")
        await store.aclose()
