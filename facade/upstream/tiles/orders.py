"""In what order the upstream lists series, as far as answers have shown it."""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)

# Pairs of neighbours that are remembered, a few for each series of a large estate.
MOST_PAIRS = 50_000


class Order(Generic[N]):
    """Learnt from pairs that stood next to each other. An answer that contradicts what was learnt replaces it."""

    def __init__(self) -> None:
        self._followers: dict[N, set[N]] = {}
        self._pairs = 0
        self._rank: dict[N, int] = {}
        # For each rank, how many neighbours up to it are so by chance: nothing was seen of which comes first.
        self._gaps: list[int] = []

    def learn(self, pairs: Iterable[tuple[N, N]]) -> None:
        """`pairs` are of one answer: (before, after)."""
        given = list(pairs)
        new = [pair for pair in given if not self.knows(*pair)]
        if not new:
            return
        if self._pairs + len(new) > MOST_PAIRS:
            self._forget()
            new = given
        self._add(new)
        if not self._arrange():
            self._forget()
            self._add(given)
            if not self._arrange():
                self._forget()

    def sort(self, nodes: Sequence[N]) -> tuple[list[N], bool]:
        """Return them as the upstream would list them, and whether that is sure."""
        known = self._rank
        ordered = sorted(nodes, key=lambda node: known.get(node, len(known)))
        return ordered, all(self.knows(*pair) for pair in pairwise(ordered))

    def knows(self, before: N, after: N) -> bool:
        """Whether it is sure that one comes before the other."""
        if after in self._followers.get(before, ()):
            return True
        first, second = self._rank.get(before), self._rank.get(after)
        return first is not None and second is not None and first < second and self._gaps[first] == self._gaps[second]

    def _add(self, pairs: Iterable[tuple[N, N]]) -> None:
        for before, after in pairs:
            self._followers.setdefault(before, set()).add(after)
            self._followers.setdefault(after, set())
        self._pairs = sum(map(len, self._followers.values()))

    def _forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def _arrange(self) -> bool:
        """Put all in one line; false where there is none."""
        waits = dict.fromkeys(self._followers, 0)
        for followers in self._followers.values():
            for node in followers:
                waits[node] += 1
        free = deque(node for node, count in waits.items() if not count)
        line: list[N] = []
        while free:
            node = free.popleft()
            line.append(node)
            for follower in self._followers[node]:
                waits[follower] -= 1
                if not waits[follower]:
                    free.append(follower)
        if len(line) < len(waits):
            return False
        self._rank = {node: at for at, node in enumerate(line)}
        self._gaps = [0] * len(line)
        for at, (before, after) in enumerate(pairwise(line), 1):
            self._gaps[at] = self._gaps[at - 1] + (after not in self._followers[before])
        return True
