"""When the upstream last took a token, by a clock that cannot go back."""

from collections import OrderedDict
from collections.abc import Callable

# Callers of whom it is remembered whether the upstream takes their token.
MOST_CALLERS = 10_000


class Proofs:
    """Says for `recheck` seconds that the upstream took a token.

    The machine's clock may be set back, and a token that was refused since would be as good as new for as long. What
    this process saw itself is counted by `steady`. Entries bear the machine's time: each counts as older by as much as
    the clock has been set back since the process began.
    """

    def __init__(self, clock: Callable[[], float], steady: Callable[[], float], *, recheck: float) -> None:
        self._clock = clock
        self._steady = steady
        self._recheck = recheck
        self._taken: OrderedDict[str, float] = OrderedDict()
        self._most_ahead = clock() - steady()

    def note(self, scope: str) -> None:
        """Note that the upstream took a token of the scope just now."""
        remember(self._taken, scope, self._steady())

    def forget(self, scope: str) -> None:
        self._taken.pop(scope, None)

    def holds(self, scope: str) -> bool:
        taken = self._taken.get(scope)
        return taken is not None and self._steady() - taken <= self._recheck

    def is_recent(self, time_: float) -> bool:
        """Whether a time of the machine's clock is no longer ago than a proof holds."""
        now = self._clock()
        ahead = now - self._steady()
        self._most_ahead = max(self._most_ahead, ahead)
        set_back = self._most_ahead - ahead
        return now - time_ + set_back <= self._recheck


def remember(times: OrderedDict[str, float], scope: str, time_: float) -> None:
    times[scope] = time_
    times.move_to_end(scope)
    if len(times) > MOST_CALLERS:
        times.popitem(last=False)
