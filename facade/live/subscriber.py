"""`Subscriber`: one subscription, and what has changed since its position."""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from ..auth import Caller
from .events import WebhookEvent
from .fanout import Fanout, Take
from .log import Change, Topic
from .poller import Poller, Question, Watching
from .rights import Rights

if TYPE_CHECKING:
    from .hub import Live

# About how many bytes of events may wait for one subscriber unmerged.
WAITING_MOST = 64 * 1024


class Subscriber:
    """One subscription: a position in the log, and what wakes it. It holds nothing of what waits for it."""

    def __init__(
        self, live: "Live", caller: Caller, rights: Rights, fanout: Fanout | None = None, take: Take | None = None
    ) -> None:
        self.live, self.caller, self.rights = live, caller, rights
        self.wake = asyncio.Event()
        self.position = live.log.position
        # What its root remembers of the values that it has given.
        self.known: dict[str, Any] = {}
        self._waits = False
        # Changes of its topics up to its position.
        self.changed = 0
        self._topics: list[Topic] = []
        self._poller: Poller | None = None
        self._watching: Watching | None = None
        self._fanout, self._take = fanout, take
        if fanout is not None and take is None:
            fanout.source = self

    def watch(self, *topics: Topic) -> None:
        for topic in topics:
            topic.watchers.add(self.wake)
            self._topics.append(topic)
            self.changed += topic.changed

    def unwatch(self) -> None:
        for topic in self._topics:
            topic.watchers.discard(self.wake)

    async def poll(self, question: Question, keys: frozenset[str], every: float) -> Poller:
        """Have a question polled, and return what polls it once it has been answered. Raises `ButlrError`."""
        poller = self._poller = self.live.poller_of(question, self.caller)
        self._watching = Watching(self.caller, keys, every, self.wake)
        poller.join(self._watching)
        self.watch(poller.topic)
        while not poller.has_read(keys):
            self.wake.clear()
            await self.wake.wait()
            self.check()
        return poller

    def check(self) -> None:
        """Raise the error that ends this subscription, if there is one."""
        if self.rights.refused is not None:
            raise self.rights.refused
        if self._watching is not None and self._watching.error is not None:
            raise self._watching.error

    async def woken(self) -> None:
        """Wait until something may have changed. Raises `ButlrError` where the subscription is over."""
        self.check()
        self._waits = True
        if self._fanout is not None and self.is_waiting:
            self._fanout.waits(self, self._take)
        try:
            await self.wake.wait()
        finally:
            self._waits = False
            if self._fanout is not None:
                self._fanout.part(self)
        self.wake.clear()
        self.check()

    @property
    def is_waiting(self) -> bool:
        """Whether it waits and has all there is."""
        return self._waits and not self.wake.is_set()

    def catch_up(self, source: "Subscriber") -> None:
        """Go on by itself after a source has given what has changed up to its position."""
        self.known.update(source.known)
        self.changed = source.changed
        for topic in self._topics:
            topic.watchers.add(self.wake)

    def first(self, resume: str | None) -> tuple[list[Change], bool | None]:
        """Return the changes to begin with, oldest first, and whether they are what came after the cursor."""
        missed: list[Change] | None = None
        if resume is not None:
            # What is polled has its ids by the replicas' clocks, what comes by webhooks by that of Redis.
            by_one_clock = len(self._topics) == 1
            found = [self.live.missed(topic, resume, by_one_clock=by_one_clock) for topic in self._topics]
            missed = None if None in found else [change for changes in found for change in changes or ()]
        changes = self._since(0) if missed is None else sorted(missed, key=_position)
        self._reach()
        return changes, None if resume is None else missed is not None

    def news(self) -> list[Change]:
        """Return what has changed since its position, oldest first, and count it as delivered."""
        changes, before = self._since(self.position), self.changed
        self._reach()
        if changes:
            counts, times = self.live.counts, self._stands_for
            counts.delivered += times * len(changes)
            # What newer values took the place of.
            counts.merged += times * max(self.changed - before - len(changes), 0)
            counts.lag = max(0.0, self.live.now() - changes[0].id[0] / 1000)
        return changes

    @property
    def _stands_for(self) -> int:
        """How many subscribers are given what this one reads."""
        return 1 if self._fanout is None or self._take is not None else self._fanout.size

    def _since(self, position: int) -> list[Change]:
        if len(self._topics) == 1:
            return self._topics[0].since(position)
        return sorted((change for topic in self._topics for change in topic.since(position)), key=_position)

    def _reach(self) -> None:
        """Note that it has all there is."""
        self.wake.clear()
        self.position = self.live.log.position
        self.changed = sum(topic.changed for topic in self._topics)

    def close(self) -> None:
        self.unwatch()
        if self._poller and self._watching:
            self._poller.leave(self._watching)


def _position(change: Change) -> int:
    return change.position


def merged(events: list[WebhookEvent], most: int = WAITING_MOST) -> list[WebhookEvent]:
    """Return the events that wait, where they are more than so many bytes merged: the newest of a type and asset."""
    if len(events) < 2:
        return events
    size = 0
    for event in events:
        size += len(msgspec.json.encode(event))
        if size > most:
            break
    else:
        return events
    newest: dict[tuple[str, Any], WebhookEvent] = {}
    for event in events:
        key = event.type, event.about or event.id
        known = newest.get(key)
        if known is None or event.timestamp >= known.timestamp:
            newest.pop(key, None)
            newest[key] = event
    return list(newest.values())
