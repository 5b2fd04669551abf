"""`Poller`: polls one question for all its subscribers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from graphql import GraphQLError

from ..auth import Caller
from ..butlr import ButlrError, Forbidden, RateLimited, Unauthenticated, UpstreamTimeout, UpstreamUnavailable
from ..cache import Store
from .backoff import Backoff
from .landed import Landings, Record, hash_of
from .log import Log, Topic

log = structlog.get_logger(__name__)

# Seconds that a replica waits for the one that polls, before it reads the shared store.
BEHIND = 1.5
# Errors after which the subscription goes on.
TRANSIENT = (RateLimited, UpstreamTimeout, UpstreamUnavailable)


class Question(Protocol):
    """What is polled. Two questions with equal names ask the same."""

    @property
    def name(self) -> str: ...

    async def read(self, caller: Caller, keys: set[str], *, fresh: bool) -> Mapping[str, Any]:
        """Return values by key, of all keys if `keys` is empty. Raises `ButlrError`."""
        ...

    def is_newer(self, value: Any, known: Any) -> bool:
        """Return whether `value` replaces the known value of the same key."""
        ...

    def content(self, value: Any) -> str:
        """Return a text that is equal for two values of a key only if the values are the same."""
        ...

    def quiet_until(self, now: float) -> float:
        """Return the time (epoch seconds) before which there can be no new value; `now` if there may be one."""
        ...

    def is_over(self, key: str, values: Mapping[str, Any]) -> bool:
        """Return whether a key that is absent from `values` is to be dropped."""
        ...


class Watching:
    """One subscriber of a poller: the caller, the keys, and the interval in seconds. `wake` is set on a change."""

    def __init__(self, caller: Caller, keys: frozenset[str], every: float, wake: asyncio.Event) -> None:
        self.caller, self.keys, self.every, self.wake = caller, keys, every, wake
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = error
        self.wake.set()


class Poller:
    """Polls at multiples of its interval on the clock: all replicas are due at the same time, and one polls for all.

    It starts with the first subscriber and stops with the last.
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
        """`polled` is called after each poll with whether it was answered."""
        self.topic = topic
        self.watching: set[Watching] = set()
        self.question, self._log, self._store, self._wall = question, log_, store, wall
        self._polled = polled
        self._landings = Landings(store, topic.name)
        self._backoff = Backoff(store, self._landings.name, wall)
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        # The keys that have been read at least once; and whether any poll has been answered.
        self._read: set[str] = set()
        self._was_read = False

    def join(self, watching: Watching) -> None:
        self.watching.add(watching)
        self.topic.watchers.add(watching.wake)
        if not self.has_read(watching.keys):
            self._asked.set()
        if self._task is None or self._task.done():
            # The topic may hold values from before a pause, so they are read anew at once.
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
            # Otherwise the subscribers would wait for ever.
            for each in list(self.watching):
                each.fail(error)
            if not isinstance(error, GraphQLError):
                log.exception("live.poller_failed")

    async def _poll_on(self) -> None:
        while self.watching:
            if (pause := await self._next()) is not None:
                # A new subscriber does not shorten the pause after a failure.
                await asyncio.sleep(pause)
                continue
            try:
                async with asyncio.timeout(self.until_next()):
                    await self._asked.wait()
            except TimeoutError:
                pass

    async def _next(self) -> float | None:
        """Poll if no replica has to pause. Return after how long to try again where that failed."""
        if left := await self._backoff.left():
            return left
        return (
            await self._poll() if self._asked.is_set() and not self._backoff.pause.failures else await self._take_turn()
        )

    def until_next(self) -> float:
        """Return the seconds until the next multiple of the interval at which there may be a new value."""
        now, every = self._wall(), self.every
        quiet = max(self.question.quiet_until(now), now)
        return quiet - now + (every - quiet % every)

    async def _take_turn(self) -> float | None:
        """Poll, or read what another replica has polled if that one was first."""
        every, failed = self.every, self._backoff.pause
        turn = f"{every}:{int(self._wall() // every)}" if not failed.failures else f"after:{failed.until}"
        first = await self._store.add_text(f"live:turn:{self._landings.name}:{turn}", "1", ttl=2 * every)
        if first is False:
            await asyncio.sleep(min(BEHIND, every / 2))
            if left := await self._backoff.left():
                return left
        return await self._poll(fresh=first is not False and not failed.failures)

    async def _poll(self, *, fresh: bool = False) -> float | None:
        """Read once. Return the seconds until the next attempt if that failed, else None."""
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
                # The cache may be older than what another replica has delivered.
                values = await self.question.read(watching.caller, set(), fresh=True)
                changed = self._changed(values)
        except ButlrError as error:
            self._polled(False)
            return await self._failed(error, watching)
        self._polled(True)
        await self._backoff.over()
        if changed or is_due:
            async with self._landings.locked() as is_locked:
                # Another replica may have recorded some of the values in the meantime.
                record = await self._landings.known(began)
                await self._put(values, changed, record, began, is_locked=is_locked)
        self._forget(values)
        # Others are woken by what has changed.
        waiting = [each for each in self.watching if not self.has_read(each.keys)]
        self._read |= keys
        self._was_read = True
        for each in waiting:
            each.wake.set()
        return None

    def _changed(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the keys that have a new value, each with the hash of that value."""
        changed = {}
        for key, value in values.items():
            known = self.topic.get(key)
            if known is None or self.question.is_newer(value, known.value):
                changed[key] = hash_of(key, self.question.content(value))
        return changed

    async def _put(
        self,
        values: Mapping[str, Any],
        changed: Mapping[str, str],
        record: Record | None,
        began: float,
        *,
        is_locked: bool,
    ) -> None:
        """Put the changed values into the topic. `began` is when they were asked for, in epoch seconds."""
        moment = int(began * 1000)
        if not self._was_read and not len(self.topic):
            # Another replica may have polled the question for longer.
            self.topic.floor = (record.since if record else moment, 0)
        read = record.read if record else {}
        landed = {hash_: read.get(hash_, moment) for hash_ in changed.values()}
        if record is None or self._landings.is_due(began) or not read.keys() >= landed.keys():
            self._forget(values)
            # Before delivery, so that other replicas know the moment of each delivered value if this one ends.
            await self._note(record, changed, landed, began)
        for key, hash_ in changed.items():
            is_shared = hash_ in read or is_locked
            self._log.put(self.topic, key, values[key], (landed[hash_], 0), is_shared=is_shared)

    async def _note(
        self, record: Record | None, changed: Mapping[str, str], landed: Mapping[str, int], now: float
    ) -> None:
        known = record.read if record else {}
        read = dict(landed)
        for change in self.topic.since(0):
            if change.key not in changed:
                hash_ = hash_of(change.key, self.question.content(change.value))
                read[hash_] = known.get(hash_, change.id[0])
        since = self.topic.floor[0]
        await self._landings.write(min(since, record.since) if record else since, read, now)

    def _forget(self, values: Mapping[str, Any]) -> None:
        for key in self.topic.known_keys():
            if key not in values and self.question.is_over(key, values):
                self.topic.drop(key)

    async def _failed(self, error: ButlrError, by: Watching) -> float:
        if isinstance(error, Unauthenticated | Forbidden):
            # The tokens of other subscribers may be valid.
            for each in [each for each in self.watching if each.caller.flight == by.caller.flight]:
                each.fail(error)
                self._drop(each)
            self._asked.set()
            return 0.0
        if not isinstance(error, TRANSIENT):
            for each in list(self.watching):
                each.fail(error)
        least = error.retry_after if isinstance(error, RateLimited) else None
        pause = await self._backoff.failed(self.every, least or 0.0)
        log.warning("live.poll_failed", code=error.code, again_in=round(pause, 1))
        return pause

    def _drop(self, watching: Watching) -> None:
        self.watching.discard(watching)
        self.topic.watchers.discard(watching.wake)
