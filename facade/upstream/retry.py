"""When a call is tried again, and how many such calls an upstream that fails may get."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..butlr import ButlrError, RateLimited, UpstreamTimeout, UpstreamUnavailable
from .breaker import CircuitOpen
from .bulkhead import Crowded

# A longer `Retry-After` is for the client to wait out.
SHORT = 2.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """In seconds: `first` doubles with each retry up to `longest`, and up to `jitter` comes on top."""

    first: float = 0.1
    longest: float = 2.0
    jitter: float = 0.3

    def longest_before(self, retry: int) -> float:
        """The most that a call waits before its retry of this number, counted from 0."""
        return min(self.longest, self.first * 2.0**retry + self.jitter)

    def before(self, retry: int) -> float:
        """What a call waits before that retry."""
        return min(self.longest, self.first * 2.0**retry + self.jittered())

    def jittered(self) -> float:
        return random.uniform(0, self.jitter)  # noqa: S311 -- nothing secret


class RetryBudget:
    """Retries are at most `ratio` of the calls that succeed, and a `floor` that fills again in 10 seconds.

    So an upstream that fails now and then hides it, and one that only fails gets few calls more.
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
        """Whether there is a retry left; if so, it is taken."""
        now = self._clock()
        filled = self._tokens + (now - self._filled_at) * self._floor / 10
        self._tokens = max(self._tokens, min(filled, self._floor))
        self._filled_at = now
        # Sums of tenths fall short of whole numbers by a hair.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


class Retries:
    """Decides for one call, failure by failure. Every call that comes here is a read, so safe to repeat.

    Not repeated: what the upstream refused or answered with nonsense, and what never left for it. What took too long
    is repeated once: a hung call may have been chance, while an ask that is too much stays too much.
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
        """Return the seconds after which to repeat the call; None where it is not repeated."""
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
        # What was held back here cost the upstream nothing, so its repetition is none.
        was_call = not (isinstance(error, RateLimited) and not error.sent)
        if was_call and not self._budget.spend():
            return None
        # Those who wait for the same moment must not all come in it.
        return self._backoff.before(retry) if wait is None else wait + self._backoff.jittered()

    def _is_repeatable(self, error: ButlrError) -> bool:
        if isinstance(error, CircuitOpen | Crowded):
            return False
        if isinstance(error, UpstreamTimeout) and error.sent:
            first, self._timed_out = not self._timed_out, True
            return first
        return isinstance(error, UpstreamTimeout | UpstreamUnavailable | RateLimited)
