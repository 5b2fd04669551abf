"""Work that no caller waits for."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class BackgroundTasks:
    """Tasks that run until they end or `aclose` cancels them, at most one for each key."""

    def __init__(self) -> None:
        self._tasks: dict[object, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: object) -> bool:
        return key in self._tasks

    def start(self, work: Coroutine[Any, Any, None], key: object = None) -> None:
        """Start a task. Do not call it while one with this `key` runs."""
        key = object() if key is None else key
        task = self._tasks[key] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(key))

    async def ended(self) -> None:
        """Wait until the tasks that run now have ended."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def aclose(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await self.ended()
