"""`Landings`: the moment at which each value of a question was first read, the same for all replicas.

A cursor contains such a moment, so that a client can resume at any replica: it has missed the values that were first
read later. The record in the shared store has hashes of the values, and no values.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog

from ..cache import Store

log = structlog.get_logger(__name__)

# Seconds for which a record is kept, and after which an unchanged record is written again.
KEPT, RENEWED = 3600.0, 600.0
# The most values in one record: about 700 KB. With more there is no record, and clients can only resume at one process.
MOST_VALUES = 20_000
_LATEST = 2**53
# Seconds for which a replica may hold the lock on a record, and between two attempts to take it.
HELD, PAUSE = 5.0, 0.02


class Record(msgspec.Struct, frozen=True):
    """When values were first read, by their hashes, in epoch milliseconds. `read` is complete from after `since` on."""

    since: int
    read: dict[str, int]


def hash_of(key: str, content: str) -> str:
    """Return the hash of a value. Two values of a key are the same if their `content` is."""
    return hashlib.blake2b(f"{key}\0{content}".encode(), digest_size=8).hexdigest()


class Landings:
    def __init__(self, store: Store, name: str) -> None:
        """`name` consists of the caller's scope and the question."""
        self._store = store
        self.name = hashlib.sha256(name.encode()).hexdigest()
        self._key = f"live:landed:{self.name}"
        self._written_at = 0.0

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[bool]:
        """Hold the lock on the record, so that no other replica reads or writes it. It expires after `HELD` seconds.

        Yields whether the lock was taken. It is not while Redis is unreachable: other replicas cannot see the record.
        """
        name = f"live:landing:{self.name}"
        while (held := await self._store.add_text(name, "1", ttl=HELD)) is False:  # noqa: ASYNC110 -- Redis sends no event
            await asyncio.sleep(PAUSE)
        try:
            yield bool(held)
        finally:
            if held:
                await self._store.delete(name)

    async def known(self, now: float) -> Record | None:
        text = await self._store.get_text(self._key)
        if text is None:
            return None
        try:
            record = msgspec.json.decode(text, type=Record)
        except msgspec.MsgspecError:
            # Another version of the facade may have written it.
            log.warning("live.record_unreadable")
            return None
        if not all(0 <= at < _LATEST for at in (record.since, *record.read.values())):
            return None
        self._written_at = self._written_at or now
        return record

    def is_due(self, now: float) -> bool:
        return now >= self._written_at + RENEWED

    async def write(self, since: int, read: Mapping[str, int], now: float) -> None:
        self._written_at = now
        if len(read) <= MOST_VALUES:
            text = msgspec.json.encode(Record(since, dict(read))).decode()
            await self._store.set_text(self._key, text, KEPT)
        else:
            await self._store.delete(self._key)
