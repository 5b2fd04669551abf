"""A store in this process's memory, bounded in bytes."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiocache.base import BaseCache
from aiocache.serializers import NullSerializer

from .entry import Entry
from .keys import check_prefix, prefix_of, scope_of
from .store import StoreUsage, Stream

MIB = 1 << 20
# Seconds by which two clocks that are read one after the other may differ on a busy machine.
_STEP = 1.0


class _Slot(NamedTuple):
    value: Entry | str
    expires_at: float
    cost: int


class _LeastRecentlyUsed(BaseCache):
    """An aiocache backend bounded in bytes. aiocache's own memory backend has no bound, sets a timer for each
    key, and keeps a ttl of 0 for ever.

    Expiry is lazy: an expired entry is removed when it is looked up or evicted.
    """

    NAME = "least-recently-used"

    def __init__(self, max_bytes: int, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        # No timeout: aiocache would make a task of each call for it, and nothing here waits.
        super().__init__(serializer=NullSerializer(), timeout=0)
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        # Keys by scope, so that dropping a scope after an upstream 401 does not walk over all keys.
        self._scopes: dict[str, set[str]] = {}
        self._clock, self._wall = clock, wall
        self._ahead = wall() - clock()
        self.max_bytes = max_bytes
        # One huge answer must not evict everything else.
        self.max_cost = max_bytes // 8
        self.used = 0

    def __len__(self) -> int:
        return len(self._slots)

    def peek(self, key: str) -> Entry | str | None:
        slot = self._slots.get(key)
        if slot is not None and self._is_set_back():
            self._empty()
            return None
        if slot is None:
            return None
        if slot.expires_at <= self._clock():
            self.remove(key)
            return None
        self._slots.move_to_end(key)
        return slot.value

    def put(self, key: str, value: Entry | str, ttl: float) -> bool:
        self.remove(key)
        cost = _cost(key, value)
        if cost > self.max_cost or not ttl > 0:
            return False
        self._slots[key] = _Slot(value, self._clock() + ttl, cost)
        self._scopes.setdefault(prefix_of(key), set()).add(key)
        self.used += cost
        while self.used > self.max_bytes:
            self.remove(next(iter(self._slots)))
        return True

    def remove(self, key: str) -> bool:
        slot = self._slots.pop(key, None)
        if slot is None:
            return False
        self.used -= slot.cost
        prefix = prefix_of(key)
        scope = self._scopes[prefix]
        scope.discard(key)
        if not scope:
            del self._scopes[prefix]
        return True

    def drop(self, prefix: str) -> int:
        keys = list(self._scopes.get(prefix, ()))
        for key in keys:
            self.remove(key)
        return len(keys)

    def purge(self, start: str) -> None:
        """Drop the scopes whose names start with `start`."""
        for prefix in [prefix for prefix in self._scopes if scope_of(prefix).startswith(start)]:
            self.drop(prefix)

    def _is_set_back(self) -> bool:
        """Return whether the machine's clock was set back, which would make entries fresh for longer."""
        ahead = self._wall() - self._clock()
        is_set_back = ahead < self._ahead - _STEP
        self._ahead = ahead if is_set_back else max(ahead, self._ahead)
        return is_set_back

    def _empty(self) -> None:
        self._slots.clear()
        self._scopes.clear()
        self.used = 0

    # The methods that aiocache calls. It passes arguments that memory does not need.

    async def _get(self, key: str, **_: Any) -> Entry | str | None:
        return self.peek(key)

    async def _multi_get(self, keys: Sequence[str], **_: Any) -> list[Entry | str | None]:
        return [self.peek(key) for key in keys]

    async def _set(self, key: str, value: Entry | str, ttl: float, **_: Any) -> bool:
        return self.put(key, value, ttl)

    async def _delete(self, key: str, **_: Any) -> int:
        return int(self.remove(key))

    async def _clear(self, *_: Any, **__: Any) -> bool:
        self._empty()
        return True


# Bytes of the Python objects around a value (entry, floats, slot, two tables), measured with tracemalloc.
_OVERHEAD = 512


def _cost(key: str, value: Entry | str) -> int:
    # A str takes up to four bytes a character.
    size = value.size if isinstance(value, Entry) else 4 * len(value)
    return size + len(key) + _OVERHEAD


class MemoryStore:
    """A store for one event loop. Entries are shared with readers, since they are immutable.

    An entry that costs more than an eighth of `max_bytes` is not kept.
    """

    locks = None

    def __init__(
        self,
        max_bytes: int = 256 * MIB,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] | None = None,
    ) -> None:
        """Take `wall`, the machine's clock that entries go by, and a monotonic clock beside it."""
        if max_bytes < 0:
            raise ValueError("max_bytes is a number of bytes from 0 up")
        wall = wall or (time.time if clock is time.monotonic else clock)
        self._cache = _LeastRecentlyUsed(max_bytes, clock, wall)
        self._lookups: Counter[tuple[str, bool]] = Counter()

    def __len__(self) -> int:
        return len(self._cache)

    @property
    def used_bytes(self) -> int:
        return self._cache.used

    @property
    def usage(self) -> StoreUsage:
        return StoreUsage(len(self._cache), self._cache.used, self._lookups)

    def peek(self, key: str) -> Entry | None:
        return _entry(self._cache.peek(key))

    async def get(self, key: str) -> Entry | None:
        found = _entry(await self._cache.get(key))
        self._lookups["memory", found is not None] += 1
        return found

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        found = await self._cache.multi_get(keys)
        # Where AIOCACHE_DISABLE switches aiocache off, it answers [].
        entries = [_entry(value) for value in found] or [None] * len(keys)
        for entry in entries:
            self._lookups["memory", entry is not None] += 1
        return entries

    async def get_shared(self, keys: Sequence[str]) -> list[Entry | None]:
        return [None] * len(keys)

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        await self._cache.set(key, entry, ttl)

    async def set_many(self, items: Sequence[tuple[str, Entry, float]]) -> None:
        for key, entry, ttl in items:
            self._cache.put(key, entry, ttl)

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        self._cache.put(key, entry, ttl)

    async def delete(self, key: str) -> None:
        await self._cache.delete(key)

    async def drop(self, prefix: str) -> int:
        check_prefix(prefix)
        return self._cache.drop(prefix)

    def drop_here(self, prefix: str) -> int:
        return self._cache.drop(prefix)

    def purge(self, start: str = "") -> None:
        """Drop all scopes whose names start with `start`."""
        self._cache.purge(start)

    async def get_text(self, key: str) -> str | None:
        value = await self._cache.get(key)
        return value if isinstance(value, str) else None

    async def set_text(self, key: str, value: str, ttl: float) -> None:
        await self._cache.set(key, value, ttl)

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        return self._cache.peek(key) is None and self._cache.put(key, value, ttl)

    def stream(self, name: str) -> Stream | None:  # noqa: ARG002 - the Store's signature
        """Return None: no other process shares this store."""
        return None

    async def ping(self) -> str:
        return "ok"

    async def aclose(self) -> None:
        await self._cache.clear()
        await self._cache.close()


def _entry(value: Entry | str | None) -> Entry | None:
    return value if isinstance(value, Entry) else None
