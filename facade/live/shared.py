"""Events on all replicas: a stream in Redis that each appends to and all read. Needs the extra `redis`."""

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
# Events that wait for a Redis that is away; of more, the oldest go.
MOST_UNSENT = 10_000


class SharedEvents:
    """Appends events to the stream, and tells `hear` of each that any replica has appended, oldest first."""

    def __init__(self, stream: Stream, hear: Callable[[WebhookEvent, Id], None]) -> None:
        self._stream, self._hear = stream, hear
        self._last = "0-0"
        self._unsent: deque[WebhookEvent] = deque(maxlen=MOST_UNSENT)
        self._task: asyncio.Task[None] | None = None
        # Set once what was there at the start has been read.
        self.has_read = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        while self._task is not None and not self._task.done():
            self._task.cancel()
            # A cancellation that meets redis-py while it connects may get lost.
            await asyncio.wait((self._task,), timeout=0.05)

    async def append(self, event: WebhookEvent) -> bool:
        """Whether Redis has it. If not, this process alone tells its subscribers, and others once Redis is back."""
        has_it = await self._stream.append(msgspec.json.encode(event))
        if not has_it:
            self._unsent.append(event)
        return has_it

    async def _append_unsent(self) -> None:
        # One that Redis took without an answer is there twice, and told once: events have ids.
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
                        self._tell(id_, body)
                    await self._append_unsent()
                    # Not only a read of nothing: where events come without a pause there is none.
                    if len(entries) < self._stream.at_once:
                        self.has_read.set()
            # Whoever waits for the events of before does not wait for a Redis that is away.
            self.has_read.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _tell(self, id_: str, body: bytes) -> None:
        milliseconds, _, number = id_.partition("-")
        try:
            event = msgspec.json.decode(body, type=WebhookEvent)
        except msgspec.DecodeError:
            # What a shared store gives is input: another version may have written it.
            log.warning("live.event_unreadable", id=id_)
            return
        self._hear(event, (int(milliseconds), int(number)))
