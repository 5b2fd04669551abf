"""A bounded stream in Redis that all replicas append to and read. Needs the extra `redis`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .client import FAILURES, RedisClient

# Entries of a stream, about; and those of one read.
KEPT, AT_ONCE = 10_000, 1000
# Milliseconds that Redis holds a read open while there is nothing.
HELD = 1000
FIELD = b"event"


class RedisStream:
    """The entries are bytes. Raises none of `failures` but from a reader, which its user opens again."""

    failures = FAILURES

    def __init__(self, client: RedisClient, name: str) -> None:
        self._client, self._name = client, name

    async def append(self, body: bytes) -> bool:
        async def add() -> bool:
            await self._client.client.xadd(self._name, {FIELD: body}, maxlen=KEPT, approximate=True)
            return True

        return await self._client.attempt("stream", add, False)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Callable[[str], Awaitable[list[tuple[str, bytes]]]]]:
        """Give what reads the entries after an id, or none after `HELD`. It has a connection of its own."""
        pool = self._client.client.connection_pool
        options = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0, ())}
        client: Redis = Redis.from_pool(ConnectionPool(connection_class=pool.connection_class, **options))

        async def read(last: str) -> list[tuple[str, bytes]]:
            async with asyncio.timeout(HELD / 1000 + self._client.timeout):
                found = await client.xread({self._name: last}, count=AT_ONCE, block=HELD)
            return [
                (_text(id_), fields[FIELD])
                for _, entries in _pairs(found)
                for id_, fields in entries
                if fields and FIELD in fields
            ]

        try:
            yield read
        finally:
            await client.aclose()


def _pairs(found: object) -> list[tuple[object, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """redis-py gives a list of pairs, or in RESP3 a mapping whose entries are one list deeper."""
    if isinstance(found, dict):
        return [
            (name, entries[0] if len(entries) == 1 and isinstance(entries[0], list) else entries)
            for name, entries in found.items()
        ]
    return list(found or ())  # type: ignore[no-any-return, call-overload]


def _text(id_: bytes | str) -> str:
    return id_.decode() if isinstance(id_, bytes) else id_
