"""A bounded stream in Redis that all replicas append to and read. Needs the extra `redis`."""

from __future__ import annotations

import asyncio

from .client import FAILURES, RedisClient

# About how many entries a stream keeps, and how many one read returns at most.
KEPT, AT_ONCE = 10_000, 1000
# Milliseconds for which Redis waits for an entry before it answers a read with nothing.
HELD = 1000
FIELD = b"event"


class RedisStream:
    """A stream whose entries are bytes. Only `read` raises `failures`."""

    failures = FAILURES
    at_once = AT_ONCE

    def __init__(self, client: RedisClient, name: str) -> None:
        self._client, self._name = client, name

    async def append(self, body: bytes) -> bool:
        async def add() -> bool:
            await self._client.client.xadd(self._name, {FIELD: body}, maxlen=KEPT, approximate=True)
            return True

        return await self._client.attempt("stream", add, False)

    async def read(self, last: str) -> list[tuple[str, bytes]]:
        """Return the entries after an id, or none after `HELD`. Raises one of `failures`."""
        async with asyncio.timeout(HELD / 1000 + self._client.timeout):
            found = await self._client.client.xread({self._name: last}, count=AT_ONCE, block=HELD)
        return [
            (_text(id_), fields[FIELD])
            for _, entries in _pairs(found)
            for id_, fields in entries
            if fields and FIELD in fields
        ]


def _pairs(found: object) -> list[tuple[object, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """Return the answer as pairs. redis-py gives pairs, or in RESP3 a mapping with a further level of lists."""
    if isinstance(found, dict):
        return [
            (name, entries[0] if len(entries) == 1 and isinstance(entries[0], list) else entries)
            for name, entries in found.items()
        ]
    return list(found or ())  # type: ignore[no-any-return, call-overload]


def _text(id_: bytes | str) -> str:
    return id_.decode() if isinstance(id_, bytes) else id_
