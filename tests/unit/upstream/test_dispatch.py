"""The requests that are sent: retries and their bound, the breaker, pauses, slots, and cancellation at any point."""

from __future__ import annotations

import asyncio
import random
import time
from itertools import pairwise

import httpx
import pytest

from facade.auth import Passthrough, Service
from facade.butlr import InvalidResponse, RateLimited, Unauthenticated, UpstreamTimeout, UpstreamUnavailable
from facade.upstream import Call, ReadLog
from facade.upstream.breaker import CircuitOpen
from facade.upstream.retry import Backoff, RetryBudget

CUT = httpx.ReadError("cut")
HUNG = httpx.ReadTimeout("hung")
UNCONNECTED = httpx.ConnectTimeout("unconnected")
# Lines of Python for an answer that waits for nothing.
MOST_STEPS = 5_000


def limited(seconds: float | str) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": str(seconds)})


class TestRetries:
    @pytest.mark.parametrize("fault", [500, 502, 503, CUT, httpx.ConnectError("refused"), UNCONNECTED])
    async def test_a_fault_of_the_upstream_is_tried_again(self, setting, fault):
        setting.wire.says(fault, fault, fault, 200)
        await setting.ask()
        assert setting.wire.calls == 4

    @pytest.mark.parametrize("fault", [500, CUT])
    async def test_there_are_as_many_retries_as_are_set(self, make, fault):
        setting = make(retries=2)
        setting.wire.says(fault)
        assert isinstance(await setting.outcome(), UpstreamUnavailable)
        assert setting.wire.calls == 3

    async def test_zero_retries_is_one_call(self, make):
        setting = make(retries=0)
        setting.wire.says(500, limited(0.001), 200)
        assert isinstance(await setting.outcome(), UpstreamUnavailable)
        assert isinstance(await setting.outcome(), RateLimited)
        assert setting.wire.calls == 2

    @pytest.mark.parametrize("fault", [504, 408, HUNG])
    async def test_what_took_too_long_is_tried_once_more_and_no_oftener(self, setting, fault):
        setting.wire.says(fault)
        assert isinstance(await setting.outcome(), UpstreamTimeout)
        assert setting.wire.calls == 2

    @pytest.mark.parametrize("answer", [400, 401, 403, 404, 422, 302])
    async def test_what_the_upstream_refuses_or_garbles_is_not_tried_again(self, setting, answer):
        setting.wire.says(answer)
        assert isinstance(await setting.outcome(), Exception)
        assert setting.wire.calls == 1

    async def test_an_answer_of_another_shape_is_not_tried_again(self, setting):
        def decode(body):
            raise InvalidResponse("nonsense")

        call = Call(name="reporting", send=setting.wire.butlr.reporting, asked={}, decode=decode)
        with pytest.raises(InvalidResponse):
            await setting.upstream.read(call, Passthrough("t"), ReadLog())
        assert setting.wire.calls == 1

    async def test_a_503_that_names_a_long_wait_is_not_tried_again(self, setting):
        setting.wire.says(httpx.Response(503, headers={"Retry-After": "30"}))
        error = await setting.outcome()
        assert error.extensions == {"code": "UPSTREAM_UNAVAILABLE", "retryAfter": 30.0}
        assert setting.wire.calls == 1

    async def test_the_waits_between_grow(self, make):
        setting = make(backoff=Backoff(first=0.004, longest=1.0, jitter=0.0))
        times = []

        def behave(_):
            times.append(time.monotonic())
            return 500

        setting.wire.behave = behave
        await setting.outcome()
        first, second, third = (after - before for before, after in pairwise(times))
        assert first >= 0.004
        assert second >= 0.008
        assert third >= 0.016

    async def test_nothing_is_tried_again_that_could_not_be_done_by_the_deadline(self, make):
        setting = make(backoff=Backoff(first=3600.0, longest=3600.0), exchange_clock=time.monotonic)
        setting.wire.says(500)
        began = time.monotonic()
        with pytest.raises(UpstreamUnavailable):
            await setting.send(deadline=lambda: began + 600.0)
        assert setting.wire.calls == 1
        assert time.monotonic() - began < 600

    async def test_no_slot_is_held_between_attempts(self, make, settle):
        setting = make(concurrency=1, backoff=Backoff(first=60.0, longest=60.0))
        setting.wire.behave = lambda request: 500 if request.headers["authorization"] == "Bearer bad" else 200
        failing = asyncio.create_task(setting.outcome("bad"))
        await settle()
        assert setting.wire.calls == 1
        await asyncio.wait_for(setting.ask("good"), 5)
        assert not failing.done()
        failing.cancel()


class TestRetryBudget:
    async def test_an_upstream_that_fails_often_gets_at_most_a_fifth_more_calls(self, make):
        """Every second call fails: without a bound that would be twice as many calls."""
        setting = make(retries=10)
        count = 0

        def behave(_):
            nonlocal count
            count += 1
            return 500 if count % 2 else 200

        setting.wire.behave = behave
        for _ in range(500):
            await setting.outcome()
        assert setting.wire.calls <= 500 * 1.2 + 10

    async def test_with_5_percent_failing_5_cut_and_1_hung_999_of_1000_are_answered(self, setting):
        chance = random.Random(11)

        def behave(_):
            return chance.choices([200, 503, CUT, HUNG], [89, 5, 5, 1])[0]

        async def work():
            return [await setting.outcome() for _ in range(40)]

        setting.wire.behave = behave
        outcomes = [outcome for some in await asyncio.gather(*(work() for _ in range(50))) for outcome in some]
        assert sum(isinstance(outcome, bytes) for outcome in outcomes) >= 0.999 * len(outcomes)
        assert setting.wire.calls <= 1.2 * len(outcomes)

    def test_it_fills_again_with_time_up_to_its_floor(self, clock):
        budget = RetryBudget(floor=5, clock=clock)
        assert [budget.spend() for _ in range(7)] == [True] * 5 + [False] * 2
        clock.now += 2
        assert [budget.spend() for _ in range(2)] == [True, False]
        clock.now += 3600
        assert [budget.spend() for _ in range(7)] == [True] * 5 + [False] * 2

    def test_five_successes_are_worth_a_retry(self, clock):
        budget = RetryBudget(floor=0, clock=clock)
        for _ in range(50):
            budget.succeeded()
        assert sum(budget.spend() for _ in range(50)) == 10


class TestAnUpstreamThatIsDown:
    @pytest.mark.parametrize("fault", [503, CUT, httpx.ConnectError("refused"), HUNG, UNCONNECTED, 504])
    async def test_sixty_requests_make_at_most_45_calls(self, setting, fault):
        setting.wire.says(fault)
        outcomes = [await setting.outcome() for _ in range(60)]
        assert all(isinstance(outcome, UpstreamUnavailable | UpstreamTimeout) for outcome in outcomes)
        assert setting.wire.calls <= 20

    @pytest.mark.parametrize("fault", [503, HUNG])
    async def test_sixty_requests_at_once_make_at_most_45_calls(self, setting, fault):
        async def later(outcome):
            await asyncio.sleep(0.001)
            return outcome

        setting.wire.behave = lambda _: later(fault)
        await asyncio.gather(*(setting.outcome() for _ in range(60)))
        assert setting.wire.calls <= 45

    async def test_once_open_each_is_answered_without_more_ado(self, setting, steps):
        setting.wire.says(503)
        for _ in range(20):
            await setting.outcome()
        calls = setting.wire.calls
        with steps() as taken:
            outcomes = [await setting.outcome() for _ in range(100)]
        assert taken.lines / 100 < MOST_STEPS
        assert all(isinstance(outcome, CircuitOpen) for outcome in outcomes)
        assert setting.wire.calls == calls

    async def test_the_state_says_so(self, setting):
        assert setting.upstream.state == "unknown"
        setting.wire.says(503)
        await setting.outcome()
        assert setting.upstream.state == "failing: UPSTREAM_UNAVAILABLE"
        for _ in range(20):
            await setting.outcome()
        assert setting.upstream.state == "open: /api/v3/reporting, probes again in 1 s"
        setting.wire.says(200)
        setting.clock.now += 1
        await setting.ask()
        assert setting.upstream.state == "ok"

    async def test_it_is_back_with_the_first_probe(self, setting):
        setting.wire.says(503)
        for _ in range(30):
            await setting.outcome()
        for _ in range(20):
            # An hour of being down: one call for each pause.
            setting.clock.now += 180
            calls = setting.wire.calls
            await setting.outcome()
            await setting.outcome()
            assert setting.wire.calls == calls + 1
        setting.wire.says(200)
        setting.clock.now += 10
        calls = setting.wire.calls
        await asyncio.gather(setting.ask())
        outcomes = await asyncio.gather(*(setting.outcome() for _ in range(50)))
        assert all(isinstance(outcome, bytes) for outcome in outcomes)
        assert setting.wire.calls == calls + 51

    async def test_other_endpoints_go_on(self, setting):
        setting.wire.behave = lambda request: 503 if request.url.path.endswith("reporting") else 200
        for _ in range(30):
            await setting.outcome()
        assert isinstance(await setting.outcome(), CircuitOpen)
        assert isinstance(await setting.ask(send=setting.wire.butlr.detections), bytes)

    @pytest.mark.parametrize("answer", [401, 403, 429])
    async def test_what_is_said_at_the_door_neither_opens_nor_closes(self, make, answer):
        setting = make(retries=0)
        setting.wire.says(answer)
        for number in range(50):
            await setting.outcome(f"t{number}")
        assert setting.wire.calls == 50
        setting.wire.says(503)
        for number in range(19):
            await setting.outcome(f"u{number}")
        setting.wire.says(answer, 503)
        await setting.outcome("v")
        await setting.outcome("w")
        assert isinstance(await setting.outcome("x"), CircuitOpen)

    async def test_a_400_is_an_answer(self, make):
        setting = make(retries=0)
        setting.wire.says(*[503] * 19, 400, 503)
        for _ in range(21):
            await setting.outcome()
        assert not isinstance(await setting.outcome(), CircuitOpen)

    async def test_one_caller_whose_asks_take_too_long_is_left_out_alone(self, make):
        setting = make(retries=0)
        setting.wire.behave = lambda request: 504 if request.headers["authorization"] == "Bearer heavy" else 200
        outcomes = [await setting.outcome("heavy") for _ in range(100)]
        assert setting.wire.calls == 10
        assert isinstance(outcomes[-1], CircuitOpen)
        assert "Your last calls" in str(outcomes[-1])
        for _ in range(30):
            setting.clock.now += 10
            await setting.outcome("heavy")
        assert setting.wire.calls == 40
        assert isinstance(await setting.outcome("light"), bytes)
        setting.clock.now += 10
        setting.wire.says(200)
        assert isinstance(await setting.outcome("heavy"), bytes)
        assert isinstance(await setting.outcome("heavy"), bytes)

    async def test_many_callers_whose_asks_take_too_long_open_it_to_all(self, make):
        setting = make(retries=0)
        setting.wire.says(504)
        for number in range(20):
            await setting.outcome(f"t{number}")
        assert isinstance(await setting.outcome("another"), CircuitOpen)


class TestRateLimits:
    async def test_a_short_retry_after_is_waited_out(self, make):
        setting = make(exchange_clock=time.monotonic)
        setting.wire.says(limited(0.01), 200)
        began = time.monotonic()
        await setting.ask()
        assert setting.wire.calls == 2
        assert time.monotonic() - began >= 0.01

    async def test_a_long_one_pauses_its_own_caller_until_it_passes(self, setting):
        setting.wire.says(limited(30), 200)
        first = await setting.outcome("limited")
        setting.clock.now += 10.5
        second = await setting.outcome("limited")
        assert isinstance(first, RateLimited)
        assert first.extensions == {"code": "RATE_LIMITED", "retryAfter": 30.0}
        assert isinstance(second, RateLimited)
        assert second.extensions == {"code": "RATE_LIMITED", "retryAfter": 19.5}
        assert "20 seconds" in str(second)
        assert setting.wire.calls == 1

        assert isinstance(await setting.outcome("another"), bytes)
        assert setting.wire.calls_of("limited") == 1
        setting.clock.now += 19.5
        assert isinstance(await setting.outcome("limited"), bytes)

    async def test_calls_that_queue_as_the_429_comes_are_not_sent(self, make, settle):
        setting = make(concurrency=1)
        gate = asyncio.get_running_loop().create_future()
        setting.wire.behave = lambda _: gate
        asks = [asyncio.create_task(setting.outcome()) for _ in range(20)]
        await settle()
        gate.set_result(limited(30))
        assert all(isinstance(outcome, RateLimited) for outcome in await asyncio.gather(*asks))
        assert setting.wire.calls == 1

    async def test_only_so_many_paused_callers_are_remembered(self, setting):
        for number in range(10_050):
            setting.dispatcher.pauses.note(f"t{number}", 60)
        assert len(setting.dispatcher.pauses) == 10_000


class Login:
    """A service's token that is refused once: its renewal is another."""

    def __init__(self) -> None:
        self.renewals = 0

    async def token(self) -> str:
        return f"token-{self.renewals}"

    def invalidate(self, _: str) -> None:
        self.renewals += 1


async def test_a_401_brings_one_new_token_and_no_retry_of_the_old(setting):
    login = Login()
    setting.wire.behave = lambda request: 401 if request.headers["authorization"].endswith("-0") else 200
    caller = Service(login, scope="service")
    await setting.upstream.dispatch(setting.wire.butlr.reporting, b"{}", caller)
    assert [request.headers["authorization"] for request in setting.wire.requests] == [
        "Bearer token-0",
        "Bearer token-1",
    ]

    setting.wire.says(401)
    with pytest.raises(Unauthenticated):
        await setting.upstream.dispatch(setting.wire.butlr.reporting, b"{}", caller)
    assert setting.wire.calls == 4
    assert login.renewals == 2


async def test_a_login_that_fails_is_not_repeated_and_counts_against_no_endpoint(setting):
    class Down(Login):
        calls = 0

        async def token(self):
            self.calls += 1
            raise UpstreamUnavailable("The login is down.", path="/api/v2/clients/login")

    login = Down()
    for _ in range(50):
        with pytest.raises(UpstreamUnavailable, match="login"):
            await setting.upstream.dispatch(setting.wire.butlr.reporting, b"{}", Service(login, scope="s"))
    assert login.calls == 50
    assert isinstance(await setting.outcome(), bytes)


async def test_a_storm_of_one_tenant_costs_another_no_more_than_one_call_of_waiting(make, settle):
    setting = make(concurrency=4)
    waiting: list[asyncio.Future[int]] = []

    def behave(_):
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    setting.wire.behave = behave
    storm = [asyncio.create_task(setting.outcome("storm")) for _ in range(200)]
    await settle()
    for _ in range(10):
        before = setting.wire.calls_of("quiet")
        quiet = asyncio.create_task(setting.outcome("quiet"))
        await settle()
        answered = 0
        while setting.wire.calls_of("quiet") == before:
            waiting.pop(0).set_result(200)
            answered += 1
            await settle()
        # Four are under way, one after another: the next to end makes way.
        assert answered == 1
        waiting.pop().set_result(200)
        await settle()
        assert quiet.done()
    assert setting.wire.most_at_once == 4
    for task in storm:
        task.cancel()
    await asyncio.gather(*storm, return_exceptions=True)


class TestCancellation:
    async def test_at_any_point_it_leaves_no_slot_and_no_probe_behind(self, make, settle):
        """Cancelled after 0, 1, 2 … turns of the event loop, under a breaker that is closed, and one that probes."""
        for probing in (False, True):
            for turns in range(30):
                setting = make(concurrency=2, backoff=Backoff(first=0.0, longest=0.0, jitter=0.0))
                if probing:
                    setting.wire.says(503)
                    for _ in range(30):
                        await setting.outcome()
                    setting.clock.now += 100
                setting.wire.says(500, 429, CUT, 200)
                tasks = [asyncio.create_task(setting.outcome(token)) for token in ("a", "b", "a", "b", "c")]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await settle()
                assert setting.wire.under_way == 0
                assert setting.dispatcher.bulkhead.free == 2
                assert setting.dispatcher.bulkhead.waiting == 0
                setting.wire.says(200)
                setting.clock.now += 100
                assert isinstance(await setting.outcome("d"), bytes)

    async def test_a_cancelled_probe_lets_the_next_call_probe_at_once(self, setting, settle):
        setting.wire.says(503)
        for _ in range(30):
            await setting.outcome()
        setting.clock.now += 1
        setting.wire.behave = lambda _: asyncio.get_running_loop().create_future()
        probe = asyncio.create_task(setting.ask())
        await settle()
        assert isinstance(await setting.outcome(), CircuitOpen)
        probe.cancel()
        await settle()
        setting.wire.says(200)
        assert isinstance(await setting.outcome(), bytes)

    async def test_the_call_goes_on_for_whoever_else_waits_for_it(self, setting, settle):
        answer = asyncio.get_running_loop().create_future()
        setting.wire.behave = lambda _: answer
        call = setting.call("same")
        asks = [asyncio.create_task(setting.upstream.read(call, Passthrough("t"), ReadLog())) for _ in range(2)]
        await settle()
        asks[0].cancel()
        await settle()
        assert setting.wire.under_way == 1
        answer.set_result(200)
        assert (await asks[1]).value

    async def test_the_call_is_cancelled_with_the_last_who_waits(self, setting, settle):
        setting.wire.behave = lambda _: asyncio.get_running_loop().create_future()
        call = setting.call("same")
        asks = [asyncio.create_task(setting.upstream.read(call, Passthrough("t"), ReadLog())) for _ in range(2)]
        await settle()
        for task in asks:
            task.cancel()
        await settle()
        assert setting.wire.under_way == 0
        assert setting.dispatcher.bulkhead.free == 16
