"""`Poller`: one question, asked again and again for all who watch it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from graphql import GraphQLError

from ..auth import Caller
from ..butlr import ButlrError, Forbidden, RateLimited, Unauthenticated, UpstreamTimeout, UpstreamUnavailable
from ..cache import Store
from .landed import Landings, Record, mark_of
from .log import Log, Topic

log = structlog.get_logger(__name__)

# Seconds: the pause after a first failure; and times the interval, the longest one.
FIRST_PAUSE = 1.0
LONGEST = 10
# Seconds that a replica waits for the one that polls, before it reads what is in the shared store.
BEHIND = 1.5
# Errors that pass.
PASSING = (RateLimited, UpstreamTimeout, UpstreamUnavailable)


class Question(Protocol):
    """What is polled. `name` says whose it is (the caller's scope) and what it asks."""

    @property
    def name(self) -> str: ...

    async def read(self, caller: Caller, keys: set[str], *, fresh: bool) -> Mapping[str, Any]:
        """Return the value of each key (all of them where `keys` is empty). Raises `ButlrError`."""
        ...

    def is_newer(self, value: Any, known: Any) -> bool:
        """Whether a value takes the place of one that is known."""
        ...

    def told(self, value: Any) -> str:
        """Return what makes a value another one of its key."""
        ...

    def quiet_until(self, now: float) -> float:
        """Return the moment before which nothing new is to be had; `now` where something may be at any time."""
        ...

    def is_over(self, key: str, values: Mapping[str, Any]) -> bool:
        """Whether a key that `values` lack is to be forgotten."""
        ...


class Watching:
    """One who watches: with whose token, which keys, and how often at the most."""

    def __init__(self, caller: Caller, keys: frozenset[str], every: float, wake: asyncio.Event) -> None:
        self.caller, self.keys, self.every, self.wake = caller, keys, every, wake
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = error
        self.wake.set()


class Poller:
    """Polls at the edges of its interval by the clock, so that all replicas do at the same time and one takes the turn.

    It starts with the first who watches and stops with the last.
    """

    def __init__(
        self,
        question: Question,
        topic: Topic,
        log_: Log,
        store: Store,
        *,
        wall: Callable[[], float],
        polled: Callable[[bool], None],
    ) -> None:
        """`polled` is told of each poll whether it was answered."""
        self.topic = topic
        self.watching: set[Watching] = set()
        self.question, self._log, self._store, self._wall = question, log_, store, wall
        self._polled = polled
        self._landings = Landings(store, topic.name)
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        # What has been read at least once, and whether all has.
        self._read: set[str] = set()
        self._was_read = False
        self._failures = 0

    def join(self, watching: Watching) -> None:
        self.watching.add(watching)
        self.topic.watchers.add(watching.wake)
        if not self.has_read(watching.keys):
            self._asked.set()
        if self._task is None or self._task.done():
            # Not before what is there already has been looked at anew.
            self._asked.set()
            self._task = asyncio.create_task(self._run())

    def leave(self, watching: Watching) -> None:
        self._drop(watching)
        if not self.watching and self._task is not None:
            self._task.cancel()
            self._task = None
            self._was_read, self._read = False, set()

    def has_read(self, keys: frozenset[str]) -> bool:
        """Whether the topic has all that is known of the keys."""
        return self._was_read and keys <= self._read

    @property
    def every(self) -> float:
        return min((each.every for each in self.watching), default=60.0)

    async def _run(self) -> None:
        try:
            await self._poll_on()
        except Exception as error:
            # Whoever watches would wait for ever.
            for each in list(self.watching):
                each.fail(error)
            if not isinstance(error, GraphQLError):
                log.exception("live.poller_failed")

    async def _poll_on(self) -> None:
        while self.watching:
            pause = await self._poll() if self._asked.is_set() or self._failures else await self._take_turn()
            if pause is None:
                pause = self.until_next()
            # What asks to be read at once does not end a pause after a failure.
            if self._failures:
                await asyncio.sleep(pause)
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._asked.wait()
            except TimeoutError:
                pass

    def until_next(self) -> float:
        """Return the seconds to the next edge of the interval at which there may be something new."""
        now, every = self._wall(), self.every
        quiet = max(self.question.quiet_until(now), now)
        return quiet - now + (every - quiet % every)

    async def _take_turn(self) -> float | None:
        """Poll, or read what another replica has polled."""
        every = self.every
        turn = int(self._wall() // every)
        first = await self._store.add_text(f"live:turn:{self._landings.name}:{every}:{turn}", "1", ttl=2 * every)
        if first is False:
            await asyncio.sleep(min(BEHIND, every / 2))
        return await self._poll(fresh=first is not False)

    async def _poll(self, *, fresh: bool = False) -> float | None:
        """Read once. Return after how long to try again where that failed."""
        self._asked.clear()
        watching = next(iter(self.watching))
        keys = frozenset().union(*(each.keys for each in self.watching))
        began = self._wall()
        try:
            values = await self.question.read(watching.caller, set(keys), fresh=fresh)
            changed, record = self._changed(values), None
            is_due = self._landings.is_due(began)
            if changed or is_due:
                record = await self._landings.known(began)
            if record and not (fresh or keys or record.read.keys() >= set(changed.values())):
                # The cache may have less than another replica has told its subscribers.
                values = await self.question.read(watching.caller, set(), fresh=True)
                changed = self._changed(values)
        except ButlrError as error:
            self._polled(False)
            return self._failed(error, watching)
        self._polled(True)
        self._failures = 0
        if changed or is_due:
            async with self._landings.alone() as can_tell:
                # Another replica may have noted some of them meanwhile.
                record = await self._landings.known(began)
                await self._put(values, changed, record, began, can_tell=can_tell)
        self._forget(values)
        self._read |= keys
        self._was_read = True
        for each in self.watching:
            each.wake.set()
        return None

    def _changed(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the keys whose value takes the place of what is known, and by what the new one is known."""
        changed = {}
        for key, value in values.items():
            known = self.topic.get(key)
            if known is None or self.question.is_newer(value, known.value):
                changed[key] = mark_of(key, self.question.told(value))
        return changed

    async def _put(
        self,
        values: Mapping[str, Any],
        changed: Mapping[str, str],
        record: Record | None,
        began: float,
        *,
        can_tell: bool,
    ) -> None:
        """`began`: when the values were asked for."""
        moment = int(began * 1000)
        if not self._was_read and not len(self.topic):
            # Another replica may have followed the question for longer.
            self.topic.floor = (record.since if record else moment, 0)
        read = record.read if record else {}
        landed = {mark: read.get(mark, moment) for mark in changed.values()}
        if record is None or self._landings.is_due(began) or not read.keys() >= landed.keys():
            self._forget(values)
            # Before anyone is told: a replica that ends then leaves nothing that no other knows the moment of.
            await self._note(record, changed, landed, began)
        for key, mark in changed.items():
            is_shared = mark in read or can_tell
            self._log.put(self.topic, key, values[key], (landed[mark], 0), is_shared=is_shared)

    async def _note(
        self, record: Record | None, changed: Mapping[str, str], landed: Mapping[str, int], now: float
    ) -> None:
        known = record.read if record else {}
        read = dict(landed)
        for change in self.topic.since(0):
            if change.key not in changed:
                mark = mark_of(change.key, self.question.told(change.value))
                read[mark] = known.get(mark, change.id[0])
        since = self.topic.floor[0]
        await self._landings.write(min(since, record.since) if record else since, read, now)

    def _forget(self, values: Mapping[str, Any]) -> None:
        for key in self.topic.known_keys():
            if key not in values and self.question.is_over(key, values):
                self.topic.drop(key)

    def _failed(self, error: ButlrError, by: Watching) -> float:
        if isinstance(error, Unauthenticated | Forbidden):
            # Another's token may be good.
            for each in [each for each in self.watching if each.caller.flight == by.caller.flight]:
                each.fail(error)
                self._drop(each)
            self._asked.set()
            return 0.0
        if not isinstance(error, PASSING):
            for each in list(self.watching):
                each.fail(error)
        self._failures += 1
        pause: float = min(FIRST_PAUSE * 2 ** min(self._failures - 1, 10), self.every * LONGEST)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            pause = max(pause, error.retry_after)
        log.warning("live.poll_failed", code=error.code, again_in=round(pause, 1))
        return pause

    def _drop(self, watching: Watching) -> None:
        self.watching.discard(watching)
        self.topic.watchers.discard(watching.wake)
