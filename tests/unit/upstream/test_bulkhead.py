from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from facade.upstream.bulkhead import Bulkhead, Crowded


async def test_no_more_than_its_size_hold_a_slot(settle):
    bulkhead = Bulkhead(2)
    tasks = [asyncio.create_task(bulkhead.acquire("a")) for _ in range(5)]
    await settle()
    assert [task.done() for task in tasks] == [True, True, False, False, False]
    bulkhead.release("a")
    await settle()
    assert sum(task.done() for task in tasks) == 3
    for task in tasks:
        task.cancel()


async def test_a_newcomer_gets_the_next_slot_however_many_of_another_wait(settle):
    bulkhead = Bulkhead(16)
    storm = [asyncio.create_task(bulkhead.acquire("storm")) for _ in range(500)]
    await settle()
    quiet = asyncio.create_task(bulkhead.acquire("quiet"))
    await settle()
    bulkhead.release("storm")
    await settle()
    assert quiet.done()
    for task in storm:
        task.cancel()


async def test_callers_who_hold_as_many_slots_take_turns(settle):
    bulkhead = Bulkhead(1)
    await bulkhead.acquire("first")
    order = []

    async def work(scope):
        await bulkhead.acquire(scope)
        order.append(scope)
        bulkhead.release(scope)

    tasks = [asyncio.create_task(work(scope)) for scope in ["a"] * 3 + ["b"] * 3 + ["c"] * 3]
    await settle()
    bulkhead.release("first")
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"] * 3


async def test_the_queue_is_bounded_and_whoever_fills_it_pays(settle):
    bulkhead = Bulkhead(1, waiting=10)
    await bulkhead.acquire("storm")
    storm = [asyncio.create_task(bulkhead.acquire("storm")) for _ in range(10)]
    await settle()
    with pytest.raises(Crowded) as refused:
        await bulkhead.acquire("storm")
    assert refused.value.extensions == {"code": "RATE_LIMITED", "retryAfter": 1.0}
    assert refused.value.status == 429

    quiet = asyncio.create_task(bulkhead.acquire("quiet"))
    await settle()
    assert not quiet.done()
    # The storm's last call made room.
    assert isinstance(storm[-1].exception(), Crowded)
    assert bulkhead.waiting == 10
    for task in [*storm, quiet]:
        task.cancel()


async def test_a_waiter_cancelled_in_the_moment_it_gets_a_slot_hands_it_on(settle):
    bulkhead = Bulkhead(1)
    await bulkhead.acquire("a")
    first, second = (asyncio.create_task(bulkhead.acquire(scope)) for scope in ("b", "c"))
    await settle()
    bulkhead.release("a")
    first.cancel()
    await settle()
    assert first.cancelled()
    assert second.done()
    bulkhead.release("c")
    assert bulkhead.free == 1


async def test_calls_that_hang_leave_a_way_through_for_others(settle):
    bulkhead = Bulkhead(16)
    await bulkhead.acquire("quiet")
    bulkhead.release("quiet")
    storm = [asyncio.create_task(bulkhead.acquire("storm")) for _ in range(100)]
    await settle()
    assert bulkhead.held("storm") == 14
    await asyncio.wait_for(bulkhead.acquire("quiet"), 1)
    bulkhead.release("quiet")
    await settle()
    assert bulkhead.held("storm") == 14
    bulkhead.release("storm")
    await settle()
    assert bulkhead.held("storm") == 14
    for task in storm:
        task.cancel()


async def test_a_lone_caller_has_all_slots(settle):
    bulkhead = Bulkhead(16)
    tasks = [asyncio.create_task(bulkhead.acquire("service")) for _ in range(20)]
    await settle()
    assert bulkhead.held("service") == 16
    for task in tasks:
        task.cancel()


class Crowding(RuleBasedStateMachine):
    """Callers that come, go and give up in any order."""

    SIZE, WAITING, MOST_EACH = 8, 8, 7

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bulkhead = Bulkhead(self.SIZE, waiting=self.WAITING)
        # So that no caller is the only one.
        for scope in "xy":
            self.loop.run_until_complete(self.bulkhead.acquire(scope))
            self.bulkhead.release(scope)
        self.tasks: list[tuple[str, asyncio.Task[None]]] = []
        self.holding: list[str] = []

    def teardown(self) -> None:
        for _, task in self.tasks:
            task.cancel()
        self.settle()
        self.loop.close()

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        waiting = []
        for scope, task in self.tasks:
            if not task.done():
                waiting.append((scope, task))
            elif not task.cancelled() and task.exception() is None:
                self.holding.append(scope)
            elif not task.cancelled():
                assert isinstance(task.exception(), Crowded)
        self.tasks = waiting

    @rule(scope=st.sampled_from("abcd"))
    def comes(self, scope: str) -> None:
        self.tasks.append((scope, self.loop.create_task(self.bulkhead.acquire(scope))))
        self.settle()

    @rule(scopes=st.lists(st.sampled_from("abcd"), min_size=2, max_size=10))
    def come_at_once(self, scopes: list[str]) -> None:
        self.tasks += [(scope, self.loop.create_task(self.bulkhead.acquire(scope))) for scope in scopes]
        self.settle()

    @precondition(lambda self: self.holding)
    @rule(data=st.data())
    def one_is_done(self, data: st.DataObject) -> None:
        scope = self.holding.pop(data.draw(st.integers(0, len(self.holding) - 1)))
        held, waited = Counter(self.holding), Counter(scope for scope, _ in self.tasks)
        self.bulkhead.release(scope)
        before = len(self.holding)
        self.settle()
        may = {scope for scope in waited if held[scope] < self.MOST_EACH}
        if may:
            assert len(self.holding) == before + 1
            # It went to one of those who held fewest.
            assert held[self.holding[-1]] == min(held[scope] for scope in may)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def one_gives_up(self, data: st.DataObject) -> None:
        _, task = self.tasks[data.draw(st.integers(0, len(self.tasks) - 1))]
        task.cancel()
        self.settle()

    @precondition(lambda self: self.tasks and self.holding)
    @rule(data=st.data(), release_first=st.booleans())
    def one_gives_up_as_one_is_done(self, data: st.DataObject, release_first: bool) -> None:
        _, task = self.tasks[data.draw(st.integers(0, len(self.tasks) - 1))]
        scope = self.holding.pop()
        if release_first:
            self.bulkhead.release(scope)
            task.cancel()
        else:
            task.cancel()
            self.bulkhead.release(scope)
        self.settle()

    @invariant()
    def every_slot_is_free_or_held(self) -> None:
        assert self.bulkhead.free + len(self.holding) == self.SIZE
        assert {scope: self.bulkhead.held(scope) for scope in "abcd"} == {
            scope: self.holding.count(scope) for scope in "abcd"
        }

    @invariant()
    def nobody_waits_beside_a_slot_that_they_may_have(self) -> None:
        assert self.bulkhead.waiting == len(self.tasks) <= self.WAITING
        if self.bulkhead.free:
            assert all(self.bulkhead.held(scope) == self.MOST_EACH for scope, _ in self.tasks)


Crowding.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_callers_in_any_order = Crowding.TestCase
