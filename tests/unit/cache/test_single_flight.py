import asyncio
import gc
import traceback
from contextvars import ContextVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.cache import FlightCancelled, SingleFlight


class Work:
    """Counts its calls; each ends when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self._ends: list[asyncio.Future[str]] = []

    async def __call__(self) -> str:
        self.calls += 1
        end = asyncio.get_running_loop().create_future()
        self._ends.append(end)
        try:
            return await end
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def end(self, result: str | Exception) -> None:
        for end in self._ends:
            if not end.done():
                if isinstance(result, Exception):
                    end.set_exception(result)
                else:
                    end.set_result(result)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
async def silent():
    """asyncio has nothing to complain of, such as exceptions that nobody retrieved."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    yield
    gc.collect()
    await settle()
    assert complaints == []


async def test_fifty_callers_make_one_call():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run("a", work)) for _ in range(50)]
    await settle()
    assert len(flights) == 1
    work.end("answer")
    assert await asyncio.gather(*callers) == ["answer"] * 50
    assert work.calls == 1
    assert len(flights) == 0


async def test_keys_fly_apart():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run(name, work)) for name in "abc"]
    await settle()
    assert len(flights) == 3
    work.end("answer")
    await asyncio.gather(*callers)
    assert work.calls == 3


async def test_a_result_is_not_remembered():
    flights, work = SingleFlight(), Work()
    for number in range(2):
        caller = asyncio.create_task(flights.run("a", work))
        await settle()
        work.end(str(number))
        assert await caller == str(number)
    assert work.calls == 2


async def test_the_leaders_cancellation_leaves_the_followers_their_answer():
    flights, work = SingleFlight(), Work()
    leader = asyncio.create_task(flights.run("a", work))
    followers = [asyncio.create_task(flights.run("a", work)) for _ in range(2)]
    await settle()
    leader.cancel()
    await settle()
    assert leader.cancelled()
    work.end("answer")
    assert await asyncio.gather(*followers) == ["answer", "answer"]
    assert (work.calls, work.cancelled) == (1, 0)


async def test_a_leader_cancelled_before_the_work_began_leaves_the_followers_their_answer():
    flights, work = SingleFlight(), Work()
    leader = asyncio.create_task(flights.run("a", work))
    follower = asyncio.create_task(flights.run("a", work))
    asyncio.get_running_loop().call_soon(leader.cancel)
    await settle()
    work.end("answer")
    assert await follower == "answer"
    assert leader.cancelled()


async def test_the_work_ends_with_its_last_waiter():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run("a", work)) for _ in range(2)]
    await settle()
    callers[0].cancel()
    await settle()
    assert work.cancelled == 0
    callers[1].cancel()
    await settle()
    assert work.cancelled == 1
    assert len(flights) == 0


async def test_who_comes_while_abandoned_work_winds_up_gets_new_work():
    flights, winding_up = SingleFlight(), asyncio.Event()
    calls = 0

    async def slow_to_stop() -> int:
        nonlocal calls
        calls += 1
        try:
            return await asyncio.sleep(0 if calls > 1 else 3600, calls)
        finally:
            if calls == 1:
                await winding_up.wait()

    abandoned = asyncio.create_task(flights.run("a", slow_to_stop))
    await settle()
    abandoned.cancel()
    await settle()
    assert await flights.run("a", slow_to_stop) == 2
    winding_up.set()
    await flights.aclose()


async def test_a_failure_reaches_all_who_wait_and_is_not_remembered():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run("a", work)) for _ in range(5)]
    await settle()
    work.end(LookupError("no such room"))
    failures = await asyncio.gather(*callers, return_exceptions=True)
    assert [repr(failure) for failure in failures] == ["LookupError('no such room')"] * 5

    again = asyncio.create_task(flights.run("a", work))
    await settle()
    work.end("answer")
    assert await again == "answer"
    assert work.calls == 2


async def test_who_comes_in_the_moment_after_a_failure_starts_anew_and_is_joined():
    flights, work = SingleFlight(), Work()
    failing = asyncio.create_task(flights.run("a", work))
    await settle()
    work.end(LookupError("no such room"))
    # Runs next after the work's last step, before anyone has been told of its end.
    second = asyncio.create_task(flights.run("a", work))
    await settle()
    third = asyncio.create_task(flights.run("a", work))
    await settle()
    work.end("answer")
    assert await asyncio.gather(second, third) == ["answer", "answer"]
    assert work.calls == 2
    with pytest.raises(LookupError):
        await failing


async def test_a_shared_failure_does_not_gather_the_tracebacks_of_all_who_waited():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run("a", work)) for _ in range(50)]
    await settle()
    work.end(LookupError("no such room"))
    failure = (await asyncio.gather(*callers, return_exceptions=True))[-1]
    frames = [frame.name for frame in traceback.extract_tb(failure.__traceback__)]
    assert frames.count("run") == 1
    assert frames[-1] == "__call__"


async def test_work_that_fails_unheard_makes_no_noise():
    flights = SingleFlight()

    async def fail_when_cancelled() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise LookupError("too late")

    caller = asyncio.create_task(flights.run("a", fail_when_cancelled))
    await settle()
    caller.cancel()
    await settle()
    assert caller.cancelled()
    assert len(flights) == 0


async def test_work_that_is_cancelled_from_within_does_not_look_like_the_waiters_cancellation():
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(FlightCancelled):
        await SingleFlight().run("a", cancelled)


async def test_closing_ends_the_work_and_tells_who_waits():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.create_task(flights.run(name, work)) for name in "aab"]
    await settle()
    await flights.aclose()
    assert work.cancelled == 2
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [FlightCancelled] * 3
    with pytest.raises(FlightCancelled):
        await flights.run("a", work)


async def test_the_work_sees_the_first_callers_context():
    request: ContextVar[str] = ContextVar("request")
    flights = SingleFlight()

    async def ask() -> str:
        await asyncio.sleep(0)
        return request.get()

    async def call(name: str) -> str:
        request.set(name)
        return await flights.run("a", ask)

    assert await asyncio.gather(call("first"), call("second")) == ["first", "first"]


steps = st.lists(
    st.tuples(st.sampled_from(["ask", "cancel", "answer", "fail", "pass"]), st.sampled_from("ab"), st.integers(0, 3)),
    max_size=25,
)


@settings(deadline=None, max_examples=settings.default.max_examples * 3 // 2)
@given(steps)
def test_whoever_is_not_cancelled_gets_an_outcome_and_nothing_is_left_over(script):
    async def play() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        flights, works = SingleFlight(), {"a": Work(), "b": Work()}
        asked: list[asyncio.Task[str]] = []
        gone: set[int] = set()
        for step, name, number in script:
            if step == "ask":
                asked.append(asyncio.create_task(flights.run(name, works[name])))
            elif step == "cancel" and number < len(asked):
                if not asked[number].done():
                    gone.add(number)
                asked[number].cancel()
            elif step == "answer":
                works[name].end("answer")
            elif step == "fail":
                works[name].end(LookupError(name))
            else:
                await settle()
        while not all(task.done() for task in asked):
            await settle()
            assert len(flights) <= 2
            for work in works.values():
                work.end("answer")
        await settle()
        assert len(flights) == 0
        assert {number for number, task in enumerate(asked) if task.cancelled()} <= gone
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {str, LookupError, asyncio.CancelledError}
        assert complaints == []

    asyncio.run(play())
