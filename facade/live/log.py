"""`Log`: the newest value of each key, in the order of the changes.

A subscriber has a position in the log and no queue. It reads what has changed since that position when it can take it.
If a key has changed several times by then, only its newest value is left, so a slow reader costs no memory.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

# Epoch milliseconds, and a number within the millisecond: the same as the id of an entry in a Redis stream.
Id = tuple[int, int]
FIRST: Id = (0, 0)
MOST_TOPICS = 1000
# Milliseconds by which the clocks of two processes may differ.
SKEW = 2000


class Change(NamedTuple):
    """One change. `position` orders the changes of this process; `id` identifies a change outside the process.

    `is_shared`: other processes have the same id for it.
    """

    position: int
    id: Id
    key: str
    value: Any
    is_shared: bool = False


class Topic:
    """The newest value of each key, oldest change first. Beyond `most` keys the oldest changes are dropped."""

    def __init__(self, name: str, floor: Id, position: int, most: int) -> None:
        self.name = name
        # Clients can resume from this id or a later one, and in this process from this position or a later one.
        self.floor, self.floor_position = floor, position
        self.watchers: set[asyncio.Event] = set()
        # The number of all changes so far, including those that a newer one has replaced.
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

        Changes that other processes know by another id are returned from `SKEW` before it on: some may be delivered
        twice, none is lost.
        """
        earlier = (id_[0] - SKEW, id_[1])
        return [change for change in self._changes.values() if change.id > (id_ if change.is_shared else earlier)]


class Log:
    """All topics of a process. `wall` returns epoch seconds."""

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
        """Add a change. `id_` is given if it already has an id, which other processes share unless told otherwise."""
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
    """What a client has received: up to a position in the log of one process, and up to a moment for all others.

    `number` (within the millisecond) is given if other processes have the same id for the last change. Without it the
    moment comes from the clock of the process that made the cursor.
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
    """Parse a cursor; None if the text is not a cursor."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    return Cursor(int(match[1]), None if match[2] is None else int(match[2]), int(match[3]), match[4])
