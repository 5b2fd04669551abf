"""One replica works while the others wait for its result, and none waits for a replica that cannot."""

import asyncio
import time

import pytest

from facade.cache import key, scope_prefix
from facade.cache.redis.lock import RedisLocks
from facade.cache.redis.store import RedisStore
from facade.cache.tiered import TieredStore

pytestmark = pytest.mark.redis

A = key("t-a", "reporting", b"1")
LOCK = "facade:lease:flight"
KEPT = 600.0


class Replica:
    """Makes the entry of `A` as the upstream's reader does."""

    def __init__(self, store, make_entry, wall):
        self.store, self.locks = store, store.locks
        self.make_entry, self.wall = make_entry, wall
        self.made = 0

    async def ask(self, work=None, *, since=None, readable=lambda _: True, name="flight"):
        async with self.locks.turn(name, A, readable=readable, since=since) as entry:
            if entry is not None:
                return entry.body
            self.made += 1
            return await (work or self.work)()

    async def work(self, *, seconds=0.02, fresh_for=60.0):
        asked_at = self.wall.now
        await asyncio.sleep(seconds)
        body = f"{id(self)} {self.made}".encode()
        entry = self.make_entry(body, as_of=asked_at, fresh_until=asked_at + fresh_for)
        await self.store.set(A, entry, KEPT)
        return body


async def fails():
    await asyncio.sleep(0.02)
    raise OSError("the upstream's")


@pytest.fixture
def wall(clock):
    return type(clock)(1001.0)


@pytest.fixture
async def open_replica(redis_server, wall, make_entry):
    opened = []

    def open_replica(lease=None, timeout=1.0):
        shared = RedisStore(redis_server.url, timeout=timeout)
        replica = Replica(TieredStore(shared, 1 << 20, wall=wall), make_entry, wall)
        if lease is not None:
            replica.locks = RedisLocks(shared, read=replica.store.get, held_for=lease, wall=wall)
        opened.append(replica)
        return replica

    yield open_replica
    for replica in opened:
        await replica.locks.aclose()
        await replica.store.aclose()


@pytest.fixture
def replicas(open_replica):
    return [open_replica() for _ in range(3)]


async def test_of_all_who_ask_at_once_one_works(replicas):
    answers = await asyncio.gather(*(replica.ask() for replica in replicas))
    assert len(set(answers)) == 1
    assert sum(replica.made for replica in replicas) == 1


async def test_whoever_comes_just_after_finds_it_made(replicas):
    made = await replicas[0].ask()
    assert [await replica.ask() for replica in replicas] == [made] * 3


async def test_other_names_do_not_wait(replicas):
    await asyncio.gather(*(replica.ask(name=f"flight {at}") for at, replica in enumerate(replicas)))
    assert [replica.made for replica in replicas] == [1, 1, 1]


async def test_after_one_that_fails_the_next_has_its_turn(replicas):
    first, *others = replicas
    failing = asyncio.create_task(first.ask(fails))
    await asyncio.sleep(0.01)
    answers = await asyncio.gather(*(replica.ask() for replica in others))
    with pytest.raises(OSError, match="upstream's"):
        await failing
    assert len(set(answers)) == 1
    assert sum(replica.made for replica in others) == 1


async def test_what_is_not_kept_each_makes_for_itself_in_turn(replicas):
    at_once = most = 0

    async def work():
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1

    await asyncio.gather(*(replica.ask(work) for replica in replicas))
    assert [replica.made for replica in replicas] == [1, 1, 1]
    assert most == 1


async def test_an_answer_that_is_past_its_freshness_when_it_comes_is_good_for_those_who_waited(
    replicas, redis_server, until, wall
):
    first, *others = replicas
    go = asyncio.Event()

    async def slow():
        asked_at = wall.now
        await go.wait()
        await first.store.set(A, first.make_entry(b"made", as_of=asked_at, fresh_until=asked_at + 5), KEPT)
        return b"made"

    working = asyncio.create_task(first.ask(slow))
    await until(lambda: redis_server.calls().get("getrange") == 1)
    waiting = [asyncio.create_task(replica.ask()) for replica in others]
    await until(lambda: redis_server.calls().get("getrange", 0) > 5)
    wall.now += 6
    go.set()
    assert await asyncio.gather(working, *waiting) == [b"made"] * 3
    assert await others[0].ask() != b"made"


class TestAskedForAnew:
    async def test_what_was_there_before_will_not_do(self, replicas, wall):
        first, second, _ = replicas
        old = await first.ask()
        wall.now += 1
        assert await second.ask(since=wall.now) != old
        assert second.made == 1

    async def test_what_was_asked_for_later_will_do(self, replicas, wall):
        first, second, _ = replicas
        made = await first.ask()
        assert await second.ask(since=wall.now - 0.5) == made

    async def test_a_flight_under_way_is_joined(self, replicas, wall):
        old = await replicas[0].ask()
        wall.now += 1
        answers = await asyncio.gather(*(replica.ask(since=wall.now) for replica in replicas))
        assert len({old, *answers}) == 2
        assert sum(replica.made for replica in replicas) == 2


async def test_what_one_may_not_read_one_makes_oneself(replicas):
    first, second, _ = replicas
    made = await first.ask()
    assert await second.ask(readable=lambda entry: entry.as_of > 5000) != made


async def test_what_was_dropped_is_made_anew(replicas):
    first, second, _ = replicas
    made = await first.ask()
    await first.store.drop(scope_prefix("t-a"))
    assert await second.ask() != made


async def test_work_that_outlasts_its_lease_is_not_done_twice(open_replica):
    replicas = [open_replica(lease=0.5) for _ in range(2)]
    slow = replicas[0]
    working = asyncio.create_task(slow.ask(lambda: slow.work(seconds=1.2)))
    await asyncio.sleep(0.05)
    assert await replicas[1].ask() == await working
    assert replicas[1].made == 0


async def test_one_that_died_holds_the_others_up_for_its_lease_alone(open_replica, redis_server):
    redis_server.command("SET", LOCK, "dead", "NX", "PX", "400")
    replicas = [open_replica() for _ in range(3)]
    began = time.monotonic()
    answers = await asyncio.gather(*(replica.ask() for replica in replicas))
    assert time.monotonic() - began >= 0.35
    assert len(set(answers)) == 1
    assert sum(replica.made for replica in replicas) == 1


@pytest.mark.parametrize("at", [0.0, 0.001, 0.01, 0.05])
async def test_whoever_is_cancelled_leaves_its_turn_to_the_next(replicas, redis_server, at):
    first, second, _ = replicas
    asking = asyncio.create_task(first.ask(lambda: first.work(seconds=30)))
    await asyncio.sleep(at)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(60):
        await second.ask()
    assert second.made == 1


async def test_whoever_is_cancelled_while_waiting_takes_nothing_from_the_others(replicas, redis_server):
    first, second, third = replicas
    working = asyncio.create_task(first.ask(lambda: first.work(seconds=0.3)))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(second.ask())
    await asyncio.sleep(0.05)
    waiting.cancel()
    assert await third.ask() == await working
    assert second.made == third.made == 0


async def test_without_redis_all_work_at_once(replicas, redis_server):
    redis_server.kill()
    await asyncio.gather(*(replica.ask() for replica in replicas))
    assert [replica.made for replica in replicas] == [1, 1, 1]


async def test_when_redis_goes_away_whoever_waits_works(replicas, redis_server):
    first, second, _ = replicas
    go = asyncio.Event()

    async def work():
        await go.wait()
        return await first.work()

    working = asyncio.create_task(first.ask(work))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(second.ask())
    await asyncio.sleep(0.05)
    redis_server.kill()
    await waiting
    assert second.made == 1
    go.set()
    await working


async def test_a_redis_that_hangs_costs_one_timeout(open_replica, redis_server):
    replica = open_replica(timeout=0.2)
    redis_server.freeze()
    async with asyncio.timeout(60):
        await replica.ask()
    redis_server.thaw()
    assert replica.made == 1


async def test_a_redis_without_scripts_for_us_still_lets_one_work(replicas, redis_server):
    for command in ("eval", "evalsha", "script"):
        redis_server.command("ACL", "SETUSER", "default", f"-{command}")
    answers = await asyncio.gather(*(replica.ask() for replica in replicas))
    assert len(set(answers)) == 1


async def test_undisputed_it_is_one_round_trip_before_and_one_after(replicas, redis_server):
    first, *_ = replicas
    await first.ask(name="to have the script there")
    await first.locks.aclose()
    await first.store.drop(scope_prefix("t-a"))
    redis_server.forget_calls()
    await first.ask(fails_quietly)
    await first.locks.aclose()
    # A script's own commands are counted too; what a replica says when it begins to listen is another matter.
    calls = {name: count for name, count in redis_server.calls().items() if name not in ("publish", "subscribe")}
    assert calls == {"set": 1, "get": 2, "getrange": 1, "evalsha": 1, "del": 1}
    assert redis_server.command("EXISTS", LOCK) == ":0"


async def fails_quietly():
    return None
