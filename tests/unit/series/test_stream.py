"""Rows that are read while their answer is being received, by fast and slow readers."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, UpstreamUnavailable, decode_reporting
from facade.cache import open_store
from facade.series import RowStream
from facade.upstream import Call, Dispatcher, ReadLog, Upstream

ROWS = 500
BODY = json.dumps({"data": [{"value": n, "sensor_id": f"sensor_{n}"} for n in range(ROWS)], "page_info": {}}).encode()


class Pieces(httpx.AsyncByteStream):
    """The body in pieces, with a turn of the event loop before each; a break after `most` bytes."""

    def __init__(self, most: int | None) -> None:
        self._most = most

    async def __aiter__(self) -> Any:
        for at in range(0, len(BODY), 1000):
            await asyncio.sleep(0)
            if self._most is not None and at >= self._most:
                raise httpx.ReadError("cut")
            yield BODY[at : at + 1000]


class World:
    def __init__(self, *breaks: int, packed_from: int = 2**25) -> None:
        self.breaks: list[int | None] = [*breaks]
        self.calls = 0
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.handle), packed_from=packed_from)
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(Butlr(self.http), self.store, dispatcher=Dispatcher(retries=1))

    def handle(self, _request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return httpx.Response(200, stream=Pieces(self.breaks.pop(0) if self.breaks else None))

    def stream(self, **options: Any) -> RowStream:
        call = Call(name="reporting", send=self.upstream.butlr.reporting, asked={}, decode=decode_reporting)
        return RowStream(self.upstream, call, Passthrough("token"), ReadLog(), **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


async def take(stream: RowStream, into: list[Any]) -> None:
    async for row in stream.rows():
        into.append(row.value)


async def test_rows_come_before_the_answer_is_whole() -> None:
    async with World() as world:
        stream = world.stream()
        assert await stream.comes_in_rows()
        whole = asyncio.create_task(stream.answer())
        rows = stream.rows()
        first = await anext(rows)
        assert not whole.done()

        assert [row.value async for row in rows] == list(range(1, ROWS))
        assert (first.value, first.sensor_id) == (0, "sensor_0")
        assert len((await whole).value.rows) == ROWS
        stream.close()
    assert world.calls == 1


@pytest.mark.parametrize("packed_from", [2**25, 2000], ids=["held as it came", "packed"])
@pytest.mark.parametrize("most_waiting", [1000, 3000, 10_000])
async def test_who_falls_behind_has_all_rows_once_and_no_more_waits_than_may(
    most_waiting: int, packed_from: int
) -> None:
    async with World(packed_from=packed_from) as world:
        stream = world.stream(most_waiting=most_waiting)
        assert await stream.comes_in_rows()
        rows = stream.rows()
        taken = [(await anext(rows)).value for _ in range(5)]
        await stream.answer()
        assert sum(len(chunk) for chunk in stream._chunks) <= most_waiting

        assert taken + [row.value async for row in rows] == list(range(ROWS))
        stream.close()
    assert world.calls == 1


async def test_who_comes_a_second_time_waits_for_the_whole() -> None:
    async with World() as world:
        stream = world.stream()
        assert await stream.comes_in_rows()
        first, second = stream.rows(), stream.rows()
        await anext(first)
        assert [row.value async for row in second] == list(range(ROWS))
        assert len([row async for row in first]) == ROWS - 1
        stream.close()


async def test_one_from_the_cache_is_not_streamed() -> None:
    async with World() as world:
        for expected in (True, False):
            stream = world.stream()
            assert await stream.comes_in_rows() is expected
            assert len((await stream.answer()).value.rows) == ROWS
            stream.close()
    assert world.calls == 1


async def test_a_break_is_told_at_once_to_who_has_rows_and_mended_for_who_waits_for_the_whole() -> None:
    async with World(5000) as world:
        stream = world.stream()
        assert await stream.comes_in_rows()
        taken: list[Any] = []
        with pytest.raises(UpstreamUnavailable):
            await take(stream, taken)
        assert taken == list(range(len(taken)))
        assert 50 < len(taken) < ROWS
        assert world.calls == 1

        assert len((await stream.answer()).value.rows) == ROWS
        stream.close()
    assert world.calls == 2


async def test_closing_it_ends_its_call() -> None:
    async with World() as world:
        stream = world.stream()
        assert await stream.comes_in_rows()
        stream.close()
        with pytest.raises(asyncio.CancelledError):
            await stream.answer()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
