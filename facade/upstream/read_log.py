"""Notes on what one operation read, from which `X-Cache`, `Age` and `Cache-Control` are made."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..cache import CacheStatus, Entry


@dataclass(slots=True)
class ReadLog:
    """The notes of one operation. `fresh` asks for answers no older than the operation itself (`no-cache`).

    `began` is the operation's start, `deadline` the time after which it waits for nothing, both of `time.monotonic`.
    """

    fresh: bool = False
    deadline: float | None = None
    began: float = field(default_factory=time.monotonic)
    calls: int = 0
    oldest: float | None = None
    # As `oldest`, but only for answers of the upstream: local data does not prove that a token is valid.
    proven: float | None = None
    fresh_until: float | None = None
    stale: bool = False
    # The call that the operation waited longest for: its name, and the seconds.
    slowest: tuple[str, float] | None = None
    on_call: Callable[[int], None] | None = None

    def time_left(self) -> float | None:
        """Return the seconds until the deadline, negative after it; None without a deadline."""
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
        """Add the notes of a load that was made once for several operations."""
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
        """Note a part from local data, without a call. A client may keep it for `fresh_for` seconds."""
        now = time.time()
        self.oldest = now if self.oldest is None else min(self.oldest, now)
        until = now + fresh_for
        self.fresh_until = until if self.fresh_until is None else min(self.fresh_until, until)

    def until(self, moment: float) -> None:
        """Note when a relative span will move to the next window."""
        self.fresh_until = moment if self.fresh_until is None else min(self.fresh_until, moment)

    @property
    def since(self) -> float | None:
        """Return the time of `time.monotonic` after which answers must have been read; None if fresh ones will do."""
        return self.began if self.fresh else None

    @property
    def status(self) -> CacheStatus | None:
        """Return how the cache served this operation; None if nothing was read."""
        if self.fresh:
            return CacheStatus.BYPASS
        if self.stale:
            return CacheStatus.STALE
        if self.calls:
            return CacheStatus.MISS
        return CacheStatus.HIT if self.oldest is not None else None
