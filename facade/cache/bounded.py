"""A map bounded in bytes, for documents, compiled selections and persisted queries."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A map whose values take at most `most` bytes; the least recently used are evicted first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.used = 0
        # Bytes evicted since the start.
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Add a value of `size` bytes under a key that is not in the map yet."""
        self._kept[key] = value, size
        self.used += size
        while self.used > self._most:
            _, (_, freed) = self._kept.popitem(last=False)
            self.used -= freed
            self.evicted += freed
