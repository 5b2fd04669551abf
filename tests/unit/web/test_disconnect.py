from __future__ import annotations

import asyncio

import pytest

from facade.web.disconnect import Disconnect


class Client:
    """Says nothing until it leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.waits = 0

    async def receive(self):
        self.waits += 1
        await self.left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
async def client():
    return Client()


async def operation(client, *, upstream: bool = True, ended=None):
    async with Disconnect(client.receive) as disconnect:
        if upstream:
            disconnect.watch()
        try:
            await asyncio.sleep(0.02)
        finally:
            if ended is not None:
                ended.append(disconnect.gone)
    return disconnect.gone


async def test_a_client_that_leaves_cancels_what_runs_for_it(client):
    ended = []
    task = asyncio.create_task(operation(client, ended=ended))
    await asyncio.sleep(0)
    client.left.set()
    assert await task is True
    assert ended == [True]


async def test_one_that_stays_gets_its_answer_and_is_watched_no_longer(client):
    assert await operation(client) is False
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_nothing_is_watched_before_a_call_goes_up(client):
    assert await operation(client, upstream=False) is False
    assert client.waits == 0


async def test_a_cancellation_by_someone_else_goes_through(client):
    task = asyncio.create_task(operation(client))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_goes_through_in_the_moment_that_the_client_leaves_too(client):
    task = asyncio.create_task(operation(client))
    for _ in range(3):
        await asyncio.sleep(0)
    client.left.set()
    await asyncio.sleep(0)
    assert task.cancelling() == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_its_own_goes_through(client):
    async def fail():
        async with Disconnect(client.receive) as disconnect:
            disconnect.watch()
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await fail()


async def test_the_task_may_be_used_on_afterwards(client):
    async def two():
        client.left.set()
        first = await operation(client)
        client.left.clear()
        return first, await operation(client)

    assert await asyncio.create_task(two()) == (True, False)


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("awaits", range(1, 5))
async def test_whoever_leaves_at_whichever_await_the_task_goes_on_uncancelled(client, turns, awaits):
    """Also where the cancellation has been asked for and not been raised yet when the operation ends."""

    async def request():
        async with Disconnect(client.receive) as disconnect:
            disconnect.watch()
            for _ in range(awaits):
                await asyncio.sleep(0)
        assert task.cancelling() == 0
        # Sending the answer, or the log's line.
        for _ in range(3):
            await asyncio.sleep(0)
        return disconnect.gone

    task = asyncio.create_task(request())
    for _ in range(turns):
        await asyncio.sleep(0)
    client.left.set()
    assert await task in (True, False)


async def test_one_who_leaves_while_the_operation_returns_cancels_nothing_after_it(client):
    async def request():
        async with Disconnect(client.receive) as disconnect:
            disconnect.watch()
            await asyncio.sleep(0)
            task.cancel()
            disconnect.gone = True
        await asyncio.sleep(0)
        return "sent"

    task = asyncio.create_task(request())
    assert await task == "sent"
