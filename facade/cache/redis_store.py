"""A Redis that all replicas share. A broken one is no cache, and never an error.

Needs the extra `redis`; `open_store` says so where it is missing.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

import structlog
from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .entry import Entry
from .keys import check_prefix, prefix_of

T = TypeVar("T")
_Kind = Literal["get", "set", "delete"]

log = structlog.get_logger(__name__)

# No entry may outlive the index that `drop` finds it by.
_LONGEST = 7 * 24 * 3600.0
# How far the clocks of two replicas may be apart before one forgets another's entries in the index.
_SKEW = 3600.0
_OWED_MOST = 10_000

# TimeoutError and refused or reset connections are OSErrors; RuntimeError is uvloop's word for writing to a
# connection that the other side has reset.
_FAILURES = (RedisError, OSError, RuntimeError)


class _Outage:
    """Said once when it begins and once when it is over. While it lasts, one attempt a `pause` finds out."""

    def __init__(self, what: str, where: str, pause: float, clock: Callable[[], float]) -> None:
        self._what, self._where, self._pause, self._clock = what, where, pause, clock
        self._since: float | None = None
        self._retry_at = 0.0

    @property
    def lasts(self) -> bool:
        return self._since is not None

    def admits(self) -> bool:
        if self._since is None:
            return True
        now = self._clock()
        if now < self._retry_at:
            return False
        # The others keep waiting while this one tries.
        self._retry_at = now + self._pause
        return True

    def begins(self, reason: str) -> None:
        now = self._clock()
        self._retry_at = now + self._pause
        if self._since is None:
            self._since = now
            log.warning("cache.down", what=self._what, redis=self._where, reason=reason)

    def ends(self) -> None:
        if self._since is not None:
            seconds = round(self._clock() - self._since, 1)
            self._since = None
            log.info("cache.back", what=self._what, redis=self._where, after_seconds=seconds)


class RedisStore:
    """Every call is bounded by `timeout` seconds. After a failure calls are answered with nothing for `pause`
    seconds, then one tries: a Redis that swallows packets must not slow every request down.

    Raises ValueError, on construction, for a URL that cannot be used.
    """

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
        self._prefix = prefix
        self._timeout = timeout
        self._cache, where = _open(url, timeout, max_connections)
        self._client = self._cache.client
        self._link = _Outage("connection", where, pause, clock)
        # Redis may refuse one kind of command and serve the others: out of memory, a replica, an ACL.
        self._refused: dict[_Kind, _Outage] = {
            "get": _Outage("get", where, pause, clock),
            "set": _Outage("set", where, pause, clock),
            "delete": _Outage("delete", where, pause, clock),
        }
        # Scopes that Redis has yet to drop: what a refused token had cached must not come back with Redis.
        self._owed: dict[str, None] = {}
        self._closed = False

    def peek(self, key: str) -> Entry | None:  # noqa: ARG002 - the Store's signature
        return None

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        """Nothing is kept in this process."""

    async def get(self, key: str) -> Entry | None:
        data = await self._read(key)
        return Entry.decode(data) if data is not None else None

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        if not keys:
            return []
        names = [self._prefix + key for key in keys]
        nothing: list[bytes | None] = []
        found = await self._attempt("get", lambda: self._cache.multi_get(names), nothing)
        if not found:  # also what aiocache answers when AIOCACHE_DISABLE switches it off
            return [None] * len(keys)
        return [
            None if data is None or self._owes(key) else Entry.decode(data)
            for key, data in zip(keys, found, strict=True)
        ]

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        await self._write(key, entry.encode(), ttl)

    async def get_text(self, key: str) -> str | None:
        data = await self._read(key)
        try:
            return data.decode() if data is not None else None
        except UnicodeDecodeError:
            return None

    async def set_text(self, key: str, value: str, ttl: float) -> None:
        await self._write(key, value.encode(), ttl)

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        """`key` is of no scope: what is kept by this call no drop finds."""
        name, milliseconds = self._prefix + key, math.ceil(ttl * 1000)
        unknown: bool | None = None

        async def add() -> bool | None:
            return await self._client.set(name, value.encode(), px=milliseconds, nx=True) is not None

        return await self._attempt("set", add, unknown)

    async def delete(self, key: str) -> None:
        await self._attempt("delete", lambda: self._cache.delete(self._prefix + key), 0)

    async def drop(self, prefix: str) -> int:
        check_prefix(prefix)
        self._owed[prefix] = None
        if len(self._owed) > _OWED_MOST:
            del self._owed[next(iter(self._owed))]
        return await self._settle_debts()

    async def purge(self, start: str = "") -> int:
        """Forget all scopes whose names start so, and say how many keys that were: an operator's command.

        Walks over all keys of Redis. Raises ConnectionError, unlike all else here, where Redis does not answer.
        """
        indexes = self._index("")
        forgotten = 0
        try:
            # A walk takes as long as it takes, so that one that hangs is told from one that is long beforehand.
            async with asyncio.timeout(self._timeout):
                await self._client.ping()
            async for name in self._client.scan_iter(match=f"{_literal(indexes)}*:{_literal(start)}*:", count=1000):
                forgotten += await self._drop_scope(name.decode().removeprefix(indexes))
        except _FAILURES as exc:
            raise ConnectionError(_reason(exc)) from None
        return forgotten

    async def ping(self) -> str:
        """Asks even while calls are held back, so that what it says is true now."""
        if self._closed:
            return "down: closed"
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.ping()
        except _FAILURES as exc:
            return f"down: {_reason(exc)}"
        return "ok"

    async def aclose(self) -> None:
        self._closed = True
        try:
            async with asyncio.timeout(self._timeout):
                # aiocache's own close() calls a method that redis-py has deprecated.
                await self._client.aclose()
        except _FAILURES as exc:
            log.info("cache.close_failed", reason=_reason(exc))

    async def _read(self, key: str) -> bytes | None:
        data: bytes | None = await self._attempt("get", lambda: self._cache.get(self._prefix + key), None)
        return None if self._owes(key) else data

    async def _write(self, key: str, value: bytes, ttl: float) -> None:
        if not ttl > 0:
            await self.delete(key)
            return
        await self._attempt("set", lambda: self._put(key, value, min(ttl, _LONGEST)), None)

    async def _put(self, key: str, value: bytes, ttl: float) -> None:
        name, scope, now = self._prefix + key, prefix_of(key), time.time()
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.set(name, value, px=math.ceil(ttl * 1000))
            if scope:
                # Names by scope, scored by their expiry: a drop must not walk over all keys of Redis, since
                # anyone with a made-up token can bring one about.
                index = self._index(scope)
                pipe.zadd(index, {name: now + ttl})
                pipe.zremrangebyscore(index, "-inf", now - _SKEW)
                pipe.expire(index, math.ceil(_LONGEST + _SKEW))
            await pipe.execute()

    def _index(self, scope: str) -> str:
        return f"{self._prefix}index:{scope}"

    def _owes(self, key: str) -> bool:
        return bool(self._owed) and prefix_of(key) in self._owed

    async def _settle_debts(self) -> int:
        return await self._attempt("delete", self._drop_owed, 0)

    async def _drop_owed(self) -> int:
        dropped = 0
        for scope in list(self._owed):
            dropped += await self._drop_scope(scope)
            self._owed.pop(scope, None)
        return dropped

    async def _drop_scope(self, scope: str) -> int:
        names = await self._client.zrange(self._index(scope), 0, -1)
        if not names:
            return 0
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.unlink(*names)
            # Not the whole index: what was stored meanwhile must stay in it.
            pipe.zrem(self._index(scope), *names)
            dropped: int = (await pipe.execute())[0]
        return dropped

    async def _attempt(self, kind: _Kind, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self._closed:
            return otherwise
        if self._owed and kind != "delete":
            await self._settle_debts()
        refused = self._refused[kind]
        if not self._link.admits() or not refused.admits():
            return otherwise
        was_down, was_refused = self._link.lasts, refused.lasts
        try:
            # Not aiocache's own timeout, which makes a task of every call.
            async with asyncio.timeout(self._timeout):
                result = await work()
        except _FAILURES as exc:
            if isinstance(exc, ResponseError):
                refused.begins(_reason(exc))
                self._over(self._link, was_down)
            else:
                self._link.begins(_reason(exc))
            return otherwise
        self._over(self._link, was_down)
        self._over(refused, was_refused)
        return result

    @staticmethod
    def _over(outage: _Outage, at_start: bool) -> None:
        # A call that began before the outage and got through proves nothing about now.
        if at_start:
            outage.ends()


def _literal(text: str) -> str:
    """As a pattern of Redis that it alone matches."""
    return "".join(f"\\{char}" if char in "*?[]\\^" else char for char in text)


def _open(url: str, timeout: float, max_connections: int) -> tuple[RedisCache, str]:
    """The cache, not yet connected, and where it is, in words without credentials."""
    try:
        options: dict[str, Any] = dict(parse_url(url))
        host, port, db = (
            options.pop("host", "127.0.0.1"),
            options.pop("port", 6379),
            int(options.pop("db", 0)),
        )
        password = options.pop("password", None)
        cache = RedisCache(
            endpoint=host,
            port=port,
            db=db,
            password=password,
            pool_max_size=max_connections,
            create_connection_timeout=timeout,
            # The default pool raises when all its connections are in use.
            connection_pool_class=BlockingConnectionPool,
            connection_pool_kwargs={
                # Once more at once: Redis and what is in between close connections that idle.
                "retry": Retry(NoBackoff(), 1, (RedisConnectionError, RedisTimeoutError, RuntimeError)),  # type: ignore[arg-type]
                "timeout": timeout,
                **options,
            },
            # Without an encoding the bytes stay bytes.
            serializer=NullSerializer(encoding=None),
            timeout=0,
        )
        # Makes an object only, and so finds options that no connection knows.
        cache.client.connection_pool.make_connection()
    except (ValueError, TypeError):
        # Not chained: a password that was not percent-encoded ends up as a port, and in the message.
        raise ValueError(
            "the Redis URL cannot be used: write rediss://user:password@host:port/0 with reserved characters"
            " percent-encoded, and only options that redis-py knows"
        ) from None
    return cache, f"{host}:{port}/{db}"


def _reason(exc: Exception) -> str:
    """Without addresses, since /readyz says it to anyone."""
    if isinstance(exc, TimeoutError | RedisTimeoutError):
        return "no answer in time"
    if isinstance(exc, AuthenticationError):
        return "credentials refused"
    if isinstance(exc, ResponseError):
        return str(exc)[:200]
    origin: BaseException | None = exc
    while origin is not None and not isinstance(origin, OSError):
        origin = origin.__cause__ or origin.__context__
    if isinstance(origin, socket.gaierror):
        return "host not found"
    if isinstance(origin, OSError) and origin.errno:
        return os.strerror(origin.errno).lower()
    return "connection lost"
