"""What every request gets: an id, headers that browsers obey, a line in the access log, a count in the metrics."""

import re
import time
from secrets import token_hex

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..logs import AccessLog
from .metrics import Metrics
from .usage import NOTED, CountsLegacy

_USABLE_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)

NOTHING_TO_LOAD = "default-src 'none'; frame-ancestors 'none'"
# A worker would be held to the policy its script came with. Pages that load something bring a policy of their own.
SCRIPTS = ("text/javascript", "application/javascript")


def secure(headers: MutableHeaders) -> None:
    """Add what keeps a browser from making more of an answer than it is."""
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    if not headers.get("content-type", "").startswith(SCRIPTS):
        headers.setdefault("Content-Security-Policy", NOTHING_TO_LOAD)


class RequestLog:
    """ASGI middleware: `X-Request-Id`, kept when the caller sends a usable one, and one log line a request."""

    def __init__(
        self, app: ASGIApp, access: AccessLog, metrics: Metrics | None = None, legacy: CountsLegacy | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._metrics = metrics
        self._legacy = legacy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = id_of(Headers(scope=scope).get("x-request-id", ""))
        scope["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                secure(headers)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            self._log(scope, request_id, status, seconds)
            if self._metrics:
                self._count(self._metrics, scope, status, seconds)
            if self._legacy and NOTED in scope:
                self._legacy.count(scope[NOTED], Headers(scope=scope), status)

    def _count(self, metrics: Metrics, scope: Scope, status: int, seconds: float) -> None:
        ledger = scope.get("facade.ledger")
        cache = ledger.status if ledger else None
        metrics.request(_route_of(scope), scope["method"], status, seconds, str(cache) if cache else None)

    def _log(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        ledger = scope.get("facade.ledger")
        more = {"cache": str(ledger.status or "-"), "calls": ledger.calls} if ledger else {}
        # The path alone: a query string may hold what is nobody else's to read.
        self._access(
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=request_id,
            **more,
        )


def id_of(given: str) -> str:
    """The caller's own id of a request, or a new one."""
    return given if _USABLE_ID.fullmatch(given) else token_hex(16)


def _route_of(scope: Scope) -> str:
    """The path as the route has it: what a client wrote there would be a series each."""
    return getattr(scope.get("route"), "path", "") or "-"
