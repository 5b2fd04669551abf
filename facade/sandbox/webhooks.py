"""Posts events to a subscriber each minute; some are posted twice, late or out of order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from .clock import SandboxClock
from .config import WebhookAuth
from .events import MINUTE, Event, Events
from .seeding import seeded

API_KEY_HEADER = "X-API-Key"
BASIC_USER = "butlr"
# One event in so many is posted twice, and one in so many a minute late.
DUPLICATES, LATECOMERS = 20, 20
# If the clock is moved forward by more minutes than this, the events in between are skipped.
MOST_MINUTES = 120
AT_ONCE = 8
TIMEOUT = 10.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Deliveries:
    """The posted events. `until` is the end of the last posted minute in epoch seconds."""

    sent: int = 0
    failed: int = 0
    last_failure: str | None = None
    until: int | None = None


class Webhooks:
    """One subscriber of all types of events. A post that fails is counted and not repeated."""

    def __init__(
        self,
        url: str,
        events: Callable[[], Events],
        clock: SandboxClock,
        *,
        seed: int,
        secret: str | None = None,
        auth: WebhookAuth = "api-key",
    ) -> None:
        self.deliveries = Deliveries()
        self._url = url
        self._events = events
        self._clock = clock
        self._seed = seed
        self._headers = {API_KEY_HEADER: secret} if secret and auth == "api-key" else {}
        self._basic = httpx.BasicAuth(BASIC_USER, secret) if secret and auth == "basic" else None
        self._late: list[Event] = []
        self._moved = asyncio.Event()

    def clock_moved(self) -> None:
        self._moved.set()

    @asynccontextmanager
    async def running(self, _: Any) -> AsyncIterator[None]:
        """Post while the app runs."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        async with httpx.AsyncClient(headers=self._headers, auth=self._basic, timeout=TIMEOUT, trust_env=False) as http:
            # A new subscriber gets the current values first.
            told = self._minute()
            await self._tell(http, told, every_value=True)
            while True:
                self._moved.clear()
                now = self._minute()
                told = min(told, now)
                while told < now:
                    told = max(told + MINUTE, now - MOST_MINUTES * MINUTE)
                    await self._tell(http, told)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), 1)

    def _minute(self) -> int:
        return int(self._clock() // MINUTE) * MINUTE

    async def _tell(self, http: httpx.AsyncClient, end: int, *, every_value: bool = False) -> None:
        random = seeded("webhooks", self._seed, end)
        posts, self._late = self._late, []
        for event in self._events().of_minute(end, every_value=every_value):
            lot = random.random()
            (self._late if lot < 1 / LATECOMERS else posts).append(event)
            if lot > 1 - 1 / DUPLICATES:
                posts.append(event)
        random.shuffle(posts)
        slots = asyncio.Semaphore(AT_ONCE)

        async def post(event: Event) -> None:
            async with slots:
                await self._post(http, event)

        await asyncio.gather(*map(post, posts))
        self.deliveries.until = end

    async def _post(self, http: httpx.AsyncClient, event: Event) -> None:
        try:
            reply = await http.post(self._url, json=event)
            reply.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            self.deliveries.failed += 1
            failure = f"{type(exc).__name__}: {exc}"
            if failure != self.deliveries.last_failure:
                log.warning("An event could not be posted: %s", failure)
            self.deliveries.last_failure = failure
        else:
            self.deliveries.sent += 1
