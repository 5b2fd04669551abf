"""Answers in parts over HTTP: `multipart/mixed` as in the incremental delivery of GraphQL over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ..execution import Later, Outcome
from ..graph import Context
from .cache_headers import NEVER_KEPT
from .disconnect import Disconnect
from .graphql_request import PARTS_TYPE, RESPONSE_TYPE
from .middleware.draining import Draining

NEEDS_PARTS = (
    "This operation is answered in parts, since it uses @defer or @stream: "
    f"send `Accept: {PARTS_TYPE}, {RESPONSE_TYPE}`, or disable the directives by their `if`."
)
# Seconds for which an answer continues after the shutdown has begun: less than the socket stays open.
AT_THE_END = 3.0

_HEAD = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
# Sent right after a part, so that the client need not wait for the next one to know that this one is complete.
_BOUNDARY = b"\r\n---"


class PartsResponse(Response):
    """Sends the parts of an answer as they are made. All parts share the operation's time limit.

    `ended` is called with all errors before the last part is sent, or when the client has disconnected.
    """

    def __init__(
        self,
        outcome: Outcome,
        later: Later,
        context: Context,
        ended: Callable[[Sequence[GraphQLError], bool], None],
        *,
        draining: Draining | None = None,
    ) -> None:
        # Tells proxies not to buffer, so that the first part is not held back.
        super().__init__(headers={**NEVER_KEPT, "X-Accel-Buffering": "no"}, media_type=f'{PARTS_TYPE}; boundary="-"')
        del self.headers["Content-Length"]
        self._outcome = outcome
        self._later = later
        self._context = context
        self._ended = ended
        self._draining = draining
        # The time limit by the event loop's clock, and the timeout of the part that is awaited.
        self._until: float | None = None
        self._limit: asyncio.Timeout | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        last: dict[str, Any] = {}
        async with Disconnect(receive) as disconnect:
            disconnect.watch()
            try:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send(_body(_BOUNDARY + _written(b"".join(self._outcome.chunks()))))
                last = await self._send_all_but_last(send)
            finally:
                self._context.close()
                await self._later.aclose()
        self._ended([*self._outcome.errors, *self._later.errors], disconnect.gone)
        if not disconnect.gone:
            await send(_body(_written(orjson.dumps(last)) + b"--\r\n", more=False))

    async def _send_all_but_last(self, send: Send) -> dict[str, Any]:
        if (left := self._context.read_log.time_left()) is not None:
            self._until = asyncio.get_running_loop().time() + left
        parts = self._later.parts()
        with self._draining.told(self._end_soon) if self._draining else nullcontext():
            # The time limit applies to making a part, not to sending it, so that no part is cut off.
            while (part := await self._in_time(parts)) and part["hasNext"]:
                await send(_body(_written(orjson.dumps(part))))
        if part:
            return part
        if self._draining and self._draining.begun:
            return self._later.cut_short(_error("UPSTREAM_UNAVAILABLE", "The facade is shutting down. Try again."))
        return self._later.cut_short(_error("UPSTREAM_TIMEOUT", "The operation's time limit ended. Ask for less."))

    async def _in_time(self, parts: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
        """Return the next part; None if the time limit has passed."""
        try:
            async with asyncio.timeout_at(self._until) as limit:
                self._limit = limit
                try:
                    return await anext(parts)
                finally:
                    self._limit = None
        except TimeoutError:
            if not limit.expired():
                raise
            return None

    def _end_soon(self) -> None:
        soon = asyncio.get_running_loop().time() + AT_THE_END
        self._until = soon if self._until is None else min(self._until, soon)
        if self._limit and not self._limit.expired():
            self._limit.reschedule(self._until)


def _written(part: bytes) -> bytes:
    return b"".join((_HEAD, part, _BOUNDARY))


def _body(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _error(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
