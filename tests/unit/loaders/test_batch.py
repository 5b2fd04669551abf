from __future__ import annotations

import asyncio

import pytest

from facade.loaders.batch import Batch


def counting(calls, fail=()):
    async def load(keys):
        calls.append(sorted(keys))
        return {key: ValueError(key) if key in fail else key * 2 for key in keys}

    return load


async def test_loads_made_a_few_turns_apart_are_one_batch():
    calls = []
    batch = Batch(counting(calls))

    async def late(key, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return await batch.load_many([key])

    assert await asyncio.gather(late("a", 0), late("b", 3), late("c", 7)) == [["aa"], ["bb"], ["cc"]]
    assert calls == [["a", "b", "c"]]


async def test_a_key_is_loaded_once_however_often_it_is_asked():
    calls = []
    batch = Batch(counting(calls))
    assert await asyncio.gather(*(batch.load_many(["a", "a"]) for _ in range(5))) == [["aa", "aa"]] * 5
    assert await batch.load_many(["a"]) == ["aa"]
    assert calls == [["a"]]


async def test_a_failed_key_fails_alone_and_is_tried_again():
    calls = []
    batch = Batch(counting(calls, fail={"a"}))
    first, second = await batch.load_many(["a", "b"])
    assert isinstance(first, ValueError)
    assert second == "bb"
    [again] = await batch.load_many(["a"])
    assert isinstance(again, ValueError)
    assert calls == [["a", "b"], ["a"]]


async def test_a_load_that_raises_fails_every_key_of_its_batch():
    async def load(keys):
        raise RuntimeError("down")

    batch = Batch(load)
    results = await batch.load_many(["a", "b"])
    assert [str(result) for result in results] == ["down", "down"]


async def test_one_waiter_that_is_cancelled_does_not_take_the_others_with_it():
    batch = Batch(counting([]))
    first, second = (asyncio.create_task(batch.load_many(["a"])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ["aa"]


async def test_cancel_stops_what_is_under_way():
    started, stopped = asyncio.Event(), asyncio.Event()

    async def load(keys):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    batch = Batch(load)
    waiting = asyncio.create_task(batch.load_many(["a"]))
    await started.wait()
    batch.cancel()
    await stopped.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting
