"""One connection of the protocol `graphql-transport-ws`: its messages and its running operations."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ...auth import Caller
from ...butlr import RateLimited, Unauthenticated
from ...execution import Engine, why_unexplained
from ...execution.documents import ParsedDocument
from ..admission import Admission
from ..direct import DIRECT
from ..graphql_refusals import NOT_EXPLAINED, operation_attributes
from ..graphql_request import BadRequest, GraphQLRequest, read_json, request_of
from ..middleware.access_log import id_of
from ..middleware.audit import NOTED, AuditLog, note, note_caller, note_document, note_errors, noted, record
from ..middleware.draining import Draining
from ..rest.usage import SELECTED, CountsUsage
from ..trusted_documents import DocumentNotFound, Persisted, Trusted
from .close_codes import (
    BAD_MESSAGE,
    FORBIDDEN,
    ID_TAKEN,
    INIT_AGAIN,
    INIT_LATE,
    RESTART,
    TOO_LARGE,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    Closed,
)
from .messages import Messages
from .stream import SEND_WITHIN, Streams, SubscribedOperation

# Seconds within which a client must send `connection_init`.
INIT_WITHIN = 10.0
MOST_OPERATIONS = 100
NOT_READ = "What was sent is not read."


@dataclass(frozen=True, slots=True)
class SocketSetup:
    """The parts and settings that all connections share."""

    engine: Engine
    streams: Streams
    admission: Admission
    documents: Trusted | Persisted
    max_body_bytes: int
    explain: bool = True
    draining: Draining | None = None
    audit: AuditLog | None = None
    usage: CountsUsage | None = None
    init_within: float = INIT_WITHIN

    def require_explaining(self, params: GraphQLRequest) -> None:
        if params.explain and not self.explain:
            raise BadRequest(400, NOT_EXPLAINED)


class Connection:
    """One client's connection and its running operations."""

    def __init__(self, setup: SocketSetup, socket: WebSocket) -> None:
        self._setup, self._socket = setup, socket
        self._caller: Caller | None = None
        self._headers = socket.headers
        self._address = socket.client.host if socket.client else "-"
        self._is_acknowledged = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._closing: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait((reading, self._closing), return_when=asyncio.FIRST_COMPLETED)
            closed: Closed | None = self._closing.result() if self._closing.done() else _why(reading)
        finally:
            for task in (reading, *self._operations.values()):
                task.cancel()
            await asyncio.gather(reading, *self._operations.values(), return_exceptions=True)
        if closed is not None and self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, TimeoutError):
                async with asyncio.timeout(SEND_WITHIN):
                    await self._socket.close(closed.code, closed.reason)

    async def _read(self) -> None:
        if self._setup.draining:
            with self._setup.draining.told(lambda: self._close(Closed(RESTART, "Service Restart"))):
                await self._read_all()
        else:
            await self._read_all()

    async def _read_all(self) -> None:
        try:
            async with asyncio.timeout(self._setup.init_within):
                while not self._is_acknowledged:
                    await self._hear(await self._message())
        except TimeoutError:
            raise Closed(INIT_LATE, "Connection initialisation timeout") from None
        while True:
            await self._hear(await self._message())

    def _close(self, closed: Closed) -> None:
        if not self._closing.done():
            self._closing.set_result(closed)

    async def _message(self) -> dict[str, Any]:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise Closed(BAD_MESSAGE, "Messages are JSON as text.")
        if len(text) > self._setup.max_body_bytes:
            raise Closed(TOO_LARGE, f"A message is larger than {self._setup.max_body_bytes} bytes.")
        try:
            message = read_json(text.encode())
        except (ValueError, BadRequest):
            raise Closed(BAD_MESSAGE, "A message is not JSON.") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closed(BAD_MESSAGE, "A message is an object with `type`.")
        payload = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise Closed(BAD_MESSAGE, "`payload` is an object.")
        return message

    async def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._init(message.get("payload") or {})
            case "ping":
                await self._send(
                    {"type": "pong", **({"payload": message["payload"]} if message.get("payload") else {})}
                )
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                if (task := self._operations.pop(str(message.get("id")), None)) is not None:
                    task.cancel()
            case other:
                raise Closed(BAD_MESSAGE, f"There is no message of type {other[:30]!r}.")

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._is_acknowledged:
            raise Closed(INIT_AGAIN, "Too many initialisation requests")
        # Browsers cannot set headers of a WebSocket request, so the payload may contain them.
        given = {str(name).lower(): value for name, value in payload.items() if isinstance(value, str)}
        if isinstance(headers := payload.get("headers"), dict):
            given |= {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}
        credentials: dict[str, str] = {name: given[name] for name in ("authorization", "x-api-key") if name in given}
        self._headers = Headers(dict(self._socket.headers) | credentials)
        try:
            self._caller = await self._setup.admission.known(self._headers, self._address)
        except (RateLimited, Unauthenticated) as error:
            raise Closed(FORBIDDEN, str(error)[:120]) from None
        self._is_acknowledged = True
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._is_acknowledged:
            raise Closed(UNAUTHORIZED, "Unauthorized")
        id_ = message.get("id")
        if not isinstance(id_, str) or not id_ or len(id_) > 200:
            raise Closed(BAD_MESSAGE, "`id` is text.")
        if id_ in self._operations:
            raise Closed(ID_TAKEN, f"Subscriber for {id_[:80]} already exists")
        if len(self._operations) >= MOST_OPERATIONS:
            refusal = GraphQLError(
                f"At most {MOST_OPERATIONS} operations are under way on a connection.",
                extensions={"code": "RATE_LIMITED"},
            )
            await self._send({"id": id_, "type": "error", "payload": [refusal.formatted]})
            return
        task = self._operations[id_] = asyncio.create_task(self._run(id_, message.get("payload") or {}))
        task.add_done_callback(lambda _: self._operations.pop(id_, None) if self._operations.get(id_) is task else None)

    async def _run(self, id_: str, payload: dict[str, Any]) -> None:
        request_id = id_of("")
        # Middleware does not see single operations, so they are logged from a scope of their own.
        scope: Scope = {"type": "websocket", "headers": self._socket.scope["headers"], NOTED: {}}
        note(scope, type="graphql")
        try:
            await self._run_noted(id_, payload, request_id, scope)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            # The client does not read, or has disconnected.
            self._close(Closed(TRY_AGAIN_LATER, NOT_READ))
        finally:
            if self._setup.audit and noted(scope):
                calls = noted(scope).pop("calls", 0)
                self._setup.audit.write(record(noted(scope), request_id, status=101, calls=calls))
            if self._setup.usage:
                self._setup.usage.count(scope, 101)

    async def _run_noted(self, id_: str, payload: dict[str, Any], request_id: str, scope: Scope) -> None:
        setup = self._setup
        note_caller(scope, self._caller)
        note(scope, outcome="left")
        try:
            await setup.admission.count(self._caller, self._address)
            params = request_of(payload)
            setup.require_explaining(params)
            text = setup.documents.text(params)
            document = setup.engine.document(text)
            require_explained(document, params)
        except (BadRequest, DocumentNotFound, RateLimited) as error:
            code = getattr(error, "code", "BAD_USER_INPUT")
            note(scope, outcome="refused", codes=[code])
            refusal = GraphQLError(str(error), extensions=getattr(error, "extensions", {"code": code}))
            await self._send({"id": id_, "type": "error", "payload": [refusal.formatted]})
            return
        name = document.operation_name(params.operation_name)
        attributes = operation_attributes(document.operation_type(params.operation_name), name, text)
        scope[SELECTED] = setup.engine.selected(document, text, params.operation_name)
        operation = SubscribedOperation(document, params, self._caller, request_id, params.resume, attributes)
        note_document(scope, text, name)
        note(scope, type=operation.type.value if operation.type else "graphql")
        try:
            await self._send_all(id_, operation, scope)
        finally:
            note(scope, cost=operation.spent.cost, calls=operation.spent.calls)

    async def _send_all(self, id_: str, operation: SubscribedOperation, scope: Scope) -> None:
        streams = self._setup.streams
        direct = self._socket.scope.get(DIRECT)
        messages = Messages(self.send_text, direct, id_, operation, self._setup.engine.cost_limit)
        ended = await streams.run(operation, messages, messages.take_at_once if direct else None)
        note(scope, outcome=ended.how)
        note_errors(scope, ended.errors)
        streams.ended(operation, ended.how, ended.errors)
        match ended.how:
            case "restarted":
                self._close(Closed(RESTART, "Service Restart"))
            case "slow":
                self._close(Closed(TRY_AGAIN_LATER, NOT_READ))
            case "ok" | "partial":
                await self._send({"id": id_, "type": "complete"})

    async def _send(self, message: dict[str, Any]) -> None:
        """Send a message. Raises TimeoutError if the client does not read."""
        async with asyncio.timeout(SEND_WITHIN):
            await self.send_text(orjson.dumps(message))

    async def send_text(self, text: bytes) -> None:
        await self._socket.send_text(text.decode())


def require_explained(document: ParsedDocument, params: GraphQLRequest) -> None:
    if params.explain and (why := why_unexplained(document, params.operation_name)):
        raise BadRequest(400, why)


def _why(reading: asyncio.Task[None]) -> Closed | None:
    error = reading.exception()
    if isinstance(error, Closed):
        return error
    if error is None or isinstance(error, WebSocketDisconnect):
        return None
    raise error
