"""`Log`: changes in their order, held as the newest value of each key.

A subscriber has a position in it and no queue. What has changed since that position is read when the subscriber can
take it: of a key that changed several times meanwhile there is the newest value alone, so that a slow reader costs no
memory.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

# Milliseconds since 1970, and a number within the millisecond: what a Redis stream calls its entries too.
Id = tuple[int, int]
FIRST: Id = (0, 0)
MOST_TOPICS = 1000
# Milliseconds that clocks of two processes may differ by.
SKEW = 2000


class Change(NamedTuple):
    """`position` orders the changes of this process, `id` names one to clients and to other processes.

    `is_shared`: other processes know it by the same id.
    """

    position: int
    id: Id
    key: str
    value: Any
    is_shared: bool = False


class Topic:
    """The newest value of each key, oldest change first. No more than `most` keys: the oldest changes go."""

    def __init__(self, name: str, floor: Id, position: int, most: int) -> None:
        self.name = name
        # Whoever was here at that id, or that position of this process, or later, misses nothing.
        self.floor, self.floor_position = floor, position
        self.watchers: set[asyncio.Event] = set()
        # How many changes there have been, those that a newer one took the place of among them.
        self.changed = 0
        self._most = most
        self._changes: OrderedDict[str, Change] = OrderedDict()

    def __len__(self) -> int:
        return len(self._changes)

    def get(self, key: str) -> Change | None:
        return self._changes.get(key)

    def put(self, change: Change) -> None:
        self._changes[change.key] = change
        self._changes.move_to_end(change.key)
        self.changed += 1
        while len(self._changes) > self._most:
            gone = self._changes.popitem(last=False)[1]
            self.floor, self.floor_position = gone.id, gone.position
        for watcher in self.watchers:
            watcher.set()

    def drop(self, key: str) -> None:
        self._changes.pop(key, None)

    def known_keys(self) -> list[str]:
        return list(self._changes)

    def since(self, position: int) -> list[Change]:
        """Return the changes after a position, oldest first."""
        found = []
        for change in reversed(self._changes.values()):
            if change.position <= position:
                break
            found.append(change)
        found.reverse()
        return found

    def after(self, id_: Id) -> list[Change]:
        """Return the changes whose id is greater, oldest first.

        Of what other processes know by another id, what may be: rather once more than not at all.
        """
        sooner = (id_[0] - SKEW, id_[1])
        return [change for change in self._changes.values() if change.id > (id_ if change.is_shared else sooner)]


class Log:
    """All topics of a process. `wall` is a clock of seconds since 1970."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.position = 0
        self.last: Id = (int(wall() * 1000), 0)
        self._topics: OrderedDict[str, Topic] = OrderedDict()

    def topic(self, name: str, *, most: int = 1_000_000) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, self.last, self.position, most)
            self._forget_unwatched()
        self._topics.move_to_end(name)
        return topic

    def next_id(self) -> Id:
        """Return an id greater than all before it."""
        now = int(self._wall() * 1000)
        self.last = (now, 0) if now > self.last[0] else (self.last[0], self.last[1] + 1)
        return self.last

    def put(
        self, topic: Topic, key: str, value: Any, id_: Id | None = None, *, is_shared: bool | None = None
    ) -> Change:
        """Note a change. `id_` is given for one that has it already; other processes then know it by that one too."""
        is_shared = id_ is not None if is_shared is None else is_shared
        if id_ is None:
            id_ = self.next_id()
        else:
            self.last = max(self.last, id_)
        self.position += 1
        change = Change(self.position, id_, key, value, is_shared)
        topic.put(change)
        return change

    def _forget_unwatched(self) -> None:
        for name in [name for name, topic in self._topics.items() if not topic.watchers]:
            if len(self._topics) <= MOST_TOPICS:
                return
            del self._topics[name]


class Cursor(NamedTuple):
    """Where a client stands: a position in the log of one process, and for all others a moment.

    `number`, within the millisecond, where other processes know what came then by the same id. Else the moment is one
    of that process's own clock.
    """

    milliseconds: int
    number: int | None
    position: int
    process: str

    def __str__(self) -> str:
        number = "" if self.number is None else f".{self.number}"
        return f"{self.milliseconds}{number}-{self.position}-{self.process}"


_CURSOR = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,16}))?-([0-9]{1,16})-([^-]+)")


def read_cursor(text: str) -> Cursor | None:
    """Return the cursor that a text is; None for any other text."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    return Cursor(int(match[1]), None if match[2] is None else int(match[2]), int(match[3]), match[4])
