"""Subscriptions over HTTP: server-sent events (GraphQL over SSE, distinct connections), and multipart/mixed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...execution import Outcome, SharedAnswer
from ..cache_headers import NEVER_KEPT
from ..direct import DIRECT, Direct
from ..disconnect import Disconnect
from .stream import RETRY, SEND_WITHIN, Ended, Streams, SubscribedOperation, body_of

SSE_TYPE = "text/event-stream"
RESTARTING = "This process is about to end. Subscribe again, and another serves you."


class Framing(Protocol):
    """Writes the answers of a stream as frames of one media type."""

    media_type: str
    first: bytes

    def answer(self, outcome: Outcome) -> bytes: ...
    def failed(self, outcome: Outcome) -> bytes: ...
    def beat(self) -> bytes: ...
    def complete(self) -> bytes: ...
    def restart(self) -> bytes: ...


class ServerSentEvents:
    media_type = SSE_TYPE
    # A browser reports the stream as open only once it has received something.
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
        # Not an event: clients treat an event that they do not know as a permanent error.
        return b"retry: %d\n\n" % RETRY


class Multipart:
    """`multipart/mixed;subscriptionSpec=1.0`, the format of Apollo's clients and routers."""

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
        # The boundary follows its part at once, since a client needs it to deliver the part.
        return b"\r\nContent-Type: application/json\r\n\r\n%b\r\n--graphql" % body


class StreamResponse(Response):
    """Sends each answer of an operation as it comes. `ended` is called with how the stream ended and its errors."""

    def __init__(
        self,
        streams: Streams,
        operation: SubscribedOperation,
        framing: Framing,
        ended: Callable[[str, Sequence[GraphQLError]], None],
    ) -> None:
        # `X-Accel-Buffering: no` tells proxies not to hold events back.
        super().__init__(headers={**NEVER_KEPT, "X-Accel-Buffering": "no"}, media_type=framing.media_type)
        del self.headers["Content-Length"]
        self.headers["Content-Type"] = framing.media_type
        self._streams, self._operation, self._framing, self._ended = streams, operation, framing, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sink = _Body(self._framing, send, scope.get(DIRECT))
        ended: Ended | None = None
        async with Disconnect(receive) as disconnect:
            disconnect.watch()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            ended = await self._streams.run(self._operation, sink, sink.take_at_once)
        if disconnect.gone or ended is None:
            self._ended("left", ended.errors if ended else ())
            return
        self._ended(ended.how, ended.errors)
        if ended.how == "slow":
            return
        last = self._framing.restart() if ended.how == "restarted" else self._framing.complete()
        async with asyncio.timeout(SEND_WITHIN):
            await sink.send(last, more=False)


class _Body:
    """Sends the body of a response frame by frame."""

    def __init__(self, framing: Framing, send: Send, direct: Direct | None) -> None:
        self._framing, self._send, self._direct = framing, send, direct

    async def begin(self) -> None:
        await self.send(self._framing.first)

    async def take(self, outcome: Outcome) -> None:
        body = self._framing.answer(outcome) if outcome.executed else self._framing.failed(outcome)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    @property
    def take_at_once(self) -> Callable[[SharedAnswer], bool] | None:
        """Takes an answer without waiting, or returns False; None where the server has no way for that."""
        direct, framing = self._direct, self._framing
        if direct is None:
            return None

        def take(answer: SharedAnswer) -> bool:
            frame = answer.frames.get(framing.media_type)
            if frame is None:
                frame = answer.frames[framing.media_type] = direct.chunk(framing.answer(answer.outcome))
            return direct.write(frame)

        return take

    async def beat(self) -> None:
        await self.send(self._framing.beat())

    async def send(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def framing_of(accept: str | None) -> Framing | None:
    """Return the framing of the first media type in `Accept` that is one of a stream; None if there is none."""
    for part in (accept or "").split(","):
        media, *parameters = (piece.strip().lower().replace('"', "") for piece in part.split(";"))
        if media == SSE_TYPE:
            return ServerSentEvents()
        if media == "multipart/mixed" and any(one.startswith("subscriptionspec=") for one in parameters):
            return Multipart()
    return None
