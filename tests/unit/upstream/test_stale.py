"""Stale answers: served while the upstream fails, never after a refusal, and during a refresh if that is set."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Forbidden, Unauthenticated, UpstreamUnavailable
from facade.upstream import Dispatcher, ReadLog, Upstream

CALLER = Passthrough("t")
# Lines of Python for an answer that waits for nothing.
MOST_STEPS = 5_000
ONE, TWO = (httpx.Response(200, content=body) for body in (b'"one"', b'"two"'))


async def read(setting, **options):
    read_log = ReadLog(**options)
    answer = await setting.upstream.read(setting.call("same"), CALLER, read_log)
    return answer.value, read_log.status


async def test_an_open_circuit_is_answered_at_once(setting, steps):
    await read(setting)
    setting.clock.now += 100
    setting.wire.says(503)
    for _ in range(30):
        assert await read(setting) == (b'{"data":[]}', "STALE")
    calls = setting.wire.calls
    with steps() as taken:
        for _ in range(100):
            assert (await read(setting))[1] == "STALE"
    assert taken.lines / 100 < MOST_STEPS
    assert setting.wire.calls == calls


async def test_a_paused_caller_has_what_is_kept_of_theirs(setting):
    await read(setting)
    setting.clock.now += 100
    setting.wire.says(httpx.Response(429, headers={"Retry-After": "60"}))
    assert [(await read(setting))[1] for _ in range(3)] == ["STALE"] * 3
    assert setting.wire.calls == 2


@pytest.mark.parametrize(("status", "error"), [(401, Unauthenticated), (403, Forbidden)])
async def test_a_refusal_ends_it_for_good(setting, status, error):
    await read(setting)
    setting.clock.now += 100
    setting.wire.says(status, 503)
    with pytest.raises(error):
        await read(setting)
    with pytest.raises(UpstreamUnavailable):
        await read(setting)


async def test_a_403_costs_its_own_ask_alone(make):
    """One forbidden room does not drop the cached answers of its scope."""
    setting = make(retries=0)
    await read(setting)
    setting.wire.says(403)
    assert isinstance((await setting.outcome()), Forbidden)
    assert (await read(setting))[1] == "HIT"
    setting.clock.now += 100
    setting.wire.says(503)
    assert (await read(setting))[1] == "STALE"


async def test_a_refusal_of_another_call_meanwhile_ends_it_too(make, settle):
    setting = make(retries=0)
    await read(setting)
    setting.clock.now += 100
    answer = asyncio.get_running_loop().create_future()
    setting.wire.says(answer, 401)
    slow = asyncio.create_task(read(setting))
    await settle()
    await setting.outcome()
    answer.set_result(503)
    with pytest.raises(UpstreamUnavailable):
        await slow


async def test_an_answer_that_comes_after_a_refusal_is_not_kept(make, settle):
    setting = make(retries=0)
    answer = asyncio.get_running_loop().create_future()
    setting.wire.says(answer, 401)
    slow = asyncio.create_task(read(setting))
    await settle()
    setting.clock.now += 1
    await setting.outcome()
    answer.set_result(200)
    assert await slow == (b'{"data":[]}', "MISS")
    setting.wire.says(503)
    with pytest.raises(UpstreamUnavailable):
        await read(setting)
    # Nor in a store that it shares with others, who have not seen the refusal.
    replica = Upstream(setting.wire.butlr, setting.store, dispatcher=Dispatcher(retries=0), clock=setting.clock)
    with pytest.raises(UpstreamUnavailable):
        await replica.read(setting.call("same"), CALLER, ReadLog())
    await replica.aclose()


class TestWhileRevalidating:
    async def test_it_is_off_by_default(self, setting):
        await read(setting)
        setting.clock.now += 10.5
        assert (await read(setting))[1] == "MISS"
        assert setting.wire.calls == 2

    async def test_one_refresh_runs_behind_however_many_are_served(self, make, settle):
        setting = make(stale_while_revalidate=5.0)
        setting.wire.says(ONE, TWO)
        await read(setting)
        setting.clock.now += 10.5
        assert [await read(setting) for _ in range(20)] == [(b'"one"', "STALE")] * 20
        assert len(setting.upstream.background) == 1
        await settle()
        assert setting.wire.calls == 2
        assert await read(setting) == (b'"two"', "HIT")

    async def test_it_ends_so_many_seconds_after_the_freshness(self, make):
        setting = make(stale_while_revalidate=5.0)
        await read(setting)
        setting.clock.now += 15.5
        assert (await read(setting))[1] == "MISS"

    async def test_who_asks_for_fresh_data_waits_for_it(self, make):
        setting = make(stale_while_revalidate=5.0)
        setting.wire.says(ONE, TWO)
        await read(setting)
        setting.clock.now += 10.5
        assert await read(setting, fresh=True) == (b'"two"', "BYPASS")

    async def test_a_token_not_proven_of_late_is_asked_about_first(self, make):
        setting = make(stale_while_revalidate=500.0, recheck=8.0)
        await read(setting)
        setting.clock.now += 10.5
        assert (await read(setting))[1] == "MISS"

    async def test_a_refusal_behind_it_drops_what_was_kept(self, make, settle):
        setting = make(stale_while_revalidate=5.0)
        await read(setting)
        setting.clock.now += 10.5
        setting.wire.says(401, 503)
        assert (await read(setting))[1] == "STALE"
        await settle()
        with pytest.raises(UpstreamUnavailable):
            await read(setting)
