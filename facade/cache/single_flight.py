"""Single flight: concurrent callers with the same key share one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds. Requests within this time are one burst, and share a call even if they ask for fresh data.
AT_ONCE = 0.25


class FlightCancelled(Exception):  # noqa: N818 - named for what happened
    """The shared work was cancelled, by itself or by `SingleFlight.aclose`.

    Not a CancelledError, since the waiters themselves were not cancelled.
    """


class _Flight:
    __slots__ = ("began", "task", "traceback", "waiters")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.began = time.monotonic()
        self.waiters = 0
        self.traceback: TracebackType | None = None


class SingleFlight:
    """Runs work in a task of its own, which is cancelled only when its last waiter is gone.

    The work runs in the context of its first caller. All waiters get a failure as the same exception object, and it is
    not remembered.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        # All tasks, including cancelled ones that have not ended yet and cannot be joined.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: str) -> bool:
        """Return whether work under this key can be joined."""
        return key in self._flights

    async def run(self, key: str, work: Callable[[], Awaitable[T]], *, since: float | None = None) -> T:
        """Return the result of `work`, or join work under the same key that is running and return its result.

        `since` is a time of `time.monotonic`: work that began more than `AT_ONCE` before it is not joined. Raises the
        exception of the work, or `FlightCancelled`.
        """
        flight = self._flights.get(key)
        if flight is None or flight.task.done() or (since is not None and flight.began < since - AT_ONCE):
            flight = self._start(key, work)
        task: asyncio.Task[T] = flight.task
        flight.waiters += 1
        try:
            # Awaiting the task itself would cancel it when this waiter is cancelled.
            await asyncio.wait((task,))
        finally:
            flight.waiters -= 1
            if not flight.waiters and not task.done():
                self._leave(key, flight)
                task.cancel()
        if task.cancelled():
            raise FlightCancelled("the shared call was cancelled")
        if (error := task.exception()) is not None:
            # Each raise would add this waiter's frames to the traceback, so start from that of the work.
            raise error.with_traceback(flight.traceback)
        return task.result()

    def _start(self, key: str, work: Callable[[], Awaitable[T]]) -> _Flight:
        if self._closed:
            raise FlightCancelled("closed")
        flight = _Flight(asyncio.create_task(_fly(work)))
        self._flights[key] = flight
        self._tasks.add(flight.task)

        def land(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            self._leave(key, flight)
            # Retrieving the exception also keeps asyncio from logging it as never retrieved.
            if not task.cancelled() and (error := task.exception()) is not None:
                flight.traceback = error.__traceback__

        flight.task.add_done_callback(land)
        return flight

    def _leave(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def aclose(self) -> None:
        """Cancel all work and wait for its end. Its waiters get FlightCancelled."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _fly(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
