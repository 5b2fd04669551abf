"""When the poller polls, and what replicas share of it."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from facade.auth import Passthrough
from facade.butlr import RateLimited, UpstreamUnavailable
from facade.cache import MemoryStore
from facade.cache.policy import Rules
from facade.graph.questions import ReportQuestion
from facade.live import Log, Poller
from facade.live import poller as poller_module
from facade.live.poller import Watching
from facade.loaders import ReadOptions


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Question:
    """Values that a test sets. `asked` says of each reading whether it was to be fresh."""

    name = "question"

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.fails: list[Exception] = []
        self.asked: list[bool] = []
        self.quiet = 0.0
        self.was_read = asyncio.Event()

    async def read(self, _caller: Any, _keys: set[str], *, fresh: bool) -> dict[str, int]:
        self.asked.append(fresh)
        self.was_read.set()
        if self.fails:
            raise self.fails.pop(0)
        return dict(self.values)

    def is_newer(self, value: int, known: int) -> bool:
        return value != known

    def content(self, value: int) -> str:
        return str(value)

    def quiet_until(self, _now: float) -> float:
        return self.quiet

    def is_over(self, _key: str, _values: Any) -> bool:
        return True


class Replica:
    """A poller that is told when to poll."""

    def __init__(self, store: MemoryStore, question: Question, *, scope: str = "scope", now: float = 1000.0) -> None:
        self.question, self.now = question, now
        log = Log(wall=lambda: self.now)
        self.topic = log.topic(f"{scope} {question.name}")
        self.poller = Poller(question, self.topic, log, store, wall=lambda: self.now, polled=lambda _: None)
        self.watching = Watching(Passthrough("token"), frozenset(), 60.0, asyncio.Event())
        self.poller.watching.add(self.watching)

    async def poll(self, *, fresh: bool = True) -> float | None:
        return await self.poller._poll(fresh=fresh)

    def landed(self) -> dict[str, int]:
        return {change.key: change.id[0] for change in self.topic.since(0)}


@pytest.mark.parametrize(
    ("every", "now", "until"),
    [
        # From the end of a window until it has landed at each interval, then at the end of the next one.
        ("30m", "2026-01-05T10:00:10", "2026-01-05T10:00:10"),
        ("30m", "2026-01-05T10:14:59", "2026-01-05T10:14:59"),
        ("30m", "2026-01-05T10:15:00", "2026-01-05T10:30:00"),
        ("5m", "2026-01-05T10:03:00", "2026-01-05T10:03:00"),
        ("6h", "2026-01-05T13:59:00", "2026-01-05T13:59:00"),
        ("6h", "2026-01-05T14:00:00", "2026-01-05T18:00:00"),
        ("1w", "2026-01-05T10:00:00", "2026-01-06T00:00:00"),
    ],
)
def test_between_what_has_landed_and_the_next_windows_end_nothing_is_polled(every: str, now: str, until: str) -> None:
    services: Any = SimpleNamespace(upstream=SimpleNamespace(rules=Rules()))
    body = {"window": {"every": every, "function": "max"}}
    assert ReportQuestion(services, body, ReadOptions()).quiet_until(at(now)) == at(until)
    assert ReportQuestion(services, body, ReadOptions(include_open=True)).quiet_until(at(now)) == at(now)


async def test_the_next_poll_is_at_an_edge_of_the_interval_by_the_clock() -> None:
    replica = Replica(MemoryStore(1 << 20), Question(), now=6010.0)
    assert replica.poller.until_next() == 50.0
    replica.question.quiet = 6100.0
    assert replica.poller.until_next() == 110.0


async def test_failures_put_the_next_poll_off_and_longer_each_time_and_a_429_as_long_as_it_says() -> None:
    question = Question()
    replica = Replica(MemoryStore(1 << 20), question)
    question.fails = [
        UpstreamUnavailable("away"),
        UpstreamUnavailable("away"),
        RateLimited("slowly", retry_after=120.0),
    ]
    assert [await replica.poll() for _ in range(4)] == [1.0, 2.0, 120.0, None]


async def test_a_429_of_one_replica_puts_off_the_polls_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "BEHIND", 0.0)
    store = MemoryStore(1 << 20)
    one, other = Replica(store, Question()), Replica(store, Question())
    one.question.fails = [RateLimited("slowly", retry_after=120.0), UpstreamUnavailable("away")]
    other.question.fails = [UpstreamUnavailable("away")]
    assert await one.poll() == 120.0
    # Though somebody there asks for values at once.
    other.poller._asked.set()
    assert await other.poller._next() == 120.0
    assert other.question.asked == []
    one.now = other.now = 1119.0
    assert await other.poller._next() == 1.0
    # Then one of them tries again, and its failure is the second of all.
    one.now = other.now = 1120.0
    assert await one.poller._next() == 2.0
    assert await other.poller._next() == 2.0
    one.now = other.now = 1122.0
    assert await other.poller._next() == 4.0
    one.now = other.now = 1126.0
    assert [await replica.poller._next() for replica in (one, other)] == [None, None]
    assert [len(replica.question.asked) for replica in (one, other)] == [3, 2]
    assert await store.get_text(f"live:pause:{one.poller._landings.name}") is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"failures": 1, "until": 1e300}', '{"until": "soon"}'])
async def test_a_pause_that_is_none_puts_nothing_off(text: str) -> None:
    store = MemoryStore(1 << 20)
    replica = Replica(store, Question())
    await store.set_text(f"live:pause:{replica.poller._landings.name}", text, 60.0)
    assert await replica.poller._next() is None
    assert len(replica.question.asked) == 1


async def test_replicas_know_from_each_other_when_a_value_was_first_read() -> None:
    store, question = MemoryStore(1 << 20), Question()
    one, other = Replica(store, question), Replica(store, question, now=1500.0)
    question.values = {"a": 1, "b": 1}
    await one.poll()
    one.now = 1100.0
    question.values["b"] = 2
    await one.poll()
    # Who comes later knows what came when, and from when on.
    await other.poll()
    assert one.landed() == other.landed() == {"a": 1_000_000, "b": 1_100_000}
    assert other.topic.floor == (1_000_000, 0)
    # What it reads first it tells the others.
    question.values["a"] = 3
    await other.poll()
    one.now = 1600.0
    await one.poll()
    assert one.landed() == other.landed() == {"a": 1_500_000, "b": 1_100_000}


async def test_who_begins_with_less_than_another_has_told_reads_anew() -> None:
    store, question = MemoryStore(1 << 20), Question()
    one, other = Replica(store, question), Replica(store, question)
    question.values = {"a": 2}
    await one.poll()
    question.values = {"a": 1}
    await other.poll(fresh=False)
    assert question.asked == [True, False, True]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"since": -1, "read": {}}', '{"since": 1, "read": {"a": "b"}}'])
async def test_a_record_that_is_none_is_as_good_as_absent(text: str) -> None:
    store, question = MemoryStore(1 << 20), Question()
    question.values = {"a": 1}
    replica = Replica(store, question)
    await store.set_text(replica.poller._landings._key, text, 60)
    await replica.poll()
    assert replica.landed() == {"a": 1_000_000}


async def test_callers_of_two_scopes_do_not_take_each_others_turn() -> None:
    store, question = MemoryStore(1 << 20), Question()
    for scope in ("one", "other"):
        await Replica(store, question, scope=scope).poller._take_turn()
    assert question.asked == [True, True]
