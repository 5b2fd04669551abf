"""Subscribers who follow one source have what one who reads alone has."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from facade.assets import Assets
from facade.auth import Passthrough
from facade.cache import MemoryStore
from facade.live import Fanout, Live, WebhookEvent

TOKEN = Passthrough("token")


class NoSource:
    async def assets(self, _caller, _read_log):
        return Assets()


class Reader:
    """A subscriber to all events: notes what it is given, and how."""

    def __init__(self, lot):
        self._lot = lot
        self.seen: list[str] = []
        self.by_itself = self.given = 0
        self.is_slow = False
        self.subscriber = None

    def take(self, event):
        if self.is_slow:
            return False
        self.given += 1
        self.seen.append(event.id)
        return True

    async def run(self, live, fanout):
        async with live.subscribed(TOKEN, fanout, self.take) as subscriber:
            self.subscriber = subscriber
            subscriber.watch(live.events)
            with fanout.joined():
                while True:
                    for change in subscriber.news():
                        # A send that waits.
                        for _ in range(self._lot.randrange(3)):
                            await asyncio.sleep(0)
                        self.by_itself += 1
                        self.seen.append(change.value.id)
                    await subscriber.woken()


async def read_for_all(live, fanout):
    async with live.subscribed(TOKEN, fanout) as source:
        source.watch(live.events)
        while True:
            for change in source.news():
                await fanout.give(change.value, change.position)
            await source.woken()


@pytest.fixture
async def live():
    return Live(MemoryStore(1 << 20), NoSource(), every=60, most=1000, recheck=300, wall=lambda: 1.0)


@pytest.fixture
async def fanout(live):
    return Fanout(lambda fanout: read_for_all(live, fanout))


@pytest.fixture
async def start(live, fanout):
    """Start readers, who end with the test."""
    async with AsyncExitStack() as stack:

        async def stop(task):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        def start(reader):
            task = asyncio.create_task(reader.run(live, fanout))
            stack.push_async_callback(stop, task)
            return task

        yield start


async def settled():
    for _ in range(30):
        await asyncio.sleep(0)


async def publish(live, number):
    await live.publish(WebhookEvent(f"e{number}", "TRAFFIC", number))


async def following(live, start, count):
    """Readers who have had event 0, and follow the source."""
    readers = [Reader(random.Random(0)) for _ in range(count)]
    for reader in readers:
        start(reader)
    await settled()
    await publish(live, 0)
    await settled()
    return readers


async def test_who_waits_is_given_each_event_without_being_woken(live, start):
    readers = await following(live, start, 300)
    for number in range(1, 20):
        await publish(live, number)
        await settled()
    for reader in readers:
        assert reader.seen == [f"e{number}" for number in range(20)]
        assert reader.by_itself <= 1
    assert live.counts.subscribers == len(readers)
    assert live.counts.delivered == 20 * len(readers)
    assert live.counts.merged == 0


class Schedule:
    """Readers who come, stop to read, are woken and go, by chance."""

    def __init__(self, live, start, lot):
        self._live, self._start, self._lot = live, start, lot
        self._tasks: dict[Reader, asyncio.Task[None]] = {}
        self.number = 0

    @property
    def readers(self):
        return list(self._tasks)

    def come(self):
        if len(self._tasks) < 20:
            reader = Reader(self._lot)
            self._tasks[reader] = self._start(reader)

    def go(self):
        if self._tasks and not self._lot.randrange(4):
            self._tasks.pop(self._lot.choice(self.readers)).cancel()

    def be_slow_or_not(self):
        if self._tasks:
            self._lot.choice(self.readers).is_slow = self._lot.randrange(2) == 0

    def wake(self):
        """As when its token was refused, or a poll has failed."""
        if self._tasks and (subscriber := self._lot.choice(self.readers).subscriber) is not None:
            subscriber.wake.set()

    async def publish(self):
        for _ in range(self._lot.randrange(4)):
            await publish(self._live, self.number)
            self.number += 1

    async def turn(self):
        for _ in range(self._lot.randrange(6)):
            await asyncio.sleep(0)

    async def run(self, steps):
        for _ in range(steps):
            self._lot.choice((self.come, self.go, self.be_slow_or_not, self.wake))()
            await self._lot.choice((self.publish, self.turn))()
        for reader in self._tasks:
            reader.is_slow = False
        await settled()
        await publish(self._live, self.number)
        await settled()


@pytest.mark.parametrize("seed", range(30))
async def test_by_any_schedule_each_event_comes_once_and_in_order(live, start, seed):
    schedule = Schedule(live, start, random.Random(seed))
    await schedule.run(200)
    assert len(schedule.readers) > 3
    for reader in schedule.readers:
        assert reader.seen == [f"e{at}" for at in range(int(reader.seen[0][1:]), schedule.number + 1)]
    assert sum(reader.given for reader in schedule.readers)
    assert sum(reader.by_itself for reader in schedule.readers)


async def test_the_source_ends_with_the_last_member(live, fanout, start):
    tasks = [start(Reader(random.Random(0))) for _ in range(3)]
    await settled()
    assert live.events.watchers >= {fanout.source.wake}
    for task in tasks:
        task.cancel()
    await settled()
    assert fanout.source.wake not in live.events.watchers
    assert live.counts.subscribers == 0


async def test_who_follows_goes_on_alone_where_the_source_fails(live, start, fanout):
    readers = await following(live, start, 3)
    assert fanout.size == 3
    fanout._task.cancel()
    await settled()
    await publish(live, 1)
    await settled()
    for reader in readers:
        assert reader.seen == ["e0", "e1"]
        assert reader.by_itself
