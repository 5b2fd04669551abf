"""A circuit breaker: an endpoint that only fails is left alone for a while, then tried with one call at a time.

Written here because no kept library fits. purgatory and aiobreaker read the wall clock themselves, let every call
through once half open, and know two outcomes only, where a 429 is neither; pybreaker and circuitbreaker have no
asyncio of their own.
"""

import math
import time
from collections.abc import Callable

import structlog

from ..butlr import ButlrError, UpstreamUnavailable

log = structlog.get_logger(__name__)


class CircuitOpen(UpstreamUnavailable):
    """No call was made: so many before it failed."""


class Breaker:
    """Closed while calls succeed; open for a pause after `threshold` failures in a row; then one probe at a time.

    A probe that fails doubles the pause, up to `longest`; one that succeeds closes. `admit` gives a ticket that goes
    back through `succeeded`, `failed` or `dropped`, whatever befell the call. A ticket of a time before the breaker
    last opened or closed says nothing any more.
    """

    __slots__ = (
        "_clock",
        "_epoch",
        "_failures",
        "_longest",
        "_next_pause",
        "_pause",
        "_probing",
        "_slow",
        "_threshold",
        "_until",
        "_whose",
        "path",
    )

    def __init__(
        self,
        path: str,
        *,
        threshold: int = 20,
        pause: float = 0.5,
        longest: float = 10.0,
        whose: str = "The last calls",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pause` and `longest` in seconds; `whose` begins the message of a refusal."""
        self.path = path
        self._threshold = threshold
        self._pause = pause
        self._longest = longest
        self._whose = whose
        self._clock = clock
        self._epoch = 0
        self._failures = 0
        self._slow: set[str] = set()
        self._until: float | None = None
        self._next_pause = pause
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._until is not None

    @property
    def is_idle(self) -> bool:
        """Closed, with no failure to remember."""
        return self._until is None and not self._failures

    @property
    def probes_in(self) -> float:
        """Seconds until the next call is let through; 0 where nothing but a probe under way holds it up."""
        return 0.0 if self._until is None else max(self._until - self._clock(), 0.0)

    def check(self) -> None:
        """Raise `CircuitOpen` where a call would not be let through now."""
        if self._until is not None and (self._probing or self._clock() < self._until):
            raise self._refusal()

    def admit(self) -> int:
        """Return a ticket, which has to be given back. Raises `CircuitOpen`."""
        self.check()
        self._probing = self._until is not None
        return self._epoch

    def succeeded(self, ticket: int) -> None:
        if ticket != self._epoch:
            return
        self._failures = 0
        if self._slow:
            self._slow.clear()
        if self._until is not None:
            self._until = None
            self._next_pause = self._pause
            self._turn()
            log.info("circuit closed", path=self.path)

    def failed(self, ticket: int, error: ButlrError, *, slow_for: str | None = None) -> None:
        """Note a failure. One that may be the asker's own doing counts once in a row for each `slow_for`."""
        if ticket != self._epoch:
            return
        if self._until is None:
            if slow_for is not None:
                if slow_for in self._slow:
                    return
                self._slow.add(slow_for)
            self._failures += 1
            if self._failures < self._threshold:
                return
        self._open(error)

    def dropped(self, ticket: int) -> None:
        """Note a call that told nothing of the endpoint: it was cancelled, or answered at the door."""
        if ticket == self._epoch:
            self._probing = False

    def _open(self, error: ButlrError) -> None:
        # The upstream's own word for when it will be back, where it gave one.
        pause = min(max(self._next_pause, error.retry_after or 0.0), self._longest)
        self._next_pause = min(self._next_pause * 2, self._longest)
        self._until = self._clock() + pause
        self._failures = 0
        self._slow.clear()
        self._turn()
        log.warning("circuit opened", path=self.path, code=error.code, pause=pause)

    def _turn(self) -> None:
        self._epoch += 1
        self._probing = False

    def _refusal(self) -> CircuitOpen:
        # With a probe under way its outcome decides, soon.
        wait = max(math.ceil(self.probes_in), 1)
        return CircuitOpen(
            f"{self._whose} of {self.path} failed one after another, so Butlr is left alone for now. "
            f"Try again in {wait} second{'s' if wait > 1 else ''}.",
            path=self.path,
            status=503,
            sent=False,
            retry_after=float(wait),
        )
