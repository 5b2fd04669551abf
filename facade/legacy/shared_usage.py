"""Usage counts of all replicas, in their shared Redis: one hash for each day, which expires by itself.

Needs the extra `redis`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import structlog
from redis.exceptions import RedisError

from ..cache.redis_address import RedisAddress
from .usage import (
    KEPT_DAYS,
    MOST_ROWS,
    CallCounts,
    CountKey,
    DailyCount,
    Usage,
    UsageUnavailableError,
    folded,
    has_room,
    last_days,
)

log = structlog.get_logger(__name__)

PREFIX = "facade:usage:"
WRITTEN_EVERY = 5.0
ANSWERS_WITHIN = 1.0
MOST_CONNECTIONS = 10
_KEPT = timedelta(days=KEPT_DAYS + 1)

# Refused and reset connections and timeouts are OSErrors.
_FAILURES = (RedisError, OSError)


class SharedUsage(Usage):
    """Counts in this process, and writes the counts to Redis at intervals, so that no request waits for Redis.

    If a write fails, the counts are kept, within the bound of `CallCounts`, and written later. If only the reply of
    Redis was lost, they count twice.
    """

    def __init__(self, url: str, *, every: float = WRITTEN_EVERY, clock: Callable[[], float] = time.time) -> None:
        """Take the URL of Redis. Raises ValueError for one that cannot be used."""
        super().__init__(clock)
        self._every = every
        # Any, since redis-py types its commands for the synchronous and the asynchronous client at once.
        self._redis: Any = RedisAddress.parse(url).client(
            timeout=ANSWERS_WITHIN, max_connections=MOST_CONNECTIONS, answers_within=ANSWERS_WITHIN
        )
        self._down = False

    async def counted(self, days: int) -> list[DailyCount]:
        await self.write()
        found: list[DailyCount] = []
        try:
            for day in last_days(self.today(), days):
                async with asyncio.timeout(ANSWERS_WITHIN):
                    fields = await self._redis.hgetall(f"{PREFIX}{day}")
                found += [(day, tuple(orjson.loads(field)), int(count)) for field, count in fields.items()]
        except _FAILURES as exc:
            raise UsageUnavailableError(f"Redis has the counts, and does not answer ({type(exc).__name__}).") from exc
        return found

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.write()

    async def write(self) -> None:
        """Write the counts. Does not raise if Redis fails."""
        self._settle()
        taken, self._counts = self._counts, CallCounts()
        left = dict(taken.by_day())
        try:
            for day, rows in taken.by_day().items():
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await self._add(f"{PREFIX}{day}", rows)
                del left[day]
            if taken.by_day():
                self._down = False
        except _FAILURES as exc:
            if not self._down:
                log.warning("usage is kept in this process until Redis takes it", error=type(exc).__name__)
            self._down = True
        finally:
            for day, rows in left.items():
                for row, count in rows.items():
                    self._counts.add(day, row, count)

    async def _add(self, key: str, rows: Counter[CountKey]) -> None:
        taken = await self._redis.hlen(key)
        # The rows in Redis are read only when they may approach the bound.
        known = set(await self._redis.hkeys(key)) if taken + len(rows) > MOST_ROWS // 2 else None
        async with self._redis.pipeline(transaction=True) as pipe:
            for row, count in rows.items():
                field = orjson.dumps(row)
                if known is not None and field not in known:
                    field = field if has_room(row, taken) else orjson.dumps(folded(row))
                    taken += 1
                pipe.hincrby(key, field, count)
            pipe.expire(key, _KEPT)
            await pipe.execute()

    async def aclose(self) -> None:
        await self.write()
        await self._redis.aclose()
