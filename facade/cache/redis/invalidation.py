"""Invalidation among replicas: messages on a Redis channel say which scopes to drop.

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
# Seconds of silence after which the connection is pinged. It then has the same time to answer.
SILENCE = 2.0


class Invalidations:
    """Receives messages on a Redis channel: a word and its argument, which are passed to `on_message`.

    `is_listening` is true while no message can be missed: subscribed, and a message of our own has been received.
    `on_change` is called whenever it changes. If Redis is down or refuses the subscription, it is tried again.
    """

    def __init__(
        self,
        client: RedisClient,
        channel: str,
        *,
        on_message: Callable[[str, str], None],
        on_change: Callable[[], None],
        silence: float = SILENCE,
    ) -> None:
        self.is_listening = False
        self._silence = silence
        self._client, self._channel = client, channel
        self._on_message, self._on_change = on_message, on_change
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Start to listen, if not started yet."""
        if self._task is None and not self._closed:
            # An empty context, not that of the request that happens to be the first.
            self._task = asyncio.create_task(self._listen_on(), name="invalidations", context=contextvars.Context())

    async def aclose(self) -> None:
        self._closed = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            # Repeated, since a cancellation while redis-py connects may get lost (`asyncio.wait_for`).
            await asyncio.wait((self._task,), timeout=0.05)

    async def _listen_on(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except FAILURES as exc:
                if isinstance(exc, ResponseError):
                    # Mostly an ACL. That Redis is unreachable is logged by the calls that need it.
                    self._client.refused("invalidation").begins(reason(exc))
                if self.is_listening:
                    pause = _FIRST_PAUSE
                    log.info("cache.invalidations_lost", reason=reason(exc))
            finally:
                # Also where the connection ended without an error.
                if self.is_listening:
                    self.is_listening = False
                    self._on_change()
            # Jitter, so that replicas do not all reconnect at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- nothing secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Listen until the connection breaks. Raises the error that broke it."""
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
                    if asked or not self.is_listening:
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
                        self._on_message(word, about)
        finally:
            # Safe after a cancellation: closing does not wait for Redis.
            await listener.aclose()  # type: ignore[no-untyped-call]
            await listener.connection_pool.aclose()

    def _begin(self, heard_ourselves: bool) -> None:
        if heard_ourselves and not self.is_listening:
            self._client.refused("invalidation").ends()
            self.is_listening = True
            self._on_change()
            log.info("cache.invalidations_received")


async def _next(listener: PubSub, seconds: float) -> dict[str, Any] | None:
    """Return the next message, or None after `seconds` of silence."""
    message: dict[str, Any] | None = await listener.get_message(timeout=seconds)
    return message
