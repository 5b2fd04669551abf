"""`Live`: the current values that a process knows, and its subscribers."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..assets import AssetSource
from ..auth import Caller
from ..butlr import RateLimited
from ..cache import Store
from .events import KNOWN_TYPES, WebhookEvent
from .fanout import Fanout, Take
from .log import FIRST, SKEW, Change, Cursor, Id, Log, Topic, read_cursor
from .poller import Poller, Question
from .rights import ReadOrgs, Rights
from .shared import SharedEvents
from .subscriber import Subscriber

# Events kept for those who come back.
EVENTS_KEPT = 10_000


@dataclass
class LiveCounts:
    """Numbers for the metrics: the current subscribers, the lag in seconds, and totals since the process started."""

    subscribers: int = 0
    begun: int = 0
    delivered: int = 0
    merged: int = 0
    lag: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    polls: int = 0
    failed_polls: int = 0

    def polled(self, answered: bool) -> None:
        self.polls += 1
        self.failed_polls += not answered


class Live:
    """The topics, pollers and rights of one process.

    `every` is the shortest time between polls, `recheck` the longest between two checks of a token, both in seconds;
    `most` is how many subscriptions there may be.
    """

    def __init__(
        self,
        store: Store,
        source: AssetSource,
        *,
        every: float,
        most: int,
        recheck: float,
        wall: Callable[[], float],
        orgs: ReadOrgs | None = None,
    ) -> None:
        self._read_orgs = orgs
        self.every = every
        self.log = Log(wall=wall)
        self.events = self.log.topic("events", most=EVENTS_KEPT)
        # The newest values from webhooks, by organisation and place, and by organisation and sensor.
        self.occupancy = self.log.topic("webhook occupancy")
        self.detections = self.log.topic("webhook detections")
        self.counts = LiveCounts()
        self.process = secrets.token_hex(4)
        self._store, self._source = store, source
        self._most, self._recheck, self._wall = most, recheck, wall
        self._pollers: dict[str, Poller] = {}
        self._rights: dict[str, Rights] = {}
        stream = store.stream("live")
        self._shared = SharedEvents(stream, self._take) if stream else None
        for topic in (self.events, self.occupancy, self.detections):
            topic.watchers.add(_NOBODY)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Live"]:
        if self._shared:
            # The stream in Redis has events from before this process started, so clients may resume from before then.
            for topic in (self.events, self.occupancy, self.detections):
                topic.floor = FIRST
            self._shared.start()
        try:
            yield self
        finally:
            if self._shared:
                await self._shared.aclose()
            for rights in self._rights.values():
                rights.close()

    async def publish(self, event: WebhookEvent) -> None:
        """Deliver an event to all subscribers, on each replica that Redis reaches, unless its id is known already."""
        if self.events.get(event.id) is not None:
            return
        if self._shared is None or not await self._shared.append(event):
            self._take(event, None)

    def _take(self, event: WebhookEvent, id_: Id | None) -> None:
        if self.events.get(event.id) is not None:
            return
        self.log.put(self.events, event.id, event, id_)
        self.counts.events[event.type if event.type in KNOWN_TYPES else "other"] += 1
        if (told := event.occupancy) is not None:
            place, value = told
            self._newest(self.occupancy, f"{event.org} {place}", event, value)
        elif event.type == "DETECTIONS" and isinstance(event.data, dict) and (mac := event.place("mac_address")):
            self._newest(self.detections, f"{event.org} {mac}", event, event.data)

    def _newest(self, topic: Topic, key: str, event: WebhookEvent, value: Any) -> None:
        known = topic.get(key)
        if known is None or event.timestamp > known.value[0].timestamp:
            self.log.put(topic, key, (event, value))

    def rights_of(self, caller: Caller) -> Rights:
        # Each token has its own rights, even if it shares a cache scope with other tokens.
        rights = self._rights.get(caller.flight)
        if rights is None:
            rights = self._rights[caller.flight] = Rights(
                self._source, caller, orgs=self._read_orgs, recheck=self._recheck, clock=self._wall
            )
        return rights

    def poller_of(self, question: Question, caller: Caller) -> Poller:
        name = f"{caller.scope} {question.name}"
        poller = self._pollers.get(name)
        if poller is None:
            topic = self.log.topic(name)
            poller = self._pollers[name] = Poller(
                question, topic, self.log, self._store, wall=self._wall, polled=self.counts.polled
            )
        return poller

    @asynccontextmanager
    async def subscribed(
        self, caller: Caller, fanout: Fanout | None = None, take: Take | None = None
    ) -> AsyncIterator[Subscriber]:
        """Count a subscriber while they stay. Raises `RateLimited` where there are too many.

        Without `take` it is the source of the fanout, which is not counted.
        """
        if self._shared:
            # A client that resumes must get every event that it missed, so the stream is read to its end first.
            await self._shared.has_read.wait()
        counted = int(fanout is None or take is not None)
        if counted and self.counts.subscribers >= self._most:
            raise RateLimited(
                f"This process already has {self._most} subscriptions (FACADE_LIVE_MAX). Try again in a moment.",
                retry_after=5.0,
            )
        self.counts.subscribers += counted
        self.counts.begun += counted
        rights = self.rights_of(caller)
        subscriber = Subscriber(self, caller, rights, fanout, take)
        rights.watchers.add(subscriber.wake)
        try:
            yield subscriber
        finally:
            subscriber.close()
            self.counts.subscribers -= counted
            rights.watchers.discard(subscriber.wake)
            if not rights.watchers:
                rights.close()
                self._rights.pop(caller.flight, None)
            for name in [name for name, poller in self._pollers.items() if not poller.watching]:
                del self._pollers[name]

    def now(self) -> float:
        return self._wall()

    def cursor(self, change: Change) -> str:
        number = change.id[1] if change.is_shared else None
        return str(Cursor(change.id[0], number, change.position, self.process))

    def cursor_after(self, landed: int, position: int, *, is_shared: bool) -> str:
        """Return the cursor of a client that has all changes up to `position`, first read at `landed` or before."""
        return str(Cursor(landed, 0 if is_shared else None, position, self.process))

    def missed(self, topic: Topic, text: str, *, by_one_clock: bool = True) -> list[Change] | None:
        """Return the changes of a topic after a cursor; None if some may be lost, or the text is not a cursor.

        `by_one_clock`: the cursor's id and the topic's ids come from the same clock.
        """
        cursor = read_cursor(text)
        if cursor is None:
            return None
        if cursor.process == self.process:
            return None if cursor.position < topic.floor_position else topic.since(cursor.position)
        id_ = (cursor.milliseconds, cursor.number or 0)
        if cursor.number is None or not by_one_clock:
            # The other clock may be ahead. Some changes may be delivered twice; none is lost.
            id_ = (max(cursor.milliseconds - SKEW, 0), 0)
        return None if id_ < topic.floor else topic.after(id_)


# Keeps the topics of webhooks from being forgotten.
_NOBODY = asyncio.Event()
