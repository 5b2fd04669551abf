"""`Fanout`: subscribers who wait for the same are given each answer by one source, and no task is woken for it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .subscriber import Subscriber

# Takes an answer at once. False if that is not possible; then nothing of it was taken.
Take = Callable[[Any], bool]
# Answers that are given in one step of a few milliseconds on the event loop.
AT_ONCE = 100


class Fanout:
    """The subscribers to one question with one token.

    `run` reads the question as one more subscriber, the source, and gives its answers. A subscriber follows the source
    from a moment at which both wait, so that both have all there is. It parts from the source when it is woken, or when
    it cannot take an answer at once: it then reads by itself from its position, until both wait again.
    """

    def __init__(self, run: Callable[["Fanout"], Coroutine[Any, Any, None]]) -> None:
        self.source: Subscriber | None = None
        self.members = 0
        # Those who wait while the source does not, and those who follow it.
        self._waiting: dict[Subscriber, Take] = {}
        self._followers: dict[Subscriber, Take] = {}
        self._run = run
        self._task: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """How many follow the source."""
        return len(self._followers)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count a member. The source runs from the second on, and until the last has left."""
        self.members += 1
        if self.members > 1 and self._task is None:
            self._task = asyncio.create_task(self._run_source())
        try:
            yield
        finally:
            self.members -= 1
            if not self.members and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _run_source(self) -> None:
        try:
            await self._run(self)
        finally:
            self.part_all()

    def waits(self, subscriber: "Subscriber", take: Take | None) -> None:
        """Note that a subscriber, or the source, waits and has all there is."""
        if take is not None:
            self._waiting[subscriber] = take
        source = self.source
        if source is not None and source.is_waiting:
            for each in [each for each in self._waiting if each.is_waiting]:
                each.unwatch()
                self._followers[each] = self._waiting.pop(each)

    def part(self, subscriber: "Subscriber") -> None:
        """Have a subscriber go on by itself once it is woken."""
        self._waiting.pop(subscriber, None)
        if self._followers.pop(subscriber, None) is not None and self.source is not None:
            subscriber.catch_up(self.source)

    def part_all(self) -> None:
        for subscriber in list(self._followers):
            self.part(subscriber)
            subscriber.wake.set()

    async def give(self, answer: Any, position: int) -> None:
        """Give an answer to all who follow. With it they have all changes up to a position."""
        for number, (subscriber, take) in enumerate(list(self._followers.items()), start=1):
            if subscriber not in self._followers:
                continue
            if take(answer):
                subscriber.position = position
            else:
                self.part(subscriber)
                subscriber.wake.set()
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
