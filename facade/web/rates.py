"""How often a caller may ask."""

import math
import time
from hashlib import sha256
from typing import Any

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from starlette.requests import Request

from ..butlr import RateLimited
from ..upstream import Caller, Service

log = structlog.get_logger(__name__)

# Seconds between two attempts to reach a storage that was down.
DOWN_FOR = 5.0
# Seconds. A storage that is slower than that is as good as down.
ANSWERS_WITHIN = 0.5


class RateLimit:
    """Counts requests by caller, in this process or, with a Redis, in all replicas together.

    While Redis is down each process counts for itself: that is lenient, and no request fails for it.
    """

    def __init__(self, rates: str, storage: Storage) -> None:
        """`rates` is such as "600/minute" or "10/second;600/minute"."""
        self._storage = storage
        self._items: list[RateLimitItem] = parse_many(rates)
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._down_until = 0.0

    @classmethod
    def create(cls, rates: str, cache_url: str) -> "RateLimit":
        if not cache_url.startswith(("redis://", "rediss://")):
            return cls(rates, MemoryStorage())
        storage = RedisStorage(
            f"async+{cache_url}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_timeout=ANSWERS_WITHIN,
            socket_connect_timeout=ANSWERS_WITHIN,
        )
        return cls(rates, storage)

    async def aclose(self) -> None:
        if isinstance(self._storage, RedisStorage):
            # The library has no way of its own to its client.
            bridge: Any = self._storage.bridge
            await bridge.storage.aclose()

    async def check(self, caller: str) -> None:
        """Count a request. Raises `RateLimited` where it is one too many."""
        for item in self._items:
            if not await self._hit(item, caller):
                # At the most a whole window; the counter slides, so it is seldom that long.
                wait = float(max(1, math.ceil(await self._wait(item, caller))))
                raise RateLimited(
                    f"This facade allows {item} to each caller. Try again in {wait:.0f} seconds.", retry_after=wait
                )

    async def _hit(self, item: RateLimitItem, caller: str) -> bool:
        if time.monotonic() >= self._down_until:
            try:
                return await self._shared.hit(item, caller)
            except StorageError as error:
                self._down_until = time.monotonic() + DOWN_FOR
                log.warning("rates are counted in this process alone", error=str(error.storage_error))
        return await self._own.hit(item, caller)

    async def _wait(self, item: RateLimitItem, caller: str) -> float:
        limiter = self._own if time.monotonic() < self._down_until else self._shared
        try:
            return (await limiter.get_window_stats(item, caller)).reset_time - time.time()
        except StorageError:
            return 1.0


def rate_key(request: Request, caller: Caller | None) -> str:
    """Who is counted: a token, an API key, else an address. A facade's own login is many people's."""
    if caller is not None and not isinstance(caller, Service):
        return caller.scope
    key = request.headers.get("x-api-key") or request.headers.get("authorization")
    if caller is not None and key:
        return sha256(key.encode()).hexdigest()
    return request.client.host if request.client else "-"
