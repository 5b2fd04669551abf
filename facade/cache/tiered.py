"""This process's memory in front of the Redis that all replicas share.

Needs the extra `redis`.
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from .entry import Entry
from .keys import check_prefix, prefix_of
from .memory import MemoryStore
from .redis.invalidation import Invalidations
from .redis.lock import RedisLocks
from .redis.store import RedisStore
from .store import StoreUsage, Stream

# Seconds for which memory may keep an entry before Redis is read again: while invalidations are received, and while
# not.
WHILE_LISTENING, WHILE_DEAF = 60.0, 5.0
_DROPPED_MOST = 10_000
# Seconds by which the clock of another replica may be ahead.
_AHEAD = 60.0


class TieredStore:
    """Keeps entries in memory and Redis, and texts in Redis only. A drop removes them from all replicas' memories.

    Memory answers while an entry is fresh; after that another replica may have put a newer one into Redis. An entry
    that was read from the upstream before its scope was dropped is neither kept nor returned. For one event loop.
    """

    def __init__(
        self,
        shared: RedisStore,
        max_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Take `wall` as the clock of entries."""
        self._near = MemoryStore(max_bytes, clock)
        self._lookups: Counter[tuple[str, bool]] = Counter()
        self._shared = shared
        self._wall = wall
        self._invalidations = Invalidations(
            shared.client, shared.channel, on_message=self._on_message, on_change=self._forget_all
        )
        self.locks = RedisLocks(shared, read=self._read, wall=wall)
        self._dropped: OrderedDict[str, float] = OrderedDict()
        # Incremented by a drop: an entry that was read from Redis under an earlier number does not go into memory.
        self._epoch = 0

    @property
    def usage(self) -> StoreUsage:
        return StoreUsage(len(self._near), self._near.used_bytes, self._lookups)

    @property
    def used_bytes(self) -> int:
        return self._near.used_bytes

    @property
    def is_listening(self) -> bool:
        """Return whether the drops of other replicas are received."""
        return self._invalidations.is_listening

    def peek(self, key: str) -> Entry | None:
        return self._near.peek(key)

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        if self._still_holds(key, entry):
            self._near.put_local(
                key, entry, min(ttl, WHILE_LISTENING if self._invalidations.is_listening else WHILE_DEAF)
            )

    async def get(self, key: str) -> Entry | None:
        self._invalidations.start()
        near = self._near.peek(key)
        is_near = near is not None and near.fresh_until > self._wall()
        self._lookups["memory", is_near] += 1
        if is_near:
            return near
        read = await self._read(key)
        self._lookups["shared", read is not None] += 1
        # Memory is read again, since the entry may have been dropped meanwhile.
        return read or self._near.peek(key)

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        self._invalidations.start()
        now = self._wall()
        found = [self._near.peek(key) for key in keys]
        asked = [at for at, near in enumerate(found) if near is None or near.fresh_until <= now]
        self._lookups["memory", True] += len(keys) - len(asked)
        self._lookups["memory", False] += len(asked)
        if asked:
            epoch = self._epoch
            read = await self._shared.get_many([keys[at] for at in asked])
            for at, entry in zip(asked, read, strict=True):
                self._lookups["shared", entry is not None] += 1
                found[at] = self._taken(keys[at], entry, epoch) or self._near.peek(keys[at])
        return found

    async def get_shared(self, keys: Sequence[str]) -> list[Entry | None]:
        now = self._wall()
        near = [self._near.peek(key) for key in keys]
        asked = [at for at, entry in enumerate(near) if entry is not None and entry.fresh_until > now]
        found: list[Entry | None] = [None] * len(keys)
        if asked:
            for at, entry in zip(asked, await self._shared.get_many([keys[at] for at in asked]), strict=True):
                self._lookups["shared", entry is not None] += 1
                if entry is not None and self._may_give(keys[at], entry):
                    found[at] = entry
        return found

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        await self.set_many([(key, entry, ttl)])

    async def set_many(self, items: Sequence[tuple[str, Entry, float]]) -> None:
        self._invalidations.start()
        kept = [item for item in items if self._still_holds(item[0], item[1])]
        for key, entry, ttl in kept:
            self.put_local(key, entry, ttl)
        await self._shared.set_many(kept)

    async def delete(self, key: str) -> None:
        """Remove an entry here and in Redis. Other memories keep it until they read Redis again."""
        await self._near.delete(key)
        await self._shared.delete(key)

    async def drop(self, prefix: str) -> int:
        check_prefix(prefix)
        near = self._drop_here(prefix)
        return max(near, await self._shared.drop(prefix))

    async def purge(self, start: str = "") -> int:
        """As `RedisStore.purge`, and in the memories of all replicas."""
        self._near.purge(start)
        return await self._shared.purge(start)

    async def get_text(self, key: str) -> str | None:
        return await self._shared.get_text(key)

    async def set_text(self, key: str, value: str, ttl: float) -> None:
        await self._shared.set_text(key, value, ttl)

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        return await self._shared.add_text(key, value, ttl)

    def stream(self, name: str) -> Stream:
        return self._shared.stream(name)

    async def ping(self) -> str:
        return await self._shared.ping()

    async def aclose(self) -> None:
        await self._invalidations.aclose()
        await self.locks.aclose()
        await self._shared.aclose()
        await self._near.aclose()

    async def _read(self, key: str) -> Entry | None:
        """Read an entry from Redis into memory."""
        epoch = self._epoch
        return self._taken(key, await self._shared.get(key), epoch)

    def _taken(self, key: str, entry: Entry | None, epoch: int) -> Entry | None:
        if entry is None or not self._may_give(key, entry):
            return None
        near = self._near.peek(key)
        if near is not None and near.as_of > entry.as_of:
            # Memory's entry is newer: it was stored meanwhile, or Redis did not accept it.
            return near
        if epoch == self._epoch:
            self.put_local(key, entry, math.inf)
        return entry

    def _may_give(self, key: str, entry: Entry) -> bool:
        # An entry from the future would be fresh for too long: the clock has been set back since it was written.
        return self._still_holds(key, entry) and entry.as_of <= self._wall() + _AHEAD

    def _still_holds(self, key: str, entry: Entry) -> bool:
        """Return whether the entry was read from the upstream after its scope was last dropped."""
        return not self._dropped or entry.as_of > self._dropped.get(prefix_of(key), -math.inf)

    def _drop_here(self, prefix: str) -> int:
        self._dropped[prefix] = self._wall()
        self._dropped.move_to_end(prefix)
        if len(self._dropped) > _DROPPED_MOST:
            self._dropped.popitem(last=False)
        return self._near.drop_here(prefix)

    def _on_message(self, word: str, about: str) -> None:
        if word == "scope":
            self._drop_here(about)
        elif word == "scopes":
            self._near.purge(about)
            self._epoch += 1

    def _forget_all(self) -> None:
        """Empty the memory: drops may have been missed."""
        self._near.purge()
        self._epoch += 1
