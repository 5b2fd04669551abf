"""How long the waiters of a flight wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..butlr import (
    UpstreamTimeout,
    UpstreamUnavailable,
)
from ..cache import (
    FlightCancelled,
)
from .read_log import ReadLog


class WaiterDeadlines:
    """The deadlines of a flight's waiters. Called, it returns the latest one."""

    def __init__(self) -> None:
        self._deadlines: list[float | None] = []

    def __bool__(self) -> bool:
        return bool(self._deadlines)

    def __call__(self) -> float | None:
        """Return the latest deadline, a time of `time.monotonic`; None if a waiter has none."""
        deadlines = [deadline for deadline in self._deadlines if deadline is not None]
        return max(deadlines) if deadlines and len(deadlines) == len(self._deadlines) else None

    def add(self, deadline: float | None) -> None:
        self._deadlines.append(deadline)

    def remove(self, deadline: float | None) -> None:
        self._deadlines.remove(deadline)


@asynccontextmanager
async def within_deadline(read_log: ReadLog, path: str) -> AsyncIterator[None]:
    """Wait for a flight until the operation's deadline. Raises `ButlrError` if the flight does not end in time."""
    left = read_log.time_left()
    if left is not None and left <= 0:
        raise _out_of_time(path)
    try:
        async with asyncio.timeout(left) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise _out_of_time(path) from None
    except FlightCancelled:
        raise UpstreamUnavailable("The facade is shutting down. Try again.", sent=False) from None


def _out_of_time(path: str) -> UpstreamTimeout:
    return UpstreamTimeout(
        "The operation's time limit ended before Butlr had answered this part. Ask for less in one operation, or try "
        "again: the answers so far are cached.",
        path=path,
        sent=False,
    )
