"""The Redis client, with one rule for outages: a call that fails returns a default instead of raising.

Needs the extra `redis`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import structlog
from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ..redis_address import RedisAddress

T = TypeVar("T")
Kind = Literal["get", "set", "delete", "lock", "invalidation", "stream"]

log = structlog.get_logger(__name__)

# TimeoutError and refused or reset connections are OSErrors. uvloop raises RuntimeError for a write to a connection
# that the other side has reset.
FAILURES = (RedisError, OSError, RuntimeError)


# Seconds by which a timeout may be late in a process whose event loop is not delayed.
LATE = 0.1


class Outage:
    """An outage, logged once when it begins and once when it ends. While it lasts, one call a `pause` is tried."""

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
        # Other calls are held back while this one is tried.
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


class RedisClient:
    """A Redis client whose calls take at most `timeout` seconds.

    After a failure calls return their default for `pause` seconds, then one call is tried: a Redis that drops packets
    must not slow down every request. Raises ValueError, on construction, for a URL that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        pause: float,
        max_connections: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout = timeout
        self._address = RedisAddress.parse(url)
        self._where = str(self._address)
        # Calls wait for each other below, so that the pool never refuses one for lack of a connection. The other half
        # of the connections is for readers of streams.
        self.client: Any = self._address.client(timeout=timeout, max_connections=2 * max_connections)
        self.cache = _cache_of(self.client)
        self.is_cluster = self._address.kind == "cluster"
        self.closed = False
        self._free = asyncio.Semaphore(max_connections)
        self._pause, self._clock = pause, clock
        self._connection = self._outage("connection")
        # Redis may refuse one kind of command and serve the others: when out of memory, as a replica, or by an ACL.
        self._refused: dict[Kind, Outage] = {}

    async def attempt(self, kind: Kind, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self.closed:
            return otherwise
        refused = self.refused(kind)
        if not self._connection.admits() or not refused.admits():
            return otherwise
        was_down, was_refused = self._connection.lasts, refused.lasts
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            result = await self._in_time(work)
        except FAILURES as exc:
            if isinstance(exc, ResponseError):
                refused.begins(reason(exc))
                self._over(self._connection, was_down)
            else:
                self._connection.begins(reason(exc))
            return otherwise
        self._over(self._connection, was_down)
        self._over(refused, was_refused)
        if task and task.cancelling() > cancelled:
            # redis-py sends by `asyncio.wait_for`, which on Python 3.11 sometimes loses a cancellation.
            raise asyncio.CancelledError
        return result

    async def _in_time(self, work: Callable[[], Awaitable[T]]) -> T:
        """Raise TimeoutError after `timeout` seconds without an answer."""
        began = time.monotonic()
        try:
            return await self._within(work)
        except TimeoutError:
            if time.monotonic() - began < self.timeout + LATE:
                raise
            # The event loop was delayed, so the answer may have arrived without being read.
            return await self._within(work)

    async def _within(self, work: Callable[[], Awaitable[T]]) -> T:
        # Not aiocache's own timeout, which makes a task of every call.
        async with asyncio.timeout(self.timeout), self._free:
            return await work()

    def refused(self, kind: Kind) -> Outage:
        outage = self._refused.get(kind)
        if outage is None:
            outage = self._refused[kind] = self._outage(kind)
        return outage

    async def listener(self) -> PubSub:
        """Return a subscriber with its own connection, which does not reconnect: that would hide missed messages."""
        return PubSub(await self._address.single(self.client, within=self.timeout))

    async def ping(self) -> str:
        """Return `ok` or the reason of a failure. Asks Redis even during an outage, so that the result is current."""
        if self.closed:
            return "down: closed"
        try:
            await self._in_time(self.client.ping)
        except FAILURES as exc:
            return f"down: {reason(exc)}"
        return "ok"

    async def aclose(self) -> None:
        self.closed = True
        try:
            async with asyncio.timeout(self.timeout):
                # aiocache's own close() calls a method that redis-py has deprecated.
                await self.client.aclose()
        except FAILURES as exc:
            log.info("cache.close_failed", reason=reason(exc))

    def _outage(self, what: str) -> Outage:
        return Outage(what, self._where, self._pause, self._clock)

    @staticmethod
    def _over(outage: Outage, at_start: bool) -> None:
        # A success of a call that began before the outage does not prove that the outage is over.
        if at_start:
            outage.ends()


class _ClusterCache(RedisCache):  # type: ignore[misc]
    """Reads many keys by one command a node: a cluster refuses aiocache's single command for keys on several nodes."""

    async def _multi_get(self, keys: list[str], encoding: str | None = None, _conn: Any = None) -> list[Any]:  # noqa: ARG002
        found: list[Any] = await self.client.mget_nonatomic(keys)
        return found


def _cache_of(client: Redis | RedisCluster) -> RedisCache:
    kind = _ClusterCache if isinstance(client, RedisCluster) else RedisCache
    # Without an encoding the bytes stay bytes. With a timeout aiocache would make a task of every call.
    cache = kind(serializer=NullSerializer(encoding=None), timeout=0)
    cache.client = client
    return cache


def reason(exc: Exception) -> str:
    """Say why a call failed, without addresses, since /readyz shows it to anyone."""
    if isinstance(exc, TimeoutError | RedisTimeoutError):
        return "no answer in time"
    if isinstance(exc, AuthenticationError):
        return "credentials refused"
    if isinstance(exc, ResponseError):
        return str(exc)[:200]
    origin: BaseException | None = exc
    while origin is not None and not isinstance(origin, OSError):
        origin = origin.__cause__ or origin.__context__
    return _reason_of_os(origin) if origin is not None else "connection lost"


def _reason_of_os(origin: OSError) -> str:
    match origin:
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted; if a private authority signs, set SSL_CERT_FILE"
        case ssl.SSLError():
            return "TLS failed"
        case socket.gaierror():
            return "host not found"
    return os.strerror(origin.errno).lower() if origin.errno else "connection lost"
