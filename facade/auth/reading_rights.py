"""Who may be given what is kept: answers from a cache are for those alone whose token the upstream takes."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from .callers import Caller, Service
from .token_proofs import Proofs, remember


class ReadingRights:
    """What is known of callers' tokens: which the upstream has taken, and which it has refused.

    `steady` is a clock that is never set: `time.monotonic` beside the clock of the machine.
    """

    def __init__(
        self, clock: Callable[[], float], steady: Callable[[], float] | None = None, *, recheck: float
    ) -> None:
        self._clock = clock
        self._proofs = Proofs(clock, steady or (time.monotonic if clock is time.time else clock), recheck=recheck)
        # By scope: when a token of it was refused.
        self._refused_at: OrderedDict[str, float] = OrderedDict()
        # Tokens that were verified, and then refused by the upstream: by `flight`, until it takes them again.
        self._distrusted: OrderedDict[str, float] = OrderedDict()

    def has_expired(self, caller: Caller) -> bool:
        return caller.expires is not None and caller.expires <= self._clock()

    def may_read(self, caller: Caller, as_of: float, proven: float | None = None) -> bool:
        """Whether the caller may have an entry that was asked for at `as_of`.

        `proven` is when the upstream took the token, where that is not when the entry was asked for.
        """
        if as_of <= self._refused_at.get(caller.scope, 0.0):
            # Asked for before the refusal, and answered or stored after it.
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        # An entry itself proves that the upstream took this token when it was read.
        return self._proofs.holds(caller.scope) or self._proofs.is_recent(as_of if proven is None else proven)

    def may_repeat(self, caller: Caller, as_of: float, proven: float | None) -> bool:
        """Whether an answer made for the caller from parts no older than `as_of` may be given to them again.

        `proven` is when the upstream took the caller's token for one of its parts; None where all of it is local.
        """
        return not self.has_expired(caller) and self.may_read(caller, as_of, 0.0 if proven is None else proven)

    def is_proven(self, caller: Caller) -> bool:
        """Whether the caller may read local data: verified, or taken by the upstream a short while ago."""
        if self.has_expired(caller):
            return False
        if caller.verified:
            return caller.flight not in self._distrusted
        return self._proofs.holds(caller.scope)

    def note_taken(self, caller: Caller, asked_at: float) -> None:
        """Note that the upstream took the caller's token, in a call that was made at `asked_at`."""
        self._proofs.note(caller.scope)
        if self._distrusted and asked_at > self._distrusted.get(caller.flight, math.inf):
            del self._distrusted[caller.flight]

    def note_refused(self, caller: Caller) -> bool:
        """Note that the upstream refused the caller's token. Return whether what its scope has cached is to go."""
        self._proofs.forget(caller.scope)
        if isinstance(caller, Service):
            # The facade's own login was refused, and none of its callers.
            return False
        now = self._clock()
        if caller.verified:
            remember(self._distrusted, caller.flight, now)
        remember(self._refused_at, caller.scope, now)
        return True
