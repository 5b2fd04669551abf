"""Cancel the operation of a client that disconnects, and with it upstream calls for which no one else waits."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.types import Receive

# nginx's status for a client that disconnected. It only appears in the log.
CLIENT_GONE = 499


class Disconnect:
    """An async context manager that cancels its block when the client disconnects, and suppresses that cancellation.

    Afterwards `gone` says whether that happened. The client is not watched before the first `watch`, which is the
    `on_call` of a `ReadLog`: an answer from the cache takes less time than starting a task.
    """

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None

    def watch(self, _calls: int = 1) -> None:
        if self._watcher is None and self._task is not None:
            self._watcher = asyncio.create_task(self._await_disconnect(self._task))

    async def _await_disconnect(self, task: asyncio.Task[object]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        task.cancel()

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if self._watcher is not None:
            self._watcher.cancel()
        if not self.gone or task is None:
            return False
        cancelled = isinstance(error, asyncio.CancelledError)
        if not cancelled:
            # The cancellation may still be pending. Before Python 3.13 `uncancel` alone does not remove it.
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        # A cancellation by someone else is still raised.
        if task.uncancel() > 0:
            if not cancelled:
                raise asyncio.CancelledError
            return False
        return cancelled
