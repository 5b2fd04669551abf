"""Request ids, security headers, the access log, and the count of requests in the metrics."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ... import tracing
from ...causes import TIMES, Cause
from ...logs import UPSTREAM_FAILED, AccessLog
from ..metrics import METHODS, Metrics
from ..rest.usage import CountsUsage
from .audit import CAUSES
from .audit import NOTED as NOTED_OPERATION

log = structlog.get_logger(__name__)

# Characters of a document's hash in the log, enough to identify it.
SHORT = 12
_USABLE_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)

NOTHING_TO_LOAD = "default-src 'none'; frame-ancestors 'none'"
# Scripts get no policy here, since a web worker would be bound by that of its script. Pages have their own policy.
SCRIPTS = ("text/javascript", "application/javascript")


def secure(headers: MutableHeaders) -> None:
    """Add security headers, so that a browser neither runs nor frames an answer."""
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    if not headers.get("content-type", "").startswith(SCRIPTS):
        headers.setdefault("Content-Security-Policy", NOTHING_TO_LOAD)


class AccessLogging:
    """ASGI middleware: `X-Request-Id`, the caller's own if it is valid, and one log line for each request."""

    def __init__(
        self, app: ASGIApp, access: AccessLog, metrics: Metrics | None = None, usage: CountsUsage | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._metrics = metrics
        self._usage = usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        request_id = id_of(given.get("x-request-id", ""))
        scope["request_id"] = request_id
        scope[NOTED_OPERATION] = {}
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

        if self._metrics:
            self._metrics.gauges.in_flight.inc()
        with tracing.span(scope["method"], "server", parent=given) as span:
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - began
                span.set(_attributes(scope, status, request_id))
                if status >= 500:
                    span.failed(str(status))
                self._log(scope, request_id, status, seconds)
                if self._metrics:
                    self._metrics.gauges.in_flight.dec()
                    self._count(self._metrics, scope, status, seconds)
                if self._usage:
                    self._usage.count(scope, status)

    def _count(self, metrics: Metrics, scope: Scope, status: int, seconds: float) -> None:
        read_log = scope.get("facade.read_log")
        cache = read_log.status if read_log else None
        metrics.request(_route_of(scope), scope["method"], status, seconds, str(cache) if cache else None)

    def _log(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        read_log = scope.get("facade.read_log")
        more = {"cache": str(read_log.status or "-"), "calls": read_log.calls} if read_log else {}
        if read_log and read_log.slowest:
            name, waited = read_log.slowest
            more |= {"slowest": name, "slowest_ms": round(waited * 1000, 1)}
        causes: list[Cause] = scope.get(CAUSES, [])
        for cause in causes:
            if cause.is_upstream:
                log.warning(
                    UPSTREAM_FAILED,
                    code=cause.code,
                    count=cause.count,
                    # The log is ASCII only.
                    where=cause.where.replace(TIMES, "x"),
                    error=cause.message,
                    request_id=request_id,
                )
        # Only the path, since a query string may hold private data.
        self._access(
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=request_id,
            **log_fields_of(scope.get(NOTED_OPERATION, {}), causes),
            **more,
            **tracing.ids(),
        )


def log_fields_of(noted: Mapping[str, Any], causes: Sequence[Cause] = ()) -> dict[str, Any]:
    """Return the fields of a log line about an operation: its name, hash, outcome, errors and cost."""
    said = {name: noted[name] for name in ("type", "operation", "outcome", "cost") if noted.get(name) is not None}
    if noted.get("document"):
        said["document"] = noted["document"][:SHORT]
    counts: Counter[str] = Counter()
    for cause in causes:
        counts[cause.code] += cause.count
    codes = dict(counts) or dict.fromkeys(noted.get("codes", ()), 1)
    return {**said, "codes": codes} if codes else said


def _attributes(scope: Scope, status: int, request_id: str) -> tracing.Attributes:
    read_log, noted = scope.get("facade.read_log"), scope.get(NOTED_OPERATION, {})
    host, port = scope.get("server") or (None, None)
    return {
        "http.request.method": scope["method"] if scope["method"] in METHODS else "_OTHER",
        "http.route": _route_of(scope),
        "http.response.status_code": status,
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme"),
        "server.address": host,
        "server.port": port,
        "facade.request_id": request_id,
        "facade.cache": str(read_log.status) if read_log and read_log.status else None,
        "facade.calls": read_log.calls if read_log else None,
        "facade.points": noted.get("cost"),
    }


def id_of(given: str) -> str:
    """Return the caller's id of a request if it is valid, else a new one."""
    return given if _USABLE_ID.fullmatch(given) else token_hex(16)


def _route_of(scope: Scope) -> str:
    """Return the path template of the route, since each path that a client wrote would be a metrics series."""
    return getattr(scope.get("route"), "path", "") or "-"
