"""What every store of entries offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .entry import Entry

if TYPE_CHECKING:
    from .redis.lock import Locks


class Stream(Protocol):
    """A bounded list of entries that all who share the store append to and read."""

    @property
    def failures(self) -> tuple[type[BaseException], ...]:
        """What `read` raises where the store is away."""
        ...

    async def append(self, body: bytes) -> bool:
        """Whether the store has it."""
        ...

    async def read(self, last: str) -> list[tuple[str, bytes]]:
        """Return the entries after an id, with their ids; none after a while without any."""
        ...


@dataclass(slots=True)
class StoreUsage:
    """What is in this process's memory, and how often each level had what was looked up, or had not."""

    entries: int = 0
    bytes: int = 0
    # By level, `memory` or `shared`, and whether it was found.
    lookups: Counter[tuple[str, bool]] = field(default_factory=Counter)


class Store(Protocol):
    """Never raises for what befalls it: a store that cannot be reached has nothing and keeps nothing."""

    @property
    def locks(self) -> Locks | None:
        """By which the replicas that share the store take turns; None where nobody shares it."""
        ...

    @property
    def usage(self) -> StoreUsage: ...

    async def get(self, key: str) -> Entry | None: ...

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]: ...

    async def get_shared(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return what other processes may have put under keys that this process's memory answers for.

        None for a key that memory does not answer for, and for each where nobody shares the store.
        """
        ...

    async def set(self, key: str, entry: Entry, ttl: float) -> None:
        """Keep for `ttl` seconds. A ttl of 0 or less empties the key."""

    async def set_many(self, items: Sequence[tuple[str, Entry, float]]) -> None:
        """As `set`, for each key, entry and ttl, in one go."""

    async def delete(self, key: str) -> None: ...

    async def drop(self, prefix: str) -> int:
        """Forget all keys of a scope, given by its `scope_prefix`, and say how many there were."""
        ...

    def peek(self, key: str) -> Entry | None:
        """What can be had without waiting: from this process's memory."""
        ...

    def put_local(self, key: str, entry: Entry, ttl: float) -> None:
        """Keep in this process's memory alone, for `ttl` seconds at the most. It goes with its scope."""

    async def get_text(self, key: str) -> str | None: ...

    async def set_text(self, key: str, value: str, ttl: float) -> None: ...

    async def add_text(self, key: str, value: str, ttl: float) -> bool | None:
        """Keep it unless the key is taken, and say whether it was kept; None where that cannot be told."""
        ...

    def stream(self, name: str) -> Stream | None:
        """A stream of the store; None where nobody shares it."""
        ...

    async def ping(self) -> str:
        """`ok`, or `down: ` and why."""
        ...

    async def aclose(self) -> None: ...
