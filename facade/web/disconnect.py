"""A client that goes away takes its operation with it, and so the upstream work that nobody else waits for."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.types import Receive

# nginx's number for it; it is read in the log alone.
CLIENT_GONE = 499


class Disconnect:
    """An async context manager that cancels what runs inside once the client has gone, and swallows that cancellation.

    Afterwards `gone` says whether that happened. Nothing is watched before the first `watch`, given to a `ReadLog`
    as `on_call`: an answer from the cache is sooner done than a task is started.
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
            # The cancellation may still wait to be raised, which `uncancel` alone does not undo before Python 3.13.
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        # Someone else's cancellation besides ours still goes through.
        if task.uncancel() > 0:
            if not cancelled:
                raise asyncio.CancelledError
            return False
        return cancelled
