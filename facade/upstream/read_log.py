"""What one operation read: the source of `X-Cache`, `Age` and `Cache-Control`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..cache import CacheStatus, Entry


@dataclass(slots=True)
class ReadLog:
    """One an operation. `fresh` asks for answers no older than the operation itself (`no-cache`).

    `deadline` is the time of `time.monotonic` past which the operation waits for nothing any more, `began` the one at
    which it was asked.
    """

    fresh: bool = False
    deadline: float | None = None
    began: float = field(default_factory=time.monotonic)
    calls: int = 0
    oldest: float | None = None
    # As `oldest`, but of what the upstream answered alone: what is known here proves nothing of a token.
    proven: float | None = None
    fresh_until: float | None = None
    stale: bool = False
    # The call that the operation waited longest for: its name, and the seconds.
    slowest: tuple[str, float] | None = None
    on_call: Callable[[int], None] | None = None

    def time_left(self) -> float | None:
        """Seconds until the deadline, less than 0 once it has passed; None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def called(self) -> None:
        self.calls += 1
        if self.on_call:
            self.on_call(self.calls)

    def waited(self, name: str, seconds: float) -> None:
        if self.slowest is None or seconds > self.slowest[1]:
            self.slowest = name, seconds

    def read(self, entry: Entry, *, stale: bool = False) -> None:
        """Note a part: the answer is as old as its oldest part and as fresh as its shortest."""
        self.oldest = entry.as_of if self.oldest is None else min(self.oldest, entry.as_of)
        self.proven = entry.as_of if self.proven is None else min(self.proven, entry.as_of)
        fresh_until = 0.0 if stale else entry.fresh_until
        self.fresh_until = fresh_until if self.fresh_until is None else min(self.fresh_until, fresh_until)
        self.stale = self.stale or stale

    def add(self, other: "ReadLog") -> None:
        """Note what another noted: of a part that was put together once for several operations."""
        self.calls += other.calls
        self.stale = self.stale or other.stale
        if other.slowest:
            self.waited(*other.slowest)
        if other.oldest is not None:
            self.oldest = other.oldest if self.oldest is None else min(self.oldest, other.oldest)
        if other.proven is not None:
            self.proven = other.proven if self.proven is None else min(self.proven, other.proven)
        if other.fresh_until is not None:
            until = other.fresh_until
            self.fresh_until = until if self.fresh_until is None else min(self.fresh_until, until)

    def local(self, fresh_for: float) -> None:
        """Note a part that is known here, without a call; a client may keep it for `fresh_for` seconds."""
        now = time.time()
        self.oldest = now if self.oldest is None else min(self.oldest, now)
        until = now + fresh_for
        self.fresh_until = until if self.fresh_until is None else min(self.fresh_until, until)

    def until(self, moment: float) -> None:
        """Note when a part will mean something else: a span that is relative to now moves on."""
        self.fresh_until = moment if self.fresh_until is None else min(self.fresh_until, moment)

    @property
    def since(self) -> float | None:
        """Which time of `time.monotonic` what is read has to be younger than; None where what is fresh will do."""
        return self.began if self.fresh else None

    @property
    def status(self) -> CacheStatus | None:
        """How the cache served this operation; None where nothing was read."""
        if self.fresh:
            return CacheStatus.BYPASS
        if self.stale:
            return CacheStatus.STALE
        if self.calls:
            return CacheStatus.MISS
        return CacheStatus.HIT if self.oldest is not None else None
