"""`/mcp`: streamable HTTP without sessions, so that any replica can answer any request."""

from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from ..auth import Caller
from ..butlr import RateLimited, Unauthenticated
from ..loaders import Services
from ..web.admission import Admission
from ..web.graphql_request import BadRequest, read_body, read_json
from ..web.json_responses import message
from ..web.metrics import Metrics
from ..web.middleware.audit import note
from ..web.middleware.csrf import is_foreign
from ..web.middleware.prefix import prefix_of
from .asking import Asker
from .server import Agents, agents_services

PATH = "/mcp"
_CALLER = "facade.agents.caller"
NOBODY = "This needs a token: send it as `Authorization: Bearer …`."


class AgentsEndpoint:
    """An ASGI app: authenticates and counts the caller as elsewhere, then passes the request to MCP's own transport."""

    def __init__(
        self,
        agents: Agents,
        services: Callable[[], Services],
        admission: Admission,
        *,
        max_body_bytes: int,
        operation_timeout: float | None = None,
        cors_origins: Container[str] = (),
        metrics: Metrics | None = None,
    ) -> None:
        self._agents = agents
        self._services = services
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        self._operation_timeout = operation_timeout
        self._cors_origins = cors_origins
        self._metrics = metrics
        self._manager: StreamableHTTPSessionManager | None = None

    def route(self) -> BaseRoute:
        return Route(PATH, self)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        manager = StreamableHTTPSessionManager(
            self._agents.server(self._asker, self._called),
            json_response=True,
            stateless=True,
            max_request_body_size=self._max_body_bytes,
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        note(scope, type="mcp")
        try:
            body = await self._admitted(request)
        except (BadRequest, RateLimited, Unauthenticated) as error:
            note(scope, outcome="refused", codes=[getattr(error, "code", "BAD_USER_INPUT")])
            await _refused(error)(scope, receive, send)
            return
        if self._manager is None:
            raise RuntimeError("the facade is not open")
        await self._manager.handle_request(scope, _replayed(body, receive), send)

    async def _admitted(self, request: Request) -> bytes:
        """Admit the caller and return the body. Raises `BadRequest`, `RateLimited` and `Unauthenticated`."""
        if request.method != "POST":
            # The server pushes nothing (GET), and has no session to end (DELETE).
            raise BadRequest(
                405, "Use POST: this server keeps no session and sends nothing unasked.", {"Allow": "POST"}
            )
        if is_foreign(request.headers, self._cors_origins):
            raise BadRequest(403, "A page of another site made this request. FACADE_CORS_ORIGINS names those that may.")
        caller = await self._admission.caller(request)
        if caller is None:
            raise Unauthenticated(NOBODY)
        body = await read_body(request, self._max_body_bytes)
        try:
            read_json(body)
        except ValueError as exc:
            raise BadRequest(400, f"The body is not JSON: {exc}.") from exc
        request.scope[_CALLER] = caller
        return body

    def _asker(self, context: Any) -> Asker:
        scope: Scope = context.request.scope
        caller: Caller = scope[_CALLER]
        base = str(context.request.base_url).rstrip("/")
        asker = Asker(
            self._agents.engine,
            agents_services(self._services()),
            caller,
            scope.get("request_id", ""),
            timeout=self._operation_timeout,
            address=f"{base}{prefix_of(scope)}",
        )
        scope["facade.read_log"] = asker.read_log
        return asker

    def _called(self, context: Any, tool: str, asker: Asker, outcome: str) -> None:
        note(context.request.scope, operation=tool, outcome=outcome, cost=asker.cost, codes=sorted(asker.codes))
        if self._metrics:
            self._metrics.operation("mcp", outcome, asker.cost)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first gives a body that was read already, then the real messages."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _refused(error: BadRequest | RateLimited | Unauthenticated) -> Response:
    match error:
        case BadRequest():
            return message(error.status, str(error), error.headers)
        case RateLimited():
            return message(429, str(error), {"Retry-After": f"{error.retry_after:.0f}"})
        case Unauthenticated():
            headers = {"WWW-Authenticate": "Bearer"}
            if error.retry_after is not None:
                headers["Retry-After"] = f"{error.retry_after:.0f}"
            return message(401, str(error), headers)
