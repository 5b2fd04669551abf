"""Counting legacy calls, and `GET /api/usage`, which tells the operator of them."""

import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...butlr import jwt_claims
from ...legacy.successors import LegacyCall
from ...legacy.usage import KEPT_DAYS, Usage, UsageUnavailableError, summary
from ..json_responses import fleeting, message
from ..metrics import Metrics

PATH = "/api/usage"
# Where a call is noted for whoever counts requests.
NOTED = "facade.legacy"
LONGEST_NAME = 100

Handler = Callable[[Request], Awaitable[Response]]


def noted(handler: Handler, call: LegacyCall) -> Handler:
    """The handler of a call that lives, which also names the operation that takes its place."""

    async def handle(request: Request) -> Response:
        request.scope[NOTED] = call
        response = await handler(request)
        if call.operation:
            response.headers["X-Successor-Operation"] = call.operation
        return response

    return handle


class CountsLegacy:
    """Counts legacy calls by who made them, in `usage`, and by path alone in `metrics`: agents are no label."""

    def __init__(self, usage: Usage, metrics: Metrics, *, tenant_claim: str) -> None:
        self._usage = usage
        self._metrics = metrics
        self._tenant_claim = tenant_claim

    def count(self, call: LegacyCall, headers: Headers, status: int) -> None:
        statuses = f"{status // 100}xx"
        # Anyone may write a claim into a token; that it was taken says that it is theirs.
        client = self._client(headers) if status < 400 else ""
        agent = _name(headers.get("user-agent", ""))
        self._usage.note(("call", client, agent, call.path, call.operation or "", statuses))
        self._metrics.legacy(call.path, call.operation or "-", statuses)

    def _client(self, headers: Headers) -> str:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        claims = (jwt_claims(token.strip()) if scheme.lower() == "bearer" else None) or {}
        client = claims.get(self._tenant_claim) or claims.get("azp")
        return _name(client) if isinstance(client, str) else ""


def _name(text: str) -> str:
    return "".join(char for char in text[:LONGEST_NAME] if char.isprintable())


class UsageEndpoint:
    """Counts of all tenants, so it takes a key of its own that no client has; without one it is not there."""

    def __init__(self, usage: Usage, key: str) -> None:
        self._usage = usage
        self._key = sha256(key.encode()).digest()

    def route(self) -> BaseRoute:
        return Route(PATH, self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        if not self._is_operator(request.headers):
            return message(401, "Send FACADE_USAGE_KEY as `Authorization: Bearer …`.", {"WWW-Authenticate": "Bearer"})
        written = request.query_params.get("days", "7")
        if not (written.isascii() and written.isdigit() and 1 <= int(written[:4]) <= KEPT_DAYS):
            return message(400, f"`days` must be a number from 1 to {KEPT_DAYS}.")
        try:
            answer = summary(await self._usage.counted(int(written)), int(written))
        except UsageUnavailableError as exc:
            return message(503, str(exc))
        return fleeting(200, answer)

    def _is_operator(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = sha256(key.strip().encode()).digest()
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._key)
