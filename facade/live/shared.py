"""Events for all replicas: a stream in Redis to which each appends and which all read. Needs the extra `redis`."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

import msgspec
import structlog

from ..cache import Stream
from .events import WebhookEvent
from .log import Id

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# Events that are kept while Redis is unreachable. Beyond that number the oldest are dropped.
MOST_UNSENT = 10_000


class SharedEvents:
    """Appends events to the stream, and calls `on_event` for the events of all replicas, oldest first."""

    def __init__(self, stream: Stream, on_event: Callable[[WebhookEvent, Id], None]) -> None:
        self._stream, self._on_event = stream, on_event
        self._last = "0-0"
        self._unsent: deque[WebhookEvent] = deque(maxlen=MOST_UNSENT)
        self._task: asyncio.Task[None] | None = None
        # Set once the events from before the start have been read, or Redis is known to be unreachable.
        self.has_read = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        while self._task is not None and not self._task.done():
            self._task.cancel()
            # redis-py may lose a cancellation while it connects, so it is repeated.
            await asyncio.wait((self._task,), timeout=0.05)

    async def append(self, event: WebhookEvent) -> bool:
        """Append an event and return whether Redis has it. If not, it is appended once Redis is back."""
        has_it = await self._stream.append(msgspec.json.encode(event))
        if not has_it:
            self._unsent.append(event)
        return has_it

    async def _append_unsent(self) -> None:
        # If Redis took an event but its answer was lost, the event is in the stream twice. Its id is delivered once.
        while self._unsent:
            event = self._unsent.popleft()
            if not await self._stream.append(msgspec.json.encode(event)):
                self._unsent.appendleft(event)
                return

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with contextlib.suppress(*self._stream.failures):
                while True:
                    entries = await self._stream.read(self._last)
                    pause = _FIRST_PAUSE
                    for id_, body in entries:
                        self._last = id_
                        self._deliver(id_, body)
                    await self._append_unsent()
                    # Not only after an empty read: there is none while events come without a pause.
                    if len(entries) < self._stream.at_once:
                        self.has_read.set()
            # Subscribers wait for earlier events, but not while Redis is unreachable.
            self.has_read.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _deliver(self, id_: str, body: bytes) -> None:
        milliseconds, _, number = id_.partition("-")
        try:
            event = msgspec.json.decode(body, type=WebhookEvent)
        except msgspec.DecodeError:
            # Another version of the facade may have written it.
            log.warning("live.event_unreadable", id=id_)
            return
        self._on_event(event, (int(milliseconds), int(number)))
