"""Which failed calls are retried, and the budget of retries that a failing upstream gets."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..butlr import ButlrError, RateLimited, UpstreamTimeout, UpstreamUnavailable
from .breaker import CircuitOpen
from .bulkhead import Crowded

# Seconds. A longer `Retry-After` is passed on to the client instead of waited for.
SHORT = 2.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in seconds: `first` doubles with each retry up to `longest`, plus a random part of up to `jitter`."""

    first: float = 0.1
    longest: float = 2.0
    jitter: float = 0.3

    def longest_before(self, retry: int) -> float:
        """Return the longest wait before a retry. `retry` counts from 0."""
        return min(self.longest, self.first * 2.0**retry + self.jitter)

    def before(self, retry: int) -> float:
        """Return the wait before a retry, with jitter."""
        return min(self.longest, self.first * 2.0**retry + self.jittered())

    def jittered(self) -> float:
        return random.uniform(0, self.jitter)  # noqa: S311 -- nothing secret


class RetryBudget:
    """Allows retries up to `ratio` of the successful calls, and a `floor` of retries each 10 seconds.

    Occasional failures are therefore retried, while an upstream that only fails gets few extra calls.
    """

    __slots__ = ("_clock", "_filled_at", "_floor", "_most", "_ratio", "_tokens")

    def __init__(
        self,
        *,
        ratio: float = 0.2,
        floor: float = 10.0,
        most: float = 100.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio = ratio
        self._floor = floor
        self._most = most
        self._clock = clock
        self._tokens = floor
        self._filled_at = clock()

    def succeeded(self) -> None:
        self._tokens = min(self._tokens + self._ratio, self._most)

    def spend(self) -> bool:
        """Return whether a retry is left, and take it if so."""
        now = self._clock()
        filled = self._tokens + (now - self._filled_at) * self._floor / 10
        self._tokens = max(self._tokens, min(filled, self._floor))
        self._filled_at = now
        # Sums of tenths may fall short of whole numbers by rounding.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


class Retries:
    """Decides after each failure of one call whether to retry. All calls are reads, so they are safe to repeat.

    Not retried: refusals, invalid answers, and calls that were never sent. A timeout is retried once: a second one
    means that the call asks for too much.
    """

    def __init__(
        self,
        most: int,
        budget: RetryBudget,
        backoff: Backoff,
        deadline: Callable[[], float | None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._left = most
        self._most = most
        self._budget = budget
        self._backoff = backoff
        self._deadline = deadline
        self._clock = clock
        self._timed_out = False

    def wait_after(self, error: ButlrError) -> float | None:
        """Return the seconds to wait before the next retry; None if the call is not retried."""
        if self._left <= 0 or not self._is_repeatable(error):
            return None
        wait = error.retry_after
        if wait is not None and wait > SHORT:
            return None
        retry = self._most - self._left
        longest = self._backoff.longest_before(retry) if wait is None else wait
        self._left -= 1
        until = self._deadline() if self._deadline else None
        if until is not None and until - self._clock() <= longest:
            return None
        # A call that a pause held back cost the upstream nothing, so its retry is not paid from the budget.
        was_call = not (isinstance(error, RateLimited) and not error.sent)
        if was_call and not self._budget.spend():
            return None
        # Jitter, since many calls may wait for the same moment.
        return self._backoff.before(retry) if wait is None else wait + self._backoff.jittered()

    def _is_repeatable(self, error: ButlrError) -> bool:
        if isinstance(error, CircuitOpen | Crowded):
            return False
        if isinstance(error, UpstreamTimeout) and error.sent:
            first, self._timed_out = not self._timed_out, True
            return first
        return isinstance(error, UpstreamTimeout | UpstreamUnavailable | RateLimited)
