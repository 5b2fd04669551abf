"""What every request gets: an id, and a line in the access log."""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

access = structlog.get_logger("facade.access")

_USABLE_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)


class RequestLog:
    """ASGI middleware: `X-Request-Id`, kept when the caller sends a usable one, and one log line a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _USABLE_ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._log(scope, request_id, status, time.perf_counter() - began)

    def _log(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        ledger = scope.get("facade.ledger")
        # The path alone: a query string may hold what is nobody else's to read.
        access.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=request_id,
            **({"cache": str(ledger.status or "-"), "calls": ledger.calls} if ledger else {}),
        )
