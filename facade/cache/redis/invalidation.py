"""What replicas tell each other: that a scope is to be forgotten.

Needs the extra `redis`.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import secrets
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from .client import FAILURES, RedisClient, reason

log = structlog.get_logger(__name__)

# Seconds between two attempts to subscribe, from the first to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# Seconds of silence after which the connection is asked whether it still is one, and then has as long to answer.
SILENCE = 2.0


class Invalidations:
    """Hears what is said on a channel of Redis: words, and what they are about.

    `on_air` is true while it is certain that nothing is missed: subscribed, and a word of our own was heard. `changed`
    is called each time that begins or ends. A Redis that is down or refuses to let us subscribe is tried again.
    """

    def __init__(
        self,
        client: RedisClient,
        channel: str,
        *,
        hear: Callable[[str, str], None],
        changed: Callable[[], None],
        silence: float = SILENCE,
    ) -> None:
        self.on_air = False
        self._silence = silence
        self._client, self._channel = client, channel
        self._hear, self._changed = hear, changed
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to listen, where that has not begun."""
        if self._task is None and not self._closed:
            # Not in the context of the request that happens to be the first.
            self._task = asyncio.create_task(self._listen_on(), name="cache-news", context=contextvars.Context())

    async def aclose(self) -> None:
        self._closed = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            # Again and again: a cancellation that meets redis-py while it connects may get lost (`asyncio.wait_for`).
            await asyncio.wait((self._task,), timeout=0.05)

    async def _listen_on(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except FAILURES as exc:
                if isinstance(exc, ResponseError):
                    # An ACL, mostly. That Redis is away is said by those who need it.
                    self._client.refused("news").begins(reason(exc))
                if self.on_air:
                    pause = _FIRST_PAUSE
                    log.info("cache.news_lost", reason=reason(exc))
            finally:
                # However it ended.
                if self.on_air:
                    self.on_air = False
                    self._changed()
            # Not all replicas at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- nothing secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Until the connection breaks; raises what broke it."""
        async with asyncio.timeout(self._client.timeout):
            listener = await self._client.listener()
        own = secrets.token_hex(8)
        try:
            async with asyncio.timeout(self._client.timeout):
                await listener.subscribe(self._channel)
                await _next(listener, self._client.timeout)
                await self._client.client.publish(self._channel, f"hello {own}")
            asked = False
            while True:
                message = await _next(listener, self._silence)
                if message is None:
                    if asked or not self.on_air:
                        raise TimeoutError
                    await listener.ping()
                    asked = True
                    continue
                asked = False
                if message["type"] == "message":
                    word, _, about = message["data"].decode(errors="replace").partition(" ")
                    if word == "hello":
                        self._begin(about == own)
                    else:
                        self._hear(word, about)
        finally:
            # Also where it was cancelled: nothing here waits for Redis.
            await listener.aclose()  # type: ignore[no-untyped-call]
            await listener.connection_pool.aclose()

    def _begin(self, heard_ourselves: bool) -> None:
        if heard_ourselves and not self.on_air:
            self._client.refused("news").ends()
            self.on_air = True
            self._changed()
            log.info("cache.news_heard")


async def _next(listener: PubSub, seconds: float) -> dict[str, Any] | None:
    """The next message, or None after so many seconds of silence."""
    message: dict[str, Any] | None = await listener.get_message(timeout=seconds)
    return message
