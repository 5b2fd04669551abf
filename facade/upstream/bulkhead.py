"""A bound on concurrent calls, fair between callers: the burst of one does not delay the others."""

import asyncio
from collections import OrderedDict, deque

from ..butlr import RateLimited


class Crowded(RateLimited):
    """No call was made, since too many calls of this caller are queued."""


class Bulkhead:
    """`size` slots. A free slot goes to the caller who holds the fewest; equal callers take turns.

    Once there have been two callers, none of them alone gets the last eighth of the slots: if all calls of one caller
    hang, another's calls still find a slot.

    At most `waiting` calls are queued. When the queue is full, the newest call of the caller with the most queued calls
    is refused.
    """

    def __init__(self, size: int, *, waiting: int = 1000) -> None:
        self.size = size
        self.free = size
        self._most_waiting = waiting
        self._waiting = 0
        self._most_each = size
        self._only_scope: str | None = None
        self._held: dict[str, int] = {}
        # Ordered by turn: the first caller is served next.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return self._waiting

    def held(self, scope: str) -> int:
        return self._held.get(scope, 0)

    async def acquire(self, scope: str) -> None:
        """Wait for a slot, which must be given back by `release`. Raises `Crowded`."""
        if scope != self._only_scope:
            self._limit_shares(scope)
        if self.free and self.held(scope) < self._most_each:
            self._take(scope)
            return
        if self._waiting >= self._most_waiting:
            self._make_room(scope)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(scope, deque()).append(future)
        self._waiting += 1
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._leave(scope, future)
            elif not future.exception():
                # Cancelled after it was given a slot.
                self.release(scope)
            raise

    def release(self, scope: str) -> None:
        held = self._held[scope] - 1
        if held:
            self._held[scope] = held
        else:
            del self._held[scope]
        self.free += 1
        self._pass_slots_on()

    def _limit_shares(self, scope: str) -> None:
        if self._only_scope is None:
            self._only_scope = scope
        else:
            self._most_each = self.size - self.size // 8

    def _take(self, scope: str) -> None:
        self.free -= 1
        self._held[scope] = self._held.get(scope, 0) + 1

    def _pass_slots_on(self) -> None:
        while self._queues:
            scope = min(self._queues, key=self.held)
            if self.held(scope) >= self._most_each:
                return
            queue = self._queues[scope]
            future = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues.move_to_end(scope)
            else:
                del self._queues[scope]
            # A waiter that was cancelled in this turn of the event loop is still in the queue.
            if not future.done():
                self._take(scope)
                future.set_result(None)
                return

    def _make_room(self, scope: str) -> None:
        longest = max(self._queues, key=lambda other: len(self._queues[other]))
        if len(self._queues.get(scope, ())) >= len(self._queues[longest]):
            raise self._refusal()
        future = self._queues[longest][-1]
        self._leave(longest, future)
        if not future.done():
            future.set_exception(self._refusal())

    def _leave(self, scope: str, future: asyncio.Future[None]) -> None:
        queue = self._queues.get(scope)
        if queue is None or future not in queue:
            return
        queue.remove(future)
        self._waiting -= 1
        if not queue:
            del self._queues[scope]

    def _refusal(self) -> Crowded:
        return Crowded(
            "Too many of your calls are waiting for Butlr. Try again in a second, with fewer at once.",
            status=429,
            sent=False,
            retry_after=1.0,
        )
