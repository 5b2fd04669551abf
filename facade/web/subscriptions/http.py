"""Subscriptions over HTTP: server-sent events (GraphQL over SSE, distinct connections), and multipart/mixed."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Protocol

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...execution import Outcome
from ..cache_headers import NEVER_KEPT
from ..disconnect import Disconnect
from .stream import RETRY, SEND_WITHIN, Ending, Streams, SubscribedOperation, body_of

SSE_TYPE = "text/event-stream"
RESTARTING = "This process is about to end. Subscribe again, and another serves you."


class Framing(Protocol):
    """How the answers of a stream are written."""

    media_type: str
    first: bytes

    def answer(self, outcome: Outcome) -> bytes: ...
    def failed(self, outcome: Outcome) -> bytes: ...
    def beat(self) -> bytes: ...
    def complete(self) -> bytes: ...
    def restart(self) -> bytes: ...


class ServerSentEvents:
    media_type = SSE_TYPE
    # Something at once: else a browser has nothing to open the stream with.
    first = b":\n\n"

    def answer(self, outcome: Outcome) -> bytes:
        id_ = f"id: {outcome.cursor}\n".encode() if outcome.cursor else b""
        return b"event: next\n%bdata: %b\n\n" % (id_, body_of(outcome))

    failed = answer

    def beat(self) -> bytes:
        return b":\n\n"

    def complete(self) -> bytes:
        return b"event: complete\ndata: \n\n"

    def restart(self) -> bytes:
        # Without an event, for clients take one that they do not know for an error that no retry mends.
        return b"retry: %d\n\n" % RETRY


class Multipart:
    """`multipart/mixed;subscriptionSpec=1.0`, as Apollo's clients and routers have it."""

    media_type = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    first = b"\r\n--graphql"

    def answer(self, outcome: Outcome) -> bytes:
        return self._part(b'{"payload":%b}' % body_of(outcome))

    def failed(self, outcome: Outcome) -> bytes:
        errors = orjson.dumps([error.formatted for error in outcome.errors])
        return self._part(b'{"payload":null,"errors":%b}' % errors)

    def beat(self) -> bytes:
        return self._part(b"{}")

    def complete(self) -> bytes:
        return b"--\r\n"

    def restart(self) -> bytes:
        error = GraphQLError(RESTARTING, extensions={"code": "UPSTREAM_UNAVAILABLE", "retryAfter": RETRY / 1000})
        return self._part(orjson.dumps({"payload": None, "errors": [error.formatted]})) + self.complete()

    @staticmethod
    def _part(body: bytes) -> bytes:
        # The boundary after a part and not before the next, or a client would have each only when the next comes.
        return b"\r\nContent-Type: application/json\r\n\r\n%b\r\n--graphql" % body


class StreamResponse(Response):
    """Sends the answers of an operation as they come. `ended` is told how it ended, and with what error codes."""

    def __init__(
        self,
        streams: Streams,
        operation: SubscribedOperation,
        framing: Framing,
        ended: Callable[[str, list[GraphQLError]], None],
    ) -> None:
        # Proxies that wait for more before they pass anything on would keep an event back.
        super().__init__(headers={**NEVER_KEPT, "X-Accel-Buffering": "no"}, media_type=framing.media_type)
        del self.headers["Content-Length"]
        self.headers["Content-Type"] = framing.media_type
        self._streams, self._operation, self._framing, self._ended = streams, operation, framing, ended

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        errors: list[GraphQLError] = []
        how = "ok"
        async with Disconnect(receive) as disconnect:
            disconnect.watch()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                how = await self._send_all(send, errors)
            except TimeoutError:
                how = "slow"
        self._ended("left" if disconnect.gone else how, errors)
        if not disconnect.gone and how != "slow":
            last = self._framing.restart() if how == "restarted" else self._framing.complete()
            await _within(send, last, more=False)

    async def _send_all(self, send: Send, errors: list[GraphQLError]) -> str:
        framing = self._framing
        await _within(send, framing.first)
        async with aclosing(self._streams.outcomes(self._operation)) as outcomes:
            try:
                async for outcome in outcomes:
                    if outcome is None:
                        await _within(send, framing.beat())
                        continue
                    errors += outcome.errors
                    await _within(send, framing.answer(outcome) if outcome.executed else framing.failed(outcome))
                    if not outcome.executed:
                        return "refused"
            except Ending:
                return "restarted"
        return "partial" if errors else "ok"


async def _within(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the client does not read."""
    async with asyncio.timeout(SEND_WITHIN):
        await send({"type": "http.response.body", "body": body, "more_body": more})


def framing_of(accept: str | None) -> Framing | None:
    """Return how a client takes a stream: as the first of the types it names that has one."""
    for part in (accept or "").split(","):
        media, *parameters = (piece.strip().lower().replace('"', "") for piece in part.split(";"))
        if media == SSE_TYPE:
            return ServerSentEvents()
        if media == "multipart/mixed" and any(one.startswith("subscriptionspec=") for one in parameters):
            return Multipart()
    return None
