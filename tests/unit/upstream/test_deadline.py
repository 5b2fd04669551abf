"""Parts that miss the operation's deadline are errors, and other callers are not affected."""

from __future__ import annotations

import asyncio
import time

import pytest

from facade.auth import Passthrough
from facade.butlr import UpstreamTimeout
from facade.loaders import with_export
from facade.upstream import ReadLog

CALLER = Passthrough("t")


def within(seconds: float) -> ReadLog:
    return ReadLog(deadline=time.monotonic() + seconds)


def never(_):
    return asyncio.get_running_loop().create_future()


async def test_what_is_not_there_by_then_is_a_typed_error(setting):
    setting.wire.behave = never
    with pytest.raises(UpstreamTimeout, match="time limit") as error:
        await setting.ask(read_log=within(0.01))
    assert error.value.code == "UPSTREAM_TIMEOUT"
    assert "`facade export report`" in with_export(error.value)


async def test_the_call_that_nobody_waits_for_is_cancelled(setting, settle):
    setting.wire.behave = never
    await setting.outcome(read_log=within(0.01))
    await settle()
    assert setting.wire.calls == 1
    assert setting.wire.under_way == 0
    assert setting.dispatcher.bulkhead.free == 16


async def test_one_that_gives_up_does_not_end_the_call_of_another(setting, settle):
    answer = asyncio.get_running_loop().create_future()
    setting.wire.behave = lambda _: answer
    call = setting.call("same")
    hasty = asyncio.create_task(setting.upstream.read(call, CALLER, within(0.01)))
    patient = asyncio.create_task(setting.upstream.read(call, CALLER, within(60)))
    with pytest.raises(UpstreamTimeout):
        await hasty
    await settle()
    assert setting.wire.under_way == 1
    answer.set_result(200)
    assert (await patient).value
    assert setting.wire.calls == 1


async def test_past_it_nothing_goes_up(setting):
    with pytest.raises(UpstreamTimeout):
        await setting.ask(read_log=within(-1))
    assert setting.wire.calls == 0


async def test_past_it_what_is_cached_is_still_there(setting):
    call = setting.call("same")
    await setting.upstream.read(call, CALLER, ReadLog())
    assert (await setting.upstream.read(call, CALLER, within(-1))).value
    assert setting.wire.calls == 1


async def test_an_older_answer_stands_in_for_what_is_not_there_by_then(setting):
    call = setting.call("same")
    await setting.upstream.read(call, CALLER, ReadLog())
    setting.clock.now += 100
    setting.wire.behave = never
    read_log = within(0.01)
    assert (await setting.upstream.read(call, CALLER, read_log)).value
    assert read_log.status == "STALE"


async def test_a_read_of_a_facade_that_closes_is_a_typed_error(setting, settle):
    setting.wire.behave = never
    read = asyncio.create_task(setting.outcome())
    await settle()
    await setting.upstream.aclose()
    assert "shutting down" in str(await read)
