"""Remember when the upstream last accepted a token, by a clock that cannot go back."""

from collections import OrderedDict
from collections.abc import Callable

# How many callers are remembered.
MOST_CALLERS = 10_000


class Proofs:
    """Proofs that the upstream accepted a token, each valid for `recheck` seconds.

    If the machine's clock is set back, a refused token must not count as recently accepted. Proofs of this process are
    therefore timed by `steady`. Entries have the machine's time, and count as older by as much as that clock has been
    set back since the process began.
    """

    def __init__(self, clock: Callable[[], float], steady: Callable[[], float], *, recheck: float) -> None:
        self._clock = clock
        self._steady = steady
        self._recheck = recheck
        self._taken: OrderedDict[str, float] = OrderedDict()
        self._most_ahead = clock() - steady()

    def note(self, scope: str) -> None:
        """Note that the upstream has just accepted a token of the scope."""
        remember(self._taken, scope, self._steady())

    def forget(self, scope: str) -> None:
        self._taken.pop(scope, None)

    def holds(self, scope: str) -> bool:
        taken = self._taken.get(scope)
        return taken is not None and self._steady() - taken <= self._recheck

    def is_recent(self, time_: float) -> bool:
        """Return whether a time of the machine's clock is within `recheck` seconds of now."""
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
