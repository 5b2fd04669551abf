"""A TCP proxy that simulates network faults, between the facade and the sandbox, or before Redis.

It runs in a thread with a loop of its own. What befalls an exchange is decided anew each time the client speaks after
having been answered, so that connections kept alive do not hide it: for HTTP and Redis an exchange is a request.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

CHUNK = 65_536
# Closing with no time to linger sends a reset.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault of an exchange. Times are in seconds; `cut` is the range of bytes after which the answer breaks."""

    share: float = 1.0
    latency: float = 0.0
    jitter: float = 0.0
    cut: tuple[int, int] | None = None
    drip: int | None = None  # bytes a second of the answer
    reset: bool = False
    hang: bool = False


NOTHING = Fault()


class Proxy:
    """Forwards `port` to a port of this machine. Without faults it changes nothing."""

    def __init__(self, target: int, *, seed: int = 1) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._faults: list[tuple[str, Fault]] = []
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        self.exchanges = 0
        self.befell: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def befall(self, name: str, **fault: Any) -> None:
        """Give a share of the next exchanges a fault. An exchange has at most one."""
        self._faults = [*self._faults, (name, Fault(**fault))]

    def heal(self) -> None:
        self._faults = []

    def forget(self) -> None:
        self.connections = self.exchanges = 0
        self.befell.clear()

    def listen(self) -> None:
        """Accept connections, after `refuse` on the same port again."""
        if self._server is None:
            self._do(self._listen())

    def refuse(self) -> None:
        """Refuse new connections and reset those there are."""
        self._do(self._close())

    def reset_all(self) -> None:
        """Reset the connections there are."""
        self._do(self._reset_all())

    def fault(self) -> Fault:
        self.exchanges += 1
        drawn = self._random.random()
        for name, fault in self._faults:
            drawn -= fault.share
            if drawn < 0:
                self.befell[name] += 1
                return fault
        return NOTHING

    def pick(self, least: float, most: float) -> float:
        return self._random.uniform(least, most)

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset_all()
        # What was accepted just before has its turn to begin, so that it is closed too and not left to the collector.
        await asyncio.sleep(0.05)
        await self._reset_all()

    async def _reset_all(self) -> None:
        links = list(self._links)
        for link in links:
            link.reset()
        if links:
            await asyncio.wait([link.task for link in links])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(self, reader, writer)
        self._links.add(link)
        try:
            await link.run(self._target)
        finally:
            self._links.discard(link)


class _Link:
    """A connection and its way on."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._fault = NOTHING
        self._left: int | None = None
        self._answered = True
        self._way_on: asyncio.StreamWriter | None = None
        task = asyncio.current_task()
        assert task
        self.task = task

    async def run(self, target: int) -> None:
        reader, writer = self._client
        try:
            there, self._way_on = await asyncio.open_connection("127.0.0.1", target)
            pumps = [asyncio.create_task(self._up(reader)), asyncio.create_task(self._down(there))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            # The other side is gone, or the test wants this one gone: both end here.
            pass
        finally:
            for end in (writer, self._way_on):
                if end is not None:
                    end.close()
                    with suppress(OSError):
                        await end.wait_closed()

    def reset(self) -> None:
        writer = self._client[1]
        if (sock := writer.get_extra_info("socket")) is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
        self.task.cancel()

    async def _up(self, reader: asyncio.StreamReader) -> None:
        assert self._way_on
        while data := await reader.read(CHUNK):
            if self._answered:
                self._begin()
            fault = self._fault
            if fault.reset:
                self.reset()
                return
            if fault.hang:
                continue
            if fault.latency or fault.jitter:
                await asyncio.sleep(fault.latency + self._proxy.pick(0, fault.jitter))
            self._way_on.write(data)
            await self._way_on.drain()

    def _begin(self) -> None:
        self._answered = False
        self._fault = self._proxy.fault()
        self._left = None if self._fault.cut is None else round(self._proxy.pick(*self._fault.cut))

    async def _down(self, reader: asyncio.StreamReader) -> None:
        writer = self._client[1]
        while data := await reader.read(CHUNK):
            self._answered = True
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
            if drip := self._fault.drip:
                for at in range(len(data)):
                    writer.write(data[at : at + 1])
                    await asyncio.sleep(1 / drip)
            else:
                writer.write(data)
            await writer.drain()
            if self._left == 0:
                return
