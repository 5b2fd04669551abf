"""Rate limits of callers."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from starlette.requests import Request

from ..auth import Caller, Service, Verified
from ..butlr import RateLimited
from ..cache import REDIS_SCHEMES

log = structlog.get_logger(__name__)

# Seconds between two attempts to reach a storage that was down.
DOWN_FOR = 5.0
# Seconds. A storage that is slower counts as down.
ANSWERS_WITHIN = 0.5
MOST_CONNECTIONS = 1000
MOST_CALLERS = 100_000


class RateWindows:
    """Counts in this process by a sliding window: the current window, and a share of the previous one.

    This is how the library counts in Redis. Its own counter in memory starts a task for each request.
    """

    def __init__(
        self, item: RateLimitItem, *, clock: Callable[[], float] = time.monotonic, most: int = MOST_CALLERS
    ) -> None:
        self._amount, self._length = item.amount, item.get_expiry()
        self._clock = clock
        self._most = most
        # By caller: the number of the current window, its count, and the count of the previous one.
        self._counted: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def has_room(self, caller: str) -> bool:
        """Return whether another request is within the limit."""
        now, length = self._clock(), self._length
        _, counted, before = self._window(caller, now)
        return before * (1 - now % length / length) + counted + 1 <= self._amount

    def hit(self, caller: str) -> bool:
        """Count a request if it is within the limit, and return whether it is."""
        if not self.has_room(caller):
            return False
        number, counted, before = self._window(caller, self._clock())
        self._counted[caller] = number, counted + 1, before
        self._counted.move_to_end(caller)
        if len(self._counted) > self._most:
            self._counted.popitem(last=False)
        return True

    def wait(self, caller: str) -> float:
        """Return the seconds until there is room for another request."""
        now, length = self._clock(), self._length
        _, counted, before = self._window(caller, now)
        into = now % length
        room = self._amount - 1 - counted
        if room >= 0 and before:
            return max(0.0, length * (1 - room / before) - into)
        # There is room in the next window, once enough of the current count has slid out.
        return length - into + max(0.0, length * (1 - (self._amount - 1) / max(counted, 1)))

    def _window(self, caller: str, now: float) -> tuple[int, int, int]:
        number = int(now // self._length)
        last, counted, before = self._counted.get(caller, (number, 0, 0))
        if last == number:
            return number, counted, before
        return number, 0, counted if last == number - 1 else 0


class _Storage(RedisStorage):
    """Counts in Redis by our own client, since the library does not support all forms of a cache URL.

    The library's hash tags put the two keys of a count into one slot.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        super().__init__("async+redis://", wrap_exceptions=True, implementation="redispy")

    def configure_bridge(self) -> None:
        self.bridge: Any
        self.bridge.storage = self.client
        self.bridge.connection_getter = lambda _readonly: self.client


class RateLimit:
    """Counts requests by caller, in this process or, with Redis, over all replicas.

    While Redis is down each process counts by itself, so that no request fails because of the outage.
    """

    def __init__(self, rates: str, shared: _Storage | None = None) -> None:
        """Take rates such as "600/minute" or "10/second;600/minute"."""
        self._items: list[RateLimitItem] = parse_many(rates)
        self._storage = shared
        self._shared = SlidingWindowCounterRateLimiter(shared) if shared else None
        self._own = [RateWindows(item) for item in self._items]
        self._down_until = 0.0

    @classmethod
    def create(cls, rates: str, cache_url: str) -> "RateLimit":
        if cache_url.partition("://")[0] not in REDIS_SCHEMES:
            return cls(rates)
        # redis is an extra.
        from ..cache.redis_address import RedisAddress  # noqa: PLC0415

        client = RedisAddress.parse(cache_url).client(
            timeout=ANSWERS_WITHIN, max_connections=MOST_CONNECTIONS, answers_within=ANSWERS_WITHIN
        )
        return cls(rates, _Storage(client))

    async def aclose(self) -> None:
        if self._storage:
            await self._storage.client.aclose()

    async def check(self, caller: str) -> None:
        """Count a request. Raises `RateLimited` if it exceeds a limit."""
        # Several limits are all tested before any of them counts, so that a refused request does not use up another.
        windows = list(zip(self._items, self._own, strict=True))
        if len(windows) > 1:
            for item, own in windows:
                if not await self._has_room(item, own, caller):
                    raise await self._limited(item, own, caller)
        for item, own in windows:
            if not await self._hit(item, own, caller):
                raise await self._limited(item, own, caller)

    async def _limited(self, item: RateLimitItem, own: RateWindows, caller: str) -> RateLimited:
        # At most one window, and usually less, since the window slides.
        wait = float(max(1, math.ceil(await self._wait(item, own, caller))))
        return RateLimited(
            f"This facade allows {item} to each caller. Try again in {wait:.0f} seconds.", retry_after=wait
        )

    def check_at_once(self, caller: str) -> bool:
        """Count a request without waiting. Return False if it exceeds a limit, or only `check` can count it (Redis)."""
        if self._shared is not None or not all(own.has_room(caller) for own in self._own):
            return False
        for own in self._own:
            own.hit(caller)
        return True

    async def _has_room(self, item: RateLimitItem, own: RateWindows, caller: str) -> bool:
        if self._shared and time.monotonic() >= self._down_until:
            try:
                return await self._shared.test(item, caller)
            except StorageError as error:
                self._is_down(error)
        return own.has_room(caller)

    async def _hit(self, item: RateLimitItem, own: RateWindows, caller: str) -> bool:
        if self._shared and time.monotonic() >= self._down_until:
            try:
                return await self._shared.hit(item, caller)
            except StorageError as error:
                self._is_down(error)
        return own.hit(caller)

    def _is_down(self, error: StorageError) -> None:
        self._down_until = time.monotonic() + DOWN_FOR
        log.warning("rates are counted in this process alone", error=str(error.storage_error))

    async def _wait(self, item: RateLimitItem, own: RateWindows, caller: str) -> float:
        if self._shared and time.monotonic() >= self._down_until:
            try:
                return (await self._shared.get_window_stats(item, caller)).reset_time - time.time()
            except StorageError:
                return 1.0
        return own.wait(caller)


def address_of(request: Request) -> str:
    return request.client.host if request.client else "-"


def counted_as(caller: Caller | None, *, proven: bool) -> str | None:
    """Return the identity to count by: the API key, a verified subject, or a `proven` token. None: the address.

    An unproven claim is never used, since a caller could send another one with each request.
    """
    if isinstance(caller, Service):
        # Many callers share the facade's own login.
        return None if caller.key is None else f"key {caller.key}"
    if caller is None or not proven:
        return None
    return caller.subject if isinstance(caller, Verified) else caller.scope
