"""The lock by which one replica calls the upstream while the others wait for its answer.

Needs the extra `redis`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from redis.asyncio.lock import Lock
from redis.exceptions import LockError

from ..entry import HEAD, Entry
from .store import RedisStore

# Seconds after which the lock of a replica that died expires. A running replica renews its lock.
HELD_FOR = 10.0
# Seconds between two attempts of a waiting replica, from the first to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1


class Locks(Protocol):
    def turn(
        self, name: str, key: str, *, readable: Callable[[Entry], bool], since: float | None = None
    ) -> AbstractAsyncContextManager[Entry | None]:
        """Take the lock `name`, or wait for its holder and yield the entry of `key` that the holder has stored.

        Yields None if the caller has to make the entry; the lock is then held until the context ends. If Redis fails,
        None is yielded without a lock. An entry will do if it is `readable` and fresh, or, with `since`, if it was read
        after that time. A caller that had to wait takes any entry that was stored meanwhile.
        """
        ...


class RedisLocks:
    """Locks in Redis. `read` reads the entry of a key from Redis; `wall` is the clock of entries."""

    def __init__(
        self,
        store: RedisStore,
        *,
        read: Callable[[str], Awaitable[Entry | None]],
        held_for: float = HELD_FOR,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._client = store, store.client
        self._read = read
        self._held_for = held_for
        self._wall = wall
        self._releases: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def turn(
        self, name: str, key: str, *, readable: Callable[[Entry], bool], since: float | None = None
    ) -> AsyncIterator[Entry | None]:
        lock = Lock(
            self._client.client, f"{self._store.prefix}lease:{name}", timeout=self._held_for, thread_local=False
        )
        lock.local.token = secrets.token_hex(8).encode()
        given: bool | None = None
        try:
            given, entry = await self._waited(lock, key, readable, since)
        except asyncio.CancelledError:
            # Redis may have set the lock although this task was cancelled.
            self._release(lock)
            raise
        if not given:
            yield entry
            return
        renewal = asyncio.create_task(self._renew(lock))
        try:
            yield entry
        finally:
            renewal.cancel()
            self._release(lock)

    async def aclose(self) -> None:
        if self._releases:
            await asyncio.wait(self._releases)

    async def _waited(
        self, lock: Lock, key: str, readable: Callable[[Entry], bool], since: float | None
    ) -> tuple[bool | None, Entry | None]:
        """Return whether the lock is held here (None: Redis failed), and the entry that another replica stored."""

        def will_do(entry: Entry | None) -> bool:
            if entry is None or not readable(entry):
                return False
            return entry.fresh_until > self._wall() if since is None else entry.as_of > since

        pause = _FIRST_PAUSE
        waited = False
        while True:
            given, head = await self._look(lock, key)
            if will_do(head) and will_do(entry := await self._read(key)):
                return given, entry
            if given is not False:
                return given, None
            if not waited:
                waited = True
                since = head.as_of if head else -math.inf
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- nothing secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _look(self, lock: Lock, key: str) -> tuple[bool | None, Entry | None]:
        """Try to take the lock and read the entry's head, in one round trip."""

        async def look() -> tuple[bool | None, Entry | None]:
            async with self._client.client.pipeline(transaction=False) as pipe:
                pipe.set(lock.name, lock.local.token, nx=True, px=math.ceil(self._held_for * 1000))
                # GET decides, not the reply to SET: after a broken connection redis-py may have sent SET twice.
                pipe.get(lock.name)
                pipe.getrange(self._store.name_of(key), 0, HEAD - 1)
                _, holder, head = await pipe.execute()
            return holder == lock.local.token, Entry.decode_head(head)

        unknown: tuple[bool | None, Entry | None] = (None, None)
        given, head = await self._client.attempt("lock", look, unknown)
        return given, None if self._store.has_pending_drop(key) else head

    async def _renew(self, lock: Lock) -> None:
        async def renew() -> None:
            # The lock expired during an outage: another replica may then make the same call, which does no harm.
            with contextlib.suppress(LockError):
                await lock.reacquire()

        while True:
            await asyncio.sleep(self._held_for / 3)
            await self._client.attempt("lock", renew, None)

    def _release(self, lock: Lock) -> None:
        """Release the lock in a task of its own: the holder need not wait for it, and a cancelled one cannot."""

        async def release() -> None:
            with contextlib.suppress(LockError):
                await lock.release()

        task = asyncio.create_task(self._client.attempt("lock", release, None))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)
