"""`Batch`: loads keys together that are asked for one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from .. import tracing

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Resolvers of one operation reach their loads a few turns of the event loop apart. A batch closes once so many turns in
# a row have brought no new key.
QUIET_TURNS = 8


class Batch(Generic[K, V]):
    """Loads each key once, in as few calls of `load_many` as the operation's shape allows.

    `load_many` returns for each key its value, or the exception of this key alone. A key that failed is forgotten, so
    that it is loaded again when asked for later.
    """

    def __init__(self, load_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V | Exception]]]) -> None:
        self._load_many = load_many
        self._futures: dict[K, asyncio.Future[V]] = {}
        self._waiting: list[K] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def load_many(self, keys: Sequence[K]) -> list[V | Exception]:
        """Return for each key its value, or the exception that it failed with."""
        futures = [self._future(key) for key in keys]
        for future in futures:
            if not future.done():
                # A field's error cancels its siblings. Awaiting the future itself would then cancel it for the others
                # that wait for the key.
                await asyncio.wait((future,))
        return [_outcome(future) for future in futures]

    def _future(self, key: K) -> asyncio.Future[V]:
        future = self._futures.get(key)
        if future is None:
            future = self._futures[key] = asyncio.get_running_loop().create_future()
            self._waiting.append(key)
            if len(self._waiting) == 1:
                self._start()
        return future

    def cancel(self) -> None:
        """Cancel all loads: nobody waits for them any more."""
        for task in self._tasks:
            task.cancel()

    def _start(self) -> None:
        task = asyncio.create_task(self._gather_and_load())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather_and_load(self) -> None:
        seen, quiet = len(self._waiting), 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)
        keys, self._waiting = self._waiting, []
        try:
            with tracing.span("batch", attributes={"facade.batch.keys": len(keys)}):
                loaded = await self._load_many(keys)
        except asyncio.CancelledError:
            for key in keys:
                self._futures.pop(key).cancel()
            raise
        except Exception as error:  # noqa: BLE001 -- handed to everyone who waits
            loaded = dict.fromkeys(keys, error)
        for key in keys:
            self._settle(key, loaded[key])

    def _settle(self, key: K, value: V | Exception) -> None:
        if isinstance(value, Exception):
            future = self._futures.pop(key)
            future.set_exception(value)
            # asyncio logs an exception that was never retrieved.
            future.exception()
        else:
            self._futures[key].set_result(value)


def _outcome(future: asyncio.Future[Any]) -> Any:
    error = future.exception()
    # `_settle` sets no BaseException that is not an Exception.
    return error if isinstance(error, Exception) else future.result()
