"""Rights to cached answers: only a caller whose token the upstream accepts may read them."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from .callers import Caller, Service
from .token_proofs import Proofs, remember


class ReadingRights:
    """Remembers which callers' tokens the upstream has accepted, and which it has refused.

    `steady` is a clock that is never set, such as `time.monotonic`, beside the machine's clock.
    """

    def __init__(
        self, clock: Callable[[], float], steady: Callable[[], float] | None = None, *, recheck: float
    ) -> None:
        self._clock = clock
        self._proofs = Proofs(clock, steady or (time.monotonic if clock is time.time else clock), recheck=recheck)
        # By scope: when one of its tokens was refused.
        self._refused_at: OrderedDict[str, float] = OrderedDict()
        # Verified tokens that the upstream refused, by `flight`, until it accepts them again.
        self._distrusted: OrderedDict[str, float] = OrderedDict()

    def has_expired(self, caller: Caller) -> bool:
        return caller.expires is not None and caller.expires <= self._clock()

    def may_read(self, caller: Caller, as_of: float, proven: float | None = None) -> bool:
        """Return whether a caller may read an entry that was read from the upstream at `as_of`.

        `proven` is when the upstream accepted the token, if that differs from `as_of`.
        """
        if as_of <= self._refused_at.get(caller.scope, 0.0):
            # The call was made before the token was refused, and its answer stored after that.
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        # The entry itself proves that the upstream accepted this token when it was read.
        return self._proofs.holds(caller.scope) or self._proofs.is_recent(as_of if proven is None else proven)

    def may_repeat(self, caller: Caller, as_of: float, proven: float | None) -> bool:
        """Return whether an answer made for a caller from parts no older than `as_of` may be sent to it again.

        `proven` is when the upstream accepted the token for one of the parts; None if all parts are local.
        """
        return not self.has_expired(caller) and self.may_read(caller, as_of, 0.0 if proven is None else proven)

    def is_proven(self, caller: Caller) -> bool:
        """Return whether a caller may read local data: its token is verified, or was recently accepted upstream."""
        if self.has_expired(caller):
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        return self._proofs.holds(caller.scope)

    def note_taken(self, caller: Caller, asked_at: float) -> None:
        """Note that the upstream accepted the caller's token in a call that was made at `asked_at`."""
        self._proofs.note(caller.scope)
        if self._distrusted and asked_at > self._distrusted.get(caller.flight, math.inf):
            del self._distrusted[caller.flight]

    def note_refused(self, caller: Caller) -> bool:
        """Note that the upstream refused the caller's token. Return whether to drop its scope's entries."""
        self._proofs.forget(caller.scope)
        if isinstance(caller, Service):
            # The facade's own login was refused, which says nothing about its callers.
            return False
        now = self._clock()
        if caller.verified:
            remember(self._distrusted, caller.flight, now)
        remember(self._refused_at, caller.scope, now)
        return True
