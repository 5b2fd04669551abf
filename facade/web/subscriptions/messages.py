"""The answers of one operation as messages of `graphql-transport-ws`."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import orjson

from ...execution import Outcome, SharedAnswer
from ..direct import Direct
from .stream import SubscribedOperation, body_of

# The key of a body among the frames of a shared answer. Each message has an id of its own beside it.
BODY = "application/json"


class Messages:
    """`limit` is of the cost. `direct` writes messages at once where the server can."""

    def __init__(
        self,
        send_text: Callable[[bytes], Awaitable[None]],
        direct: Direct | None,
        id_: str,
        operation: SubscribedOperation,
        limit: int,
    ) -> None:
        self._send_text, self._direct = send_text, direct
        self._id, self._operation, self._limit = orjson.dumps(id_), operation, limit
        self._is_told = operation.params.explain is not None

    async def begin(self) -> None:
        pass

    async def take(self, outcome: Outcome) -> None:
        if not outcome.executed:
            errors = orjson.dumps([error.formatted for error in outcome.errors])
            await self._send_text(b'{"id":%b,"type":"error","payload":%b}' % (self._id, errors))
            return
        if not self._is_told:
            # What HTTP says in a header.
            outcome = replace(outcome, cost=(self._operation.spent.cost, self._limit), written=())
            self._is_told = True
        await self._send_text(self._next(body_of(outcome)))

    def take_at_once(self, answer: SharedAnswer) -> bool:
        """Take an answer without waiting, or return False."""
        if self._direct is None:
            return False
        body = answer.frames.get(BODY)
        if body is None:
            body = answer.frames[BODY] = body_of(answer.outcome)
        return self._direct.write(self._direct.chunk(self._next(body)))

    async def beat(self) -> None:
        await self._send_text(b'{"type":"ping"}')

    def _next(self, body: bytes) -> bytes:
        return b'{"id":%b,"type":"next","payload":%b}' % (self._id, body)
