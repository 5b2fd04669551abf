"""One replica's turn to ask the upstream, while the others wait for what it learns.

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

# Seconds for which a replica that died holds the others up. While the work goes on its lease is renewed.
LEASE = 10.0
# Seconds between two looks of those who wait, from the first to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1


class Locks(Protocol):
    def turn(
        self, name: str, key: str, *, readable: Callable[[Entry], bool], since: float | None = None
    ) -> AbstractAsyncContextManager[Entry | None]:
        """Wait until nobody else is at work under `name`, and give the entry of `key` where they have made it.

        None: it is the caller's to make, and theirs alone until the context ends. Where Redis cannot say, it is
        anybody's. An entry will do if it is `readable` and fresh; with `since`, if it was asked for after that time.
        Whoever came while another was at work takes what that one made.
        """
        ...


class RedisLocks:
    """`read` reads the entry of a key anew; `wall` is the clock of entries."""

    def __init__(
        self,
        store: RedisStore,
        *,
        read: Callable[[str], Awaitable[Entry | None]],
        held_for: float = LEASE,
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
            # Redis may have given it while we left.
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
        """Whether the lock is ours (None: nobody can say), and the entry that another made."""

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
        """Try to take the lock and look at the entry's head, in one go."""

        async def look() -> tuple[bool | None, Entry | None]:
            async with self._client.client.pipeline(transaction=False) as pipe:
                pipe.set(lock.name, lock.local.token, nx=True, px=math.ceil(self._held_for * 1000))
                # Not what SET says: a connection that broke may have had it done, and then done again.
                pipe.get(lock.name)
                pipe.getrange(self._store.name_of(key), 0, HEAD - 1)
                _, holder, head = await pipe.execute()
            return holder == lock.local.token, Entry.decode_head(head)

        unknown: tuple[bool | None, Entry | None] = (None, None)
        given, head = await self._client.attempt("lease", look, unknown)
        return given, None if self._store.owes(key) else head

    async def _renew(self, lock: Lock) -> None:
        async def renew() -> None:
            # Lost while Redis was away: what then follows is a call too many, and no harm.
            with contextlib.suppress(LockError):
                await lock.reacquire()

        while True:
            await asyncio.sleep(self._held_for / 3)
            await self._client.attempt("lease", renew, None)

    def _release(self, lock: Lock) -> None:
        """In a task of its own: whoever is done need not wait for it, and whoever is cancelled cannot."""

        async def release() -> None:
            with contextlib.suppress(LockError):
                await lock.release()

        task = asyncio.create_task(self._client.attempt("lease", release, None))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)
