"""`CallerEntries`: the entries of the cache that a caller may read."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from ..auth.callers import Caller
from ..auth.reading_rights import ReadingRights
from ..cache import Entry, Store, scope_prefix
from .call import Call, T, written_key_of
from .explain import looking


@dataclass(frozen=True, slots=True)
class CallerEntries:
    """Reads and writes the store for callers, each within its own rights, and knows how long an entry may be served."""

    store: Store
    rights: ReadingRights
    clock: Callable[[], float]
    _: KW_ONLY
    stale_if_error: float
    settled_for: float

    async def get(self, key: str, caller: Caller) -> Entry | None:
        """Return the entry, fresh or not, if this caller may read it now."""
        if self.rights.has_expired(caller):
            return None
        with looking():
            entry = await self.store.get(key)
        return entry if entry is not None and self.rights.may_read(caller, entry.as_of) else None

    async def get_many(self, keys: Sequence[str], caller: Caller, *, shared: bool = False) -> list[Entry | None]:
        """Return the entries, fresh or not, that this caller may read now.

        With `shared` they come from the shared store, also where this process's memory has the key.
        """
        if self.rights.has_expired(caller):
            return [None] * len(keys)
        with looking():
            entries = await (self.store.get_shared(keys) if shared else self.store.get_many(keys))
        may_read = self.rights.may_read
        return [entry if entry is not None and may_read(caller, entry.as_of) else None for entry in entries]

    async def earlier(self, call: Call[T], caller: Caller) -> Entry | None:
        """Return the entry of an earlier answer to the same relative times."""
        if call.written is None:
            return None
        pointer = await self.get(written_key_of(call, caller), caller)
        return await self.get(pointer.body.decode(), caller) if pointer else None

    async def put(self, key: str, entry: Entry, call: Call[T], caller: Caller) -> None:
        """Store the answer to a call if the caller may still read it, for as long as it may be served as stale."""
        if not self.rights.may_read(caller, entry.as_of):
            return
        ttl = entry.fresh_until - entry.as_of + self.stale_if_error
        await self.store.set(key, entry, ttl=ttl)
        if call.written is not None:
            pointer = replace(entry, body=key.encode(), content_type="text/plain")
            await self.store.set(written_key_of(call, caller), pointer, ttl=ttl)

    async def put_many(self, entries: Sequence[tuple[str, Entry]], caller: Caller) -> None:
        """Store entries if the caller may still read them, for as long as they may be served as stale."""
        ttl = self.settled_for + self.stale_if_error
        may_read = self.rights.may_read
        await self.store.set_many([(key, entry, ttl) for key, entry in entries if may_read(caller, entry.as_of)])

    def may_stand_in(self, fresh_until: float) -> bool:
        """Return whether data that was fresh until then may be served as stale while the upstream fails."""
        return self.clock() - fresh_until <= self.stale_if_error

    async def refused(self, caller: Caller) -> None:
        """Drop all entries of a refused token's scope, in every replica that shares the store.

        Entries of the scope's other tokens go as well and are read anew: which token brought an entry is not stored.
        """
        if self.rights.note_refused(caller):
            await self.store.drop(scope_prefix(caller.scope))
