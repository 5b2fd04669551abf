"""One call however many ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds. Requests that come within as long are one burst, and share a call even where each asks for fresh data.
AT_ONCE = 0.25


class FlightCancelled(Exception):  # noqa: N818 - named for what happened
    """The shared work was cancelled from within or by `SingleFlight.aclose`.

    Not a CancelledError: whoever waits was not cancelled, and must not look so to its own caller.
    """


class _Flight:
    __slots__ = ("began", "task", "traceback", "waiters")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.began = time.monotonic()
        self.waiters = 0
        self.traceback: TracebackType | None = None


class SingleFlight:
    """Work runs in a task of its own, so that nobody's cancellation is another's; only when the last waiter
    goes is the work cancelled. It sees the context variables of whoever came first.

    A failure reaches all who wait, as one exception object, and is not remembered.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        # Wider than the flights that can be joined: also the cancelled ones that have not ended yet.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: str) -> bool:
        """Whether work under this key can be joined."""
        return key in self._flights

    async def run(self, key: str, work: Callable[[], Awaitable[T]], *, since: float | None = None) -> T:
        """Return what `work` gives, or what such work that is under way will give.

        `since` is a time of `time.monotonic`: work that began earlier, by more than what counts as `AT_ONCE`, is not
        joined. Raises what the work raises.
        """
        flight = self._flights.get(key)
        if flight is None or flight.task.done() or (since is not None and flight.began < since - AT_ONCE):
            flight = self._start(key, work)
        task: asyncio.Task[T] = flight.task
        flight.waiters += 1
        try:
            # Unlike awaiting the task, this leaves it running when the waiter is cancelled.
            await asyncio.wait((task,))
        finally:
            flight.waiters -= 1
            if not flight.waiters and not task.done():
                self._leave(key, flight)
                task.cancel()
        if task.cancelled():
            raise FlightCancelled("the shared call was cancelled")
        if (error := task.exception()) is not None:
            # Each raise would lengthen the traceback by this waiter's frames: start from the work's own.
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
            # Asking for the exception is also what keeps asyncio from reporting it as never retrieved.
            if not task.cancelled() and (error := task.exception()) is not None:
                flight.traceback = error.__traceback__

        flight.task.add_done_callback(land)
        return flight

    def _leave(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def aclose(self) -> None:
        """Cancels what is under way and waits for its end; who waits for it gets FlightCancelled."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _fly(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
