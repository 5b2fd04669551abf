"""Pauses after a 429: until the time that `Retry-After` names, no call of that caller is sent."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ..butlr import RateLimited

# How many callers are remembered. A forgotten one costs a call, whose 429 begins the pause again.
MOST = 10_000


class CallerPauses:
    def __init__(self, *, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def note(self, scope: str, seconds: float) -> None:
        """Pause a caller. A shorter time does not end a longer one."""
        until = max(self._until.get(scope, 0.0), self._clock() + seconds)
        self._until[scope] = until
        self._until.move_to_end(scope)
        if len(self._until) > self._most:
            self._until.popitem(last=False)

    def check(self, scope: str) -> None:
        """Raise `RateLimited` while the caller is paused."""
        until = self._until.get(scope)
        if until is None:
            return
        left = until - self._clock()
        if left <= 0:
            del self._until[scope]
            return
        raise RateLimited(
            f"Butlr asked for fewer calls with this token. Try again in {math.ceil(left)} seconds.",
            status=429,
            sent=False,
            retry_after=math.ceil(left * 10) / 10,
        )
