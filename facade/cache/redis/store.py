"""The store in a Redis that all replicas share. Where Redis fails, nothing is found or kept; no error is raised.

Needs the extra `redis`; `open_store` says so where it is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from ..entry import Entry
from ..keys import check_prefix, prefix_of
from .client import FAILURES, Kind, RedisClient, reason
from .streams import RedisStream

T = TypeVar("T")

# Seconds. No entry may outlive the index by which `drop` finds it.
_LONGEST = 7 * 24 * 3600.0
# Seconds by which the clocks of replicas may differ before one removes another's entries from the index.
_SKEW = 3600.0
_MOST_PENDING_DROPS = 10_000
# Most keys and bytes of one write.
_MOST_AT_ONCE, _LARGEST_AT_ONCE = 500, 4 << 20
# Slots of a cluster over which the keys of one scope are spread: one slot would put a busy tenant on one node.
_PARTS = 16


class RedisStore:
    """A store without memory in this process. Drops are published on `channel`, for replicas with a memory.

    `timeout`, `pause` and the errors raised on construction are those of `RedisClient`.
    """

    locks = None

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "facade:",
        timeout: float = 0.5,
        pause: float = 1.0,
        max_connections: int = 50,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.prefix = prefix
        self.channel = f"{prefix}forget"
        self.client = RedisClient(url, timeout=timeout, pause=pause, max_connections=max_connections, clock=clock)
        self._cache, self._client = self.client.cache, self.client.client
        # Scopes that Redis has yet to drop after an outage: entries of a refused token must not come back with Redis.
        self._pending_drops: dict[str, None] = {}

    def peek(self, key: str) -> Entry | None:  # noqa: ARG002 - the Store's signature
        return None

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        """Do nothing: this store has no memory."""

    async def get(self, key: str) -> Entry | None:
        data = await self._read(key)
        return Entry.decode(data) if data is not None else None

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        if not keys:
            return []
        names = [self.name_of(key) for key in keys]
        nothing: list[bytes | None] = []
        found = await self._attempt("get", lambda: self._cache.multi_get(names), nothing)
        if not found:  # aiocache also answers [] when AIOCACHE_DISABLE switches it off
            return [None] * len(keys)
        return [
            None if data is None or self.has_pending_drop(key) else Entry.decode(data)
            for key, data in zip(keys, found, strict=True)
        ]

    async def get_shared(self, keys: Sequence[str]) -> list[Entry | None]:
        # `get_many` has read Redis already.
        return [None] * len(keys)

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        await self._write([(key, entry.encode(), ttl)])

    async def set_many(self, items: Sequence[tuple[str, Entry, float]]) -> None:
        """Write entries in one round trip, or in several if they are large, so that other work can go between."""
        batch: list[tuple[str, bytes, float]] = []
        size = 0
        for key, entry, ttl in items:
            batch.append((key, entry.encode(), ttl))
            size += entry.size
            if len(batch) == _MOST_AT_ONCE or size > _LARGEST_AT_ONCE:
                await self._write(batch)
                batch, size = [], 0
        if batch:
            await self._write(batch)

    async def get_text(self, key: str) -> str | None:
        data = await self._read(key)
        try:
            return data.decode() if data is not None else None
        except UnicodeDecodeError:
            return None

    async def set_text(self, key: str, value: str, ttl: float) -> None:
        await self._write([(key, value.encode(), ttl)])

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        """Keep a text unless the key is taken. `key` must belong to no scope: a drop does not find this text."""
        name, milliseconds = self.name_of(key), math.ceil(ttl * 1000)
        unknown: bool | None = None

        async def add() -> bool | None:
            return await self._client.set(name, value.encode(), px=milliseconds, nx=True) is not None

        return await self._attempt("set", add, unknown)

    async def delete(self, key: str) -> None:
        await self._attempt("delete", lambda: self._cache.delete(self.name_of(key)), 0)

    async def drop(self, prefix: str) -> int:
        check_prefix(prefix)
        self._pending_drops[prefix] = None
        if len(self._pending_drops) > _MOST_PENDING_DROPS:
            del self._pending_drops[next(iter(self._pending_drops))]
        return await self._attempt_drops()

    async def purge(self, start: str = "") -> int:
        """Drop all scopes whose names start with `start`, and return the number of keys. For an operator's command.

        Walks over all keys of Redis. Raises ConnectionError, unlike the other methods, if Redis does not answer.
        """
        opening = f"{self.prefix}index:{'{' if self.client.is_cluster else ''}"
        scopes: set[str] = set()
        try:
            # The walk has no time limit, so a Redis that does not answer is found beforehand.
            async with asyncio.timeout(self.client.timeout):
                await self._client.ping()
            async for name in self._client.scan_iter(match=f"{_literal(opening)}*:{_literal(start)}*:*", count=1000):
                scopes.add(prefix_of(name.decode().removeprefix(opening)))
            forgotten = sum([await self._drop_scope(scope) for scope in scopes])
            # Memories of replicas may hold entries that Redis no longer has.
            await self._client.publish(self.channel, f"scopes {start}")
        except FAILURES as exc:
            raise ConnectionError(reason(exc)) from None
        return forgotten

    def stream(self, name: str) -> RedisStream:
        return RedisStream(self.client, f"{self.prefix}stream:{name}")

    async def ping(self) -> str:
        return await self.client.ping()

    async def aclose(self) -> None:
        await self.client.aclose()

    def has_pending_drop(self, key: str) -> bool:
        """Return whether this key was dropped here while Redis still has it."""
        return bool(self._pending_drops) and prefix_of(key) in self._pending_drops

    async def _read(self, key: str) -> bytes | None:
        data: bytes | None = await self._attempt("get", lambda: self._cache.get(self.name_of(key)), None)
        return None if self.has_pending_drop(key) else data

    async def _write(self, items: Sequence[tuple[str, bytes, float]]) -> None:
        kept = [(key, value, min(ttl, _LONGEST)) for key, value, ttl in items if ttl > 0]
        emptied = [key for key, _, ttl in items if not ttl > 0]
        if emptied:
            await self._attempt("delete", lambda: self._client.unlink(*map(self.name_of, emptied)), 0)
        if kept:
            await self._attempt("set", lambda: self._put(kept), None)

    async def _put(self, items: Sequence[tuple[str, bytes, float]]) -> None:
        # Each scope has an index of its names, scored by their expiry: a drop must not walk over all keys of Redis,
        # since anyone can cause one with a made-up token.
        now = time.time()
        # The writes of one pipeline: on a cluster, those for the keys of one slot.
        parts: dict[str, list[tuple[str, str, bytes, float]]] = {}
        for key, value, ttl in items:
            index = self._index_of(key)
            parts.setdefault(index if self.client.is_cluster else "", []).append((index, self.name_of(key), value, ttl))
        for part in parts.values():
            indexes: dict[str, dict[str, float]] = {}
            async with self._client.pipeline(transaction=True) as pipe:
                for index, name, value, ttl in part:
                    pipe.set(name, value, px=math.ceil(ttl * 1000))
                    if index:
                        indexes.setdefault(index, {})[name] = now + ttl
                for index, names in indexes.items():
                    pipe.zadd(index, names)
                    pipe.zremrangebyscore(index, "-inf", now - _SKEW)
                    pipe.expire(index, math.ceil(_LONGEST + _SKEW))
                await pipe.execute()

    def name_of(self, key: str) -> str:
        """Return the name of a key in Redis."""
        scope = prefix_of(key)
        if not (self.client.is_cluster and scope):
            return self.prefix + key
        return f"{self.prefix}{_tag(scope, _part_of(key))}{key.removeprefix(scope)}"

    def _index_of(self, key: str) -> str:
        """Return the index that lists a key, in the slot of the key's name. Empty for a key of no scope."""
        scope = prefix_of(key)
        return self._indexes(scope)[_part_of(key) if self.client.is_cluster else 0] if scope else ""

    def _indexes(self, scope: str) -> list[str]:
        start = f"{self.prefix}index:"
        if not self.client.is_cluster:
            return [f"{start}{scope}"]
        return [f"{start}{_tag(scope, part)}" for part in range(_PARTS)]

    async def _attempt_drops(self) -> int:
        return await self.client.attempt("delete", self._drop_pending, 0)

    async def _drop_pending(self) -> int:
        dropped = 0
        for scope in list(self._pending_drops):
            dropped += await self._drop_scope(scope)
            self._pending_drops.pop(scope, None)
        return dropped

    async def _drop_scope(self, scope: str) -> int:
        indexes = self._indexes(scope)
        async with self._client.pipeline(transaction=False) as pipe:
            for index in indexes:
                pipe.zrange(index, 0, -1)
            if not self.client.is_cluster:
                pipe.publish(self.channel, f"scope {scope}")
            # A refused PUBLISH must not stop the drop: replicas that may miss messages know it and keep little.
            found: list[Any] = await pipe.execute(raise_on_error=False)
        if self.client.is_cluster:
            with contextlib.suppress(ResponseError):
                await self._client.publish(self.channel, f"scope {scope}")
        dropped = 0
        for index, names in zip(indexes, found, strict=False):
            if isinstance(names, Exception):
                raise names
            if names:
                dropped += await self._drop_names(index, names)
        return dropped

    async def _drop_names(self, index: str, names: list[bytes]) -> int:
        async with self._client.pipeline(transaction=True) as pipe:
            # `pipe.unlink` would send each key by itself on a cluster.
            pipe.execute_command("UNLINK", *names)
            # The index itself stays, since it lists entries that were stored meanwhile.
            pipe.zrem(index, *names)
            dropped: int = (await pipe.execute())[0]
        return dropped

    async def _attempt(self, kind: Kind, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self._pending_drops and kind != "delete":
            await self._attempt_drops()
        return await self.client.attempt(kind, work, otherwise)


def _part_of(key: str) -> int:
    return zlib.crc32(key.encode()) % _PARTS


def _tag(scope: str, part: int) -> str:
    """Return the hash tag with which a name begins; it decides the slot."""
    return f"{{{scope}{part}}}"


def _literal(text: str) -> str:
    """Escape a text for use in a Redis pattern."""
    return "".join(f"\\{char}" if char in "*?[]\\^" else char for char in text)
