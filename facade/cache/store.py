"""The interface of a store of entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .entry import Entry

if TYPE_CHECKING:
    from .redis.lock import Locks


class Stream(Protocol):
    """A bounded list of entries that all replicas which share the store append to and read."""

    # Entries that one read returns at most.
    at_once: int

    @property
    def failures(self) -> tuple[type[BaseException], ...]:
        """The exceptions that `read` raises if the store cannot be reached."""
        ...

    async def append(self, body: bytes) -> bool:
        """Append an entry, and return whether the store has it."""
        ...

    async def read(self, last: str) -> list[tuple[str, bytes]]:
        """Return the entries after an id, with their ids. Waits a while for the first, then returns none."""
        ...


@dataclass(slots=True)
class StoreUsage:
    """The size of this process's memory, and the hits and misses of each level."""

    entries: int = 0
    bytes: int = 0
    # Keyed by level (`memory` or `shared`) and whether the key was found.
    lookups: Counter[tuple[str, bool]] = field(default_factory=Counter)


class Store(Protocol):
    """A store of entries. It does not raise for an outage: a store that cannot be reached has and keeps nothing."""

    @property
    def locks(self) -> Locks | None:
        """The locks among replicas that share the store; None if it is not shared."""
        ...

    @property
    def usage(self) -> StoreUsage: ...

    async def get(self, key: str) -> Entry | None: ...

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]: ...

    async def get_shared(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return the shared store's entries for keys that `get_many` answers from this process's memory.

        None for all other keys, and for each key if the store is not shared.
        """
        ...

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        """Keep for `ttl` seconds. A ttl of 0 or less empties the key."""

    async def set_many(self, items: Sequence[tuple[str, Entry, float]]) -> None:
        """As `set`, for several keys in one call."""

    async def delete(self, key: str) -> None: ...

    async def drop(self, prefix: str) -> int:
        """Remove all keys of a scope, given by its `scope_prefix`, and return how many there were."""
        ...

    def peek(self, key: str) -> Entry | None:
        """Return the entry from this process's memory, without waiting."""
        ...

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        """Keep an entry in this process's memory only, for at most `ttl` seconds. `drop` removes it too."""

    async def get_text(self, key: str) -> str | None: ...

    async def set_text(self, key: str, value: str, ttl: float) -> None: ...

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        """Keep a text unless the key is taken, and return whether it was kept; None if that is not known."""
        ...

    def stream(self, name: str) -> Stream | None:
        """Return a stream of the store; None if the store is not shared."""
        ...

    async def ping(self) -> str:
        """Return `ok`, or `down: ` and the reason."""
        ...

    async def aclose(self) -> None: ...
