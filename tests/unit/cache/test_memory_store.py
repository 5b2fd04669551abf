import tracemalloc
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from facade.cache import Entry, MemoryStore, key, open_store, scope_prefix

T = TypeVar("T")
KEYS = [key(f"t-{scope}", "reporting", str(number).encode()) for scope in "ab" for number in range(6)]


def entry(size: int = 10, mark: float = 0.0) -> Entry:
    return Entry(bytes(size), "application/json", mark, mark, None, partial=False)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Its result, or a failure if it waits for anything: a store in memory has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise AssertionError("waited")


def cost(key: str, value: Entry) -> int:
    store = MemoryStore(1 << 30)
    at_once(store.set(key, value, 1))
    return store.used_bytes


class AgainstAModel(RuleBasedStateMachine):
    """The model evicts by its own order, and knows nothing of how the store keeps it."""

    max_bytes = 20_000

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.marks = 0
        self.store = MemoryStore(self.max_bytes, clock=lambda: self.now)
        self.model: OrderedDict[str, tuple[Entry, float, int]] = OrderedDict()

    def expected(self, key: str) -> Entry | None:
        if key not in self.model:
            return None
        value, expires_at, _ = self.model[key]
        if expires_at <= self.now:
            del self.model[key]
            return None
        self.model.move_to_end(key)
        return value

    @rule(
        key=st.sampled_from(KEYS),
        size=st.integers(0, 3000),
        ttl=st.integers(-1, 20),
        way=st.sampled_from(["one", "many", "here"]),
    )
    def set(self, key, size, ttl, way):
        self.marks += 1
        value = entry(size, self.marks)
        if way == "one":
            at_once(self.store.set(key, value, ttl))
        elif way == "many":
            at_once(self.store.set_many([(key, entry(size), ttl), (key, value, ttl)]))
        else:
            self.store.put_local(key, value, ttl)
        self.model.pop(key, None)
        weight = cost(key, value)
        if ttl > 0 and weight <= self.max_bytes // 8:
            self.model[key] = value, self.now + ttl, weight
            while sum(weight for _, _, weight in self.model.values()) > self.max_bytes:
                self.model.popitem(last=False)

    @rule(key=st.sampled_from(KEYS))
    def get(self, key):
        assert at_once(self.store.get(key)) == self.expected(key)

    @rule(key=st.sampled_from(KEYS))
    def peek(self, key):
        assert self.store.peek(key) == self.expected(key)

    @rule(keys=st.lists(st.sampled_from(KEYS), max_size=4))
    def get_many(self, keys):
        assert at_once(self.store.get_many(keys)) == [self.expected(key) for key in keys]

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key):
        at_once(self.store.delete(key))
        self.model.pop(key, None)

    @rule(scope=st.sampled_from(["t-a", "t-b", "t-none"]))
    def drop(self, scope):
        gone = [name for name in self.model if name.startswith(f"v1:{scope}:")]
        assert at_once(self.store.drop(scope_prefix(scope))) == len(gone)
        for name in gone:
            del self.model[name]

    @rule(start=st.sampled_from(["", "t-", "t-b", "j-"]))
    def purge(self, start):
        self.store.purge(start)
        for name in [name for name in self.model if name.startswith(f"v1:{start}")]:
            del self.model[name]

    @precondition(lambda self: self.model)
    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def the_bound_holds(self):
        assert self.store.used_bytes <= self.max_bytes
        assert self.store.used_bytes == sum(weight for _, _, weight in self.model.values())
        assert len(self.store) == len(self.model)


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_the_least_recently_used_goes_first():
    one, two, three, four = KEYS[:4]
    size = 2000
    store = MemoryStore(int(3.5 * cost(one, entry(size))))
    store._cache.max_cost = store._cache.max_bytes  # three fit; an eighth would be none
    for name in (one, two, three):
        await store.set(name, entry(size), 60)
    store.peek(one)
    await store.set(four, entry(size), 60)
    assert await store.get_many([one, two, three, four]) == [entry(size), None, entry(size), entry(size)]


async def test_one_huge_answer_does_not_sweep_out_the_rest():
    store = MemoryStore(100_000)
    await store.set(KEYS[0], entry(10), 60)
    await store.set(KEYS[1], entry(20_000), 60)
    assert store.peek(KEYS[1]) is None
    assert store.peek(KEYS[0]) is not None


async def test_what_is_too_big_to_keep_unseats_what_it_was_to_replace():
    store = MemoryStore(100_000)
    await store.set(KEYS[0], entry(10), 60)
    await store.set(KEYS[0], entry(20_000), 60)
    assert await store.get(KEYS[0]) is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
async def test_nothing_is_kept_for_ever_by_accident(ttl):
    store = MemoryStore()
    await store.set(KEYS[0], entry(), ttl)
    await store.set_text("lock", "held", ttl)
    assert await store.get(KEYS[0]) is None
    assert await store.get_text("lock") is None


async def test_an_entry_expires_at_its_time(clock):
    store = MemoryStore(clock=clock)
    await store.set(KEYS[0], entry(), 10)
    clock.now += 9.9
    assert store.peek(KEYS[0]) is not None
    clock.now += 0.1
    assert store.peek(KEYS[0]) is None
    assert store.used_bytes == 0


async def test_texts_and_entries_do_not_pass_for_each_other(clock):
    store = MemoryStore(clock=clock)
    await store.set_text("v1:t-a:accepted", "yes", 10)
    await store.set(KEYS[0], entry(), 10)
    assert await store.get_text("v1:t-a:accepted") == "yes"
    assert await store.get("v1:t-a:accepted") is None
    assert await store.get_text(KEYS[0]) is None
    assert await store.drop(scope_prefix("t-a")) == 2
    assert await store.get_text("v1:t-a:accepted") is None


@pytest.mark.parametrize("prefix", ["", "v1:", "v1:t-a", "v1:t-a:reporting:"])
async def test_only_whole_scopes_can_be_dropped(prefix):
    store = MemoryStore()
    await store.set(KEYS[0], entry(), 10)
    with pytest.raises(ValueError, match="not the prefix of a scope"):
        await store.drop(prefix)
    assert store.peek(KEYS[0]) is not None


async def test_many_are_asked_for_at_once_even_with_aiocache_switched_off(monkeypatch):
    monkeypatch.setenv("AIOCACHE_DISABLE", "1")
    store = MemoryStore()
    await store.set(KEYS[0], entry(), 10)
    assert await store.get(KEYS[0]) is None
    assert await store.get_many(KEYS[:2]) == [None, None]


def test_the_bound_is_of_memory_and_not_of_bodies_alone():
    max_bytes = 2 << 20
    store = MemoryStore(max_bytes)
    tracemalloc.start()
    try:
        for number in range(10_000):
            name = key(f"t-{number // 50}", "reporting", str(number).encode())
            at_once(store.set(name, entry(100, number * 1.5), 60))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store) < 10_000
    assert 0.6 * max_bytes < used < 1.2 * max_bytes


async def test_closing_lets_go_of_everything():
    store = MemoryStore()
    await store.set(KEYS[0], entry(), 10)
    assert await store.ping() == "ok"
    await store.aclose()
    assert store.peek(KEYS[0]) is None
    assert store.used_bytes == 0


async def test_a_store_is_opened_by_its_url():
    store = open_store("memory://", 10_000)
    assert isinstance(store, MemoryStore)
    await store.set(KEYS[0], entry(1000), 10)
    assert store.peek(KEYS[0]) is None
    await store.set(KEYS[0], entry(100), 10)
    assert store.peek(KEYS[0]) == entry(100)


@pytest.mark.parametrize("url", ["", "memory", "memcached://h", "http://user:secret@h", "redis:h", "//[secret"])
def test_an_unknown_scheme_is_refused_with_the_known_ones_and_without_the_url(url):
    with pytest.raises(ValueError, match="memory://, redis:// or rediss://") as refusal:
        open_store(url, 1)
    assert "secret" not in str(refusal.value)


def test_a_bound_below_zero_is_refused():
    with pytest.raises(ValueError, match="max_bytes"):
        MemoryStore(-1)


def test_a_clock_set_back_keeps_nothing_fresh_for_longer():
    steady, wall = [1000.0], [5_000_000.0]
    store = MemoryStore(1 << 20, lambda: steady[0], lambda: wall[0])
    at_once(store.set(KEYS[0], entry(), 3600))
    steady[0] += 10
    wall[0] += 9.5
    assert at_once(store.get(KEYS[0])) is not None
    wall[0] -= 600
    assert at_once(store.get(KEYS[0])) is None
    assert store.used_bytes == 0
    at_once(store.set(KEYS[0], entry(), 3600))
    steady[0] += 10
    wall[0] += 10
    assert at_once(store.get(KEYS[0])) is not None
    wall[0] += 86_400
    assert at_once(store.get(KEYS[0])) is not None
