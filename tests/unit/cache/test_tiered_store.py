"""Memory in front of Redis: as fast as memory, and with the invalidations of Redis."""

import asyncio

import pytest

from facade.cache import key, scope_prefix
from facade.cache.redis.invalidation import Invalidations
from facade.cache.redis.store import RedisStore
from facade.cache.tiered import WHILE_DEAF, WHILE_LISTENING, TieredStore

pytestmark = pytest.mark.redis

A, B, C = (key("t-a", "reporting", body) for body in (b"1", b"2", b"3"))
OTHER = key("t-b", "reporting", b"1")


@pytest.fixture
def wall(clock):
    """The clock of entries: `make_entry` makes them fresh for another minute."""
    return type(clock)(1001.0)


@pytest.fixture
async def open_replica(redis_server, clock, wall):
    opened = []

    def open_replica(**options):
        options = {"timeout": 1.0, **options}
        opened.append(
            TieredStore(RedisStore(redis_server.url, clock=clock, **options), 1 << 20, clock=clock, wall=wall)
        )
        return opened[-1]

    yield open_replica
    for replica in opened:
        await replica.aclose()


@pytest.fixture
async def replicas(open_replica, until):
    """Two that hear each other."""
    replicas = [open_replica() for _ in range(2)]
    for replica in replicas:
        await replica.get(A)
    await until(lambda: all(replica.is_listening for replica in replicas))
    return replicas


async def test_what_is_fresh_in_memory_asks_nothing_of_redis(replicas, redis_server, make_entry):
    first, second = replicas
    await first.set_many([(name, make_entry(name.encode()), 60) for name in (A, B)])
    assert await second.get_many([A, B]) == [make_entry(A.encode()), make_entry(B.encode())]
    redis_server.forget_calls()
    for replica in replicas:
        assert await replica.get(A) == replica.peek(A) == make_entry(A.encode())
        assert await replica.get_many([B, A]) == [make_entry(B.encode()), make_entry(A.encode())]
    assert redis_server.calls() == {}


async def test_many_are_one_round_trip_for_what_memory_has_not(replicas, redis_server, make_entry):
    first, second = replicas
    await first.set_many([(name, make_entry(name.encode()), 60) for name in (A, B)])
    await second.get(A)
    redis_server.forget_calls()
    assert await second.get_many([A, C, B, OTHER]) == [make_entry(A.encode()), None, make_entry(B.encode()), None]
    assert redis_server.calls() == {"mget": 1}


async def test_many_are_written_in_one_go_and_dropped_by_their_scopes(replicas, redis_server, make_entry):
    first, second = replicas
    redis_server.forget_calls()
    await first.set_many([(name, make_entry(), 60) for name in (A, B, C, OTHER)])
    assert redis_server.calls() == {"multi": 1, "set": 4, "zadd": 2, "zremrangebyscore": 2, "expire": 2, "exec": 1}
    assert await second.drop(scope_prefix("t-a")) == 3
    assert await second.get_many([A, B, C, OTHER]) == [None, None, None, make_entry()]
    await first.set_many([])


async def test_very_many_are_written_in_parts(replicas, redis_server, make_entry):
    first, second = replicas
    names = [key("t-a", "reporting", b"%d" % number) for number in range(1201)]
    redis_server.forget_calls()
    await first.set_many([(name, make_entry(name.encode()), 60) for name in names])
    assert redis_server.calls()["exec"] == 3
    assert await second.get_many(names) == [make_entry(name.encode()) for name in names]
    redis_server.forget_calls()
    await first.set_many([(name, make_entry(b"x" * (3 << 20)), 60) for name in names[:5]])
    assert redis_server.calls()["exec"] == 3


async def test_of_many_those_without_a_ttl_are_emptied(replicas, make_entry):
    first, _ = replicas
    await first.set_many([(name, make_entry(), 60) for name in (A, B)])
    await first.set_many([(A, make_entry(), 0), (B, make_entry(), 60), (C, make_entry(), -1)])
    for replica in replicas:
        assert await replica.get_many([A, B, C]) == [None, make_entry(), None]


async def test_past_its_freshness_a_newer_one_of_another_replica_is_found(replicas, wall, make_entry):
    first, second = replicas
    await first.set(A, make_entry(b"old"), 600)
    assert await second.get(A) == make_entry(b"old")
    wall.now = 1061.0
    newer = make_entry(b"new", as_of=1061.0, fresh_until=1100.0)
    await first.set(A, newer, 600)
    assert await second.get_many([A]) == [newer]
    assert second.peek(A) == newer


async def test_what_is_past_its_freshness_is_had_without_redis_too(replicas, wall, redis_server, make_entry):
    first, _ = replicas
    await first.set(A, make_entry(), 600)
    wall.now = 1061.0
    redis_server.command("DEL", f"facade:{A}")
    assert await first.get(A) == make_entry()


async def test_an_older_one_in_redis_does_not_take_the_place_of_a_newer(replicas, wall, redis_server, make_entry):
    first, second = replicas
    await second.set(A, make_entry(b"old"), 600)
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    newer = make_entry(b"new", as_of=1010.0)
    await first.set(A, newer, 600)
    wall.now = 1061.0
    assert await second.get(A) == make_entry(b"old")
    assert await first.get(A) == (await first.get_many([A]))[0] == first.peek(A) == newer


async def test_memory_looks_at_redis_again_after_a_minute(replicas, clock, redis_server, make_entry):
    first, _ = replicas
    await first.set(A, make_entry(), 600)
    redis_server.command("DEL", f"facade:{A}")
    clock.now += WHILE_LISTENING - 1
    assert await first.get(A) == make_entry()
    clock.now += 1
    assert await first.get(A) is None


async def test_a_ttl_shorter_than_that_is_kept_to(replicas, clock, redis_server, make_entry):
    first, _ = replicas
    await first.set(A, make_entry(), 0.02)
    clock.now += 0.02
    await asyncio.sleep(0.03)
    assert await first.get(A) is None


async def test_what_one_drops_all_forget_and_nothing_else(replicas, until, make_entry):
    first, second = replicas
    for name in (A, B, OTHER):
        await first.set(name, make_entry(), 60)
        await second.get(name)
    assert await first.drop(scope_prefix("t-a")) == 2
    await until(lambda: second.peek(A) is None)
    assert second.peek(B) is None
    assert second.peek(OTHER) == make_entry()
    with pytest.raises(ValueError, match="not the prefix of a scope"):
        await first.drop("v1:t-")


async def test_what_was_asked_for_before_a_drop_is_not_kept_after_it(replicas, until, wall, make_entry):
    first, second = replicas
    await second.set(A, make_entry(), 60)
    await first.drop(scope_prefix("t-a"))
    await until(lambda: second.peek(A) is None)
    await second.set(A, make_entry(), 60)
    second.put_local(B, make_entry(), 60)
    assert await first.get(A) is await second.get(A) is second.peek(B) is None
    wall.now += 1
    newer = make_entry(as_of=wall.now)
    await second.set(A, newer, 60)
    assert await first.get(A) == await second.get(A) == newer


async def test_what_redis_gives_late_after_a_drop_is_no_answer(replicas, redis_server, until, make_entry):
    first, _ = replicas
    await first.set(A, make_entry(), 60)
    # As a replica does that is slower to reach Redis than this one.
    first._drop_here(scope_prefix("t-a"))
    assert await first.get(A) is None
    assert await first.get_many([A]) == [None]


async def test_what_is_dropped_while_redis_is_asked_for_a_newer_one_is_not_given(
    replicas, redis_server, wall, make_entry
):
    first, _ = replicas
    wall.now = 1061.0
    for ask in (lambda: first.get(A), lambda: first.get_many([A])):
        await first.set(A, make_entry(as_of=wall.now, fresh_until=wall.now), 60)
        redis_server.command("DEL", f"facade:{A}")
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        wall.now += 1
        first._on_message("scope", scope_prefix("t-a"))
        assert await asking in (None, [None])
        wall.now += 1


@pytest.mark.parametrize(("start", "left"), [("", []), ("t-", []), ("t-a", [OTHER]), ("j-", [A, OTHER])])
async def test_a_purge_reaches_all_memories(replicas, until, make_entry, start, left):
    first, second = replicas
    for name in (A, OTHER):
        await first.set(name, make_entry(), 60)
        await second.get(name)
    second.put_local(B, make_entry(), 60)
    assert await first.purge(start) == 2 - len(left)
    await until(lambda: all(replica.peek(name) is None for replica in replicas for name in {A, OTHER} - set(left)))
    assert [name for name in (A, OTHER) if await second.get(name)] == left
    assert (second.peek(B) is None) == (start in ("", "t-", "t-a"))


async def test_what_is_put_here_alone_is_here_alone_and_goes_with_its_scope(replicas, until, clock, make_entry):
    first, second = replicas
    for name in (A, B):
        first.put_local(name, make_entry(), 30)
    assert first.peek(A) == make_entry()
    assert await second.get(A) is None
    await second.drop(scope_prefix("t-a"))
    await until(lambda: first.peek(A) is None)
    first.put_local(OTHER, make_entry(), 30)
    clock.now += 30
    assert first.peek(OTHER) is None


async def test_texts_are_in_redis_alone(replicas, make_entry):
    first, second = replicas
    await first.set_text("login", "text", 60)
    assert await second.get_text("login") == "text"
    await second.delete("login")
    assert await first.get_text("login") is None
    assert await first.add_text("turn", "mine", 60) is True
    assert await second.add_text("turn", "mine", 60) is False


async def test_memory_is_within_its_bound(replicas, make_entry):
    first, _ = replicas
    for number in range(300):
        await first.set(key("t-a", "reporting", b"%d" % number), make_entry(b"x" * 10_000), 60)
    assert first.used_bytes <= 1 << 20
    # And Redis has them all.
    assert await first.get(key("t-a", "reporting", b"0")) == make_entry(b"x" * 10_000)


async def test_with_the_connection_goes_what_memory_had_of_it(replicas, redis_server, until, make_entry):
    first, _ = replicas
    await first.set(A, make_entry(), 60)
    first.put_local(B, make_entry(), 60)
    redis_server.kill()
    await until(lambda: not first.is_listening)
    assert first.peek(A) is first.peek(B) is None
    assert await first.get(A) is None


async def test_while_nothing_is_heard_memory_keeps_five_seconds_and_nothing_of_it_after(
    replicas, redis_server, until, clock, make_entry
):
    first, _ = replicas
    redis_server.kill()
    await until(lambda: not first.is_listening)
    await first.set(A, make_entry(), 60)
    first.put_local(B, make_entry(), 60)
    clock.now += WHILE_DEAF - 1
    assert await first.get(A) == first.peek(B) == make_entry()
    clock.now += 1
    assert await first.get(A) is first.peek(B) is None
    await first.set(A, make_entry(), 60)
    redis_server.start()
    await until(lambda: first.is_listening)
    assert first.peek(A) is None


async def test_a_drop_that_redis_did_not_take_reaches_the_others_with_it(
    replicas, redis_server, until, clock, make_entry
):
    first, second = replicas
    redis_server.kill()
    await until(lambda: not (first.is_listening or second.is_listening))
    assert await first.drop(scope_prefix("t-a")) == 0
    redis_server.start()
    await until(lambda: second.is_listening)
    second.put_local(A, make_entry(), 60)
    clock.now += 1
    await first.get(OTHER)
    await until(lambda: second.peek(A) is None)


@pytest.mark.parametrize("refused", ["subscribe", "publish"])
async def test_a_redis_that_will_not_pass_news_on_is_a_cache_all_the_same(
    redis_server, open_replica, until, clock, make_entry, refused
):
    redis_server.command("ACL", "SETUSER", "default", f"-{refused}")
    first, second = open_replica(), open_replica()
    await first.set(A, make_entry(), 60)
    assert await second.get(A) == make_entry()
    await until(lambda: first._shared.client.refused("invalidation").lasts)
    assert not first.is_listening
    assert await first.drop(scope_prefix("t-a")) == 1
    assert second.peek(A) == make_entry()
    clock.now += WHILE_DEAF
    assert await second.get(A) is None
    redis_server.command("ACL", "SETUSER", "default", f"+{refused}")
    await until(lambda: first.is_listening)


async def test_a_user_of_the_facades_own_keys_is_enough(redis_server, clock, wall, until, make_entry):
    redis_server.command("ACL", "SETUSER", "facade", "on", ">word", "resetchannels", "~facade:*", "&facade:*", "+@all")
    url = redis_server.url.replace("redis://", "redis://facade:word@")
    replicas = [TieredStore(RedisStore(url, clock=clock), 1 << 20, clock=clock, wall=wall) for _ in range(2)]
    first, second = replicas
    await first.set(A, make_entry(), 60)
    assert await second.get_many([A, B]) == [make_entry(), None]
    await until(lambda: first.is_listening and second.is_listening)
    async with first.locks.turn("flight", B, readable=lambda _: True) as entry:
        assert entry is None
    assert await first.purge() == 1
    await until(lambda: second.peek(A) is None)
    assert await first.add_text("login", "text", 60) is True
    for replica in replicas:
        await replica.aclose()
    assert redis_server.command("ACL", "LOG").startswith("*0")


async def test_a_redis_that_is_full_forgets_what_ends_first_and_no_index(replicas, redis_server, make_entry):
    first, second = replicas
    redis_server.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    used = int(redis_server.info("memory")["used_memory"])
    redis_server.command("CONFIG", "SET", "maxmemory", str(used + (2 << 20)))
    names = [key("t-a", "reporting", b"%d" % number) for number in range(200)]
    for name in names:
        await first.set(name, make_entry(b"x" * 40_000), 600)
    left = [entry for entry in await second.get_many(names) if entry]
    assert 10 < len(left) < 150
    await first.drop(scope_prefix("t-a"))
    assert await first._shared.get_many(names) == [None] * 200


async def test_a_connection_that_hangs_is_found_out(redis_server, until):
    store = RedisStore(redis_server.url, timeout=0.6)
    changes = []
    invalidations = Invalidations(
        store.client,
        "c",
        on_message=lambda *_: None,
        on_change=lambda: changes.append(invalidations.is_listening),
        silence=0.2,
    )
    invalidations.start()
    await until(lambda: invalidations.is_listening)
    # Silence alone is no reason: asked, it answers.
    await asyncio.sleep(0.5)
    assert changes == [True]
    redis_server.freeze()
    await until(lambda: not invalidations.is_listening)
    redis_server.thaw()
    await until(lambda: invalidations.is_listening)
    assert changes == [True, False, True]
    await invalidations.aclose()
    await store.aclose()


async def test_a_word_that_nobody_knows_changes_nothing(replicas, redis_server, until, make_entry):
    first, second = replicas
    await first.set(A, make_entry(), 60)
    for word in ("hello", "hello-somebody", "\\xff", "scope", "scope-v1"):
        redis_server.command("PUBLISH", "facade:forget", word)
    await second.set(B, make_entry(), 60)
    await second.drop(scope_prefix("t-b"))
    assert first.peek(A) == make_entry()
    assert first.is_listening


async def test_one_that_is_closed_as_soon_as_it_opened_leaves_nothing_behind(redis_server, open_replica, make_entry):
    for wait in (0, 0, 0.001, 0.003, 0.01):
        replica = open_replica()
        await asyncio.gather(replica.get(A), asyncio.sleep(wait))
        await replica.aclose()
        assert await replica.get(A) is None
        replica.put_local(A, make_entry(), 1)
    deadline = asyncio.get_running_loop().time() + 10
    while redis_server.command("PUBLISH", "facade:forget", "x") != ":0":
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
