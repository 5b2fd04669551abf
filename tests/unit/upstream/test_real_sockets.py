"""The same over a real socket: a server that cuts every connection, and then is well again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, UpstreamUnavailable
from facade.cache import MemoryStore
from facade.upstream import Call, Dispatcher, ReadLog, Upstream
from facade.upstream.breaker import CircuitOpen
from facade.upstream.retry import Backoff

# Lines of Python for an answer that waits for nothing.
MOST_STEPS = 5_000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Server:
    """Reads each request, then does as `mode` says: `cut`, `hang` or `answer`."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.asked = 0
        self.reached = asyncio.Event()
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
                self.asked += 1
                self.reached.set()
                if self.mode == "hang":
                    await reader.read()
                    self.left.set()
                if self.mode != "answer":
                    break
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Upstream, list[float]]]:
    scripted, now = Server(), [1_760_400_000.0]
    listening = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    http = Http(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", timeout=5)
    dispatcher = Dispatcher(backoff=Backoff(0.001, 0.002, 0.001), clock=lambda: now[0])
    store = MemoryStore(1 << 20)
    upstream = Upstream(Butlr(http), store, dispatcher=dispatcher, clock=lambda: now[0])
    yield scripted, upstream, now
    await upstream.aclose()
    await store.aclose()
    await http.aclose()
    listening.close()
    await listening.wait_closed()


def ask(upstream: Upstream, number: int) -> object:
    call = Call(name="reporting", send=upstream.butlr.reporting, asked={"n": number}, decode=bytes)
    return upstream.read(call, Passthrough("t"), ReadLog())


async def test_down_it_gets_few_calls_and_is_back_with_the_first_probe(server, steps):
    scripted, upstream, now = server
    scripted.mode = "cut"
    for number in range(60):
        with pytest.raises(UpstreamUnavailable) as error:
            await ask(upstream, number)
    assert isinstance(error.value, CircuitOpen)
    assert scripted.asked <= 45
    with steps() as taken:
        for number in range(60, 100):
            with pytest.raises(CircuitOpen):
                await ask(upstream, number)
    assert taken.lines / 40 < MOST_STEPS

    scripted.mode = "answer"
    now[0] += 1
    before = scripted.asked
    await ask(upstream, 100)
    await asyncio.gather(*(ask(upstream, number) for number in range(200, 220)))
    assert scripted.asked == before + 21


async def test_a_reader_that_goes_away_closes_the_call_under_way(server):
    scripted, upstream, _ = server
    scripted.mode = "hang"
    reading = asyncio.create_task(ask(upstream, 1))
    await asyncio.wait_for(scripted.reached.wait(), 5)
    reading.cancel()
    await asyncio.wait_for(scripted.left.wait(), 5)
