"""`Landings`: when each value of a question was first read, as all replicas know it.

A cursor names such a moment, so that a client may go on at any replica: what it has missed are the values that were
first read later. The record in the shared store has the values' hashes and no value.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog

from ..cache import Store

log = structlog.get_logger(__name__)

# Seconds that a record is kept after it was written, and after which one that has not changed is written again.
KEPT, RENEWED = 3600.0, 600.0
# Values of one record: about 700 KB. Of more, what a client has missed can be told by the process that it was at alone.
MOST_VALUES = 20_000
_LATEST = 2**53
# Seconds for which a replica may be at a record, and between two looks of those who wait for it.
HELD, PAUSE = 5.0, 0.02


class Record(msgspec.Struct, frozen=True):
    """`since`: all values that were first read after that moment are in `read`. Milliseconds since 1970."""

    since: int
    read: dict[str, int]


def mark_of(key: str, told: str) -> str:
    """Return what a value is known by; `told` is what makes it another value of its key."""
    return hashlib.blake2b(f"{key}\0{told}".encode(), digest_size=8).hexdigest()


class Landings:
    def __init__(self, store: Store, name: str) -> None:
        """`name` says whose question it is, and what it asks."""
        self._store = store
        self.name = hashlib.sha256(name.encode()).hexdigest()
        self._key = f"live:landed:{self.name}"
        self._written_at = 0.0

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """Read and write the record while no other replica does. One that died at it holds it for `HELD` seconds.

        Yields whether other replicas will know from the record when a value was read: not while Redis is away.
        """
        name = f"live:landing:{self.name}"
        while (held := await self._store.add_text(name, "1", ttl=HELD)) is False:  # noqa: ASYNC110 -- Redis tells nobody
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
            # What a shared store gives is input: another version may have written it.
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
