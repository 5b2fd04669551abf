"""Graceful shutdown: the process is unready at once, and stops when the running requests are done."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], object]


class Draining:
    """Catches the stop signal, and passes it to the server once no request is running, or after `most` seconds.

    Until then the socket stays open: `/readyz` answers 503, and requests that arrive before a load balancer has noticed
    are answered. A second signal is passed on at once.
    """

    def __init__(self, *, most: float = 5.0) -> None:
        self.begun = False
        self.under_way = 0
        self._most = most
        self._told: set[Callable[[], None]] = set()
        self._idle = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Replace the server's signal handlers, which it has set before the app starts, while the block runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        servers = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}

        def hear(number: int, frame: FrameType | None) -> None:
            if self.begun:
                servers[signal.Signals(number)](number, frame)
                return
            self.begun = True
            loop.call_soon_threadsafe(self._begin, servers[signal.Signals(number)], number)

        for number in servers:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number, handler in servers.items():
                signal.signal(number, handler)

    @contextmanager
    def told(self, hear: Callable[[], None]) -> Iterator[None]:
        """Call `hear` if the shutdown begins, or has begun, while the block runs."""
        if self.begun:
            hear()
        self._told.add(hear)
        try:
            yield
        finally:
            self._told.discard(hear)

    def arrived(self) -> None:
        self.under_way += 1

    def left(self) -> None:
        self.under_way -= 1
        if self.begun and not self.under_way:
            self._idle.set()

    def _begin(self, stop: Handler, number: int) -> None:
        if not self.under_way:
            stop(number, None)
            return
        for hear in tuple(self._told):
            hear()
        self._ending = asyncio.get_running_loop().create_task(self._stop_when_idle(stop, number))

    async def _stop_when_idle(self, stop: Handler, number: int) -> None:
        try:
            async with asyncio.timeout(self._most):
                await self._idle.wait()
        except TimeoutError:
            # Requests that still run get the server's own time to finish.
            pass
        stop(number, None)


class CountsRequests:
    """ASGI middleware: counts running requests, and sends `Connection: close` while draining."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if self._draining.begun and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        self._draining.arrived()
        try:
            await self._app(scope, receive, send_last)
        finally:
            self._draining.left()
