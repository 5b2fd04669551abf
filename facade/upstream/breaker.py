"""A circuit breaker: an endpoint that keeps failing gets no calls for a pause, then one call at a time.

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
    """No call was made, since the calls before it failed."""


class Breaker:
    """Closed while calls succeed; open for a pause after `threshold` failures in a row; then one probe at a time.

    A failed probe doubles the pause, up to `longest`; a successful one closes the breaker. `admit` returns a ticket, to
    be given back to `succeeded`, `failed` or `dropped`. Tickets from before the breaker last opened or closed are
    ignored.
    """

    __slots__ = (
        "_clock",
        "_epoch",
        "_failures",
        "_longest",
        "_next_pause",
        "_pause",
        "_probing",
        "_slow_callers",
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
        """Take `pause` and `longest` in seconds. `whose` begins the message of a refusal."""
        self.path = path
        self._threshold = threshold
        self._pause = pause
        self._longest = longest
        self._whose = whose
        self._clock = clock
        self._epoch = 0
        self._failures = 0
        self._slow_callers: set[str] = set()
        self._until: float | None = None
        self._next_pause = pause
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._until is not None

    @property
    def is_idle(self) -> bool:
        """Return whether the breaker is closed and no failure is counted."""
        return self._until is None and not self._failures

    @property
    def probes_in(self) -> float:
        """Return the seconds until the next call is admitted; 0 if only a probe under way blocks it."""
        return 0.0 if self._until is None else max(self._until - self._clock(), 0.0)

    def check(self) -> None:
        """Raise `CircuitOpen` if a call would not be admitted now."""
        if self._until is not None and (self._probing or self._clock() < self._until):
            raise self._refusal()

    def admit(self) -> int:
        """Admit a call and return its ticket, which must be given back. Raises `CircuitOpen`."""
        self.check()
        self._probing = self._until is not None
        return self._epoch

    def succeeded(self, ticket: int) -> None:
        if ticket != self._epoch:
            return
        self._failures = 0
        if self._slow_callers:
            self._slow_callers.clear()
        if self._until is not None:
            self._until = None
            self._next_pause = self._pause
            self._turn()
            log.info("circuit closed", path=self.path)

    def failed(self, ticket: int, error: ButlrError, *, slow_for: str | None = None) -> None:
        """Count a failure. With `slow_for` (a caller's scope) failures in a row of one caller count once."""
        if ticket != self._epoch:
            return
        if self._until is None:
            if slow_for is not None:
                if slow_for in self._slow_callers:
                    return
                self._slow_callers.add(slow_for)
            self._failures += 1
            if self._failures < self._threshold:
                return
        self._open(error)

    def dropped(self, ticket: int) -> None:
        """Give back the ticket of a call that says nothing about the endpoint: cancelled, or answered 401, 403, 429."""
        if ticket == self._epoch:
            self._probing = False

    def _open(self, error: ButlrError) -> None:
        # A `Retry-After` of the upstream may lengthen the pause.
        pause = min(max(self._next_pause, error.retry_after or 0.0), self._longest)
        self._next_pause = min(self._next_pause * 2, self._longest)
        self._until = self._clock() + pause
        self._failures = 0
        self._slow_callers.clear()
        self._turn()
        log.warning("circuit opened", path=self.path, code=error.code, pause=pause)

    def _turn(self) -> None:
        self._epoch += 1
        self._probing = False

    def _refusal(self) -> CircuitOpen:
        # 0 s are left while a probe is under way: its outcome is known soon.
        wait = max(math.ceil(self.probes_in), 1)
        return CircuitOpen(
            f"{self._whose} of {self.path} failed one after another, so Butlr is not called for now. "
            f"Try again in {wait} second{'s' if wait > 1 else ''}.",
            path=self.path,
            status=503,
            sent=False,
            retry_after=float(wait),
        )
