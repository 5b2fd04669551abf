"""Count the operations and legacy calls of clients, and serve the counts to the operator at `GET /api/usage`."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from graphql import GraphQLSchema
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from ...butlr import jwt_claims
from ...execution.field_names import OperationFields, field_names
from ...legacy.successors import LegacyCall
from ...legacy.usage import (
    CLIENT_HEADERS,
    KEPT_DAYS,
    LONGEST_NAME,
    DailyCount,
    Usage,
    UsageUnavailableError,
    field_summary,
    summary,
)
from ..json_responses import fleeting, message
from ..metrics import Metrics
from ..middleware.audit import noted as noted_operation

PATH = "/api/usage"
FIELDS_PATH = "/api/usage/fields"
# Key of the ASGI scope for the operation of a request.
SELECTED = "facade.selected"
# Key of the ASGI scope for the legacy call of a request.
NOTED = "facade.legacy"

Handler = Callable[[Request], Awaitable[Response]]


def noted(handler: Handler, call: LegacyCall) -> Handler:
    """Wrap the handler of a current call, so that it is counted and its answer names the equal operation."""

    async def handle(request: Request) -> Response:
        request.scope[NOTED] = call
        response = await handler(request)
        if call.operation:
            response.headers["X-Successor-Operation"] = call.operation
        return response

    return handle


class CountsUsage:
    """Counts operations and legacy calls by client, in `usage`.

    In `metrics` only legacy calls are counted, by path, since a client's name must not be a label.
    """

    def __init__(self, usage: Usage, metrics: Metrics, *, tenant_claim: str) -> None:
        self._usage = usage
        self._metrics = metrics
        self._tenant_claim = tenant_claim

    def count(self, scope: Scope, status: int) -> None:
        if call := scope.get(NOTED):
            self._count_call(call, Headers(scope=scope), status)
        elif selected := scope.get(SELECTED):
            headers = dict(scope["headers"])
            self._usage.operation(
                selected,
                noted_operation(scope).get("outcome", "refused"),
                tuple(headers.get(name, b"") for name in CLIENT_HEADERS),
            )

    def cache_hit(self, selected: OperationFields, headers: Mapping[bytes, bytes]) -> None:
        """Count an operation that the response cache answered."""
        self._usage.operation(selected, "ok", tuple(headers.get(name, b"") for name in CLIENT_HEADERS))

    def _count_call(self, call: LegacyCall, headers: Headers, status: int) -> None:
        statuses = f"{status // 100}xx"
        # A claim in a token can be made up. Only an accepted token proves it.
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
    """Serves the counts of all tenants, so it needs a key of its own. Without such a key it is not served."""

    def __init__(self, usage: Usage, key: str, schema: GraphQLSchema) -> None:
        self._usage = usage
        self._key = sha256(key.encode()).digest()
        self._fields = field_names(schema)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(PATH, partial(self._answer, summary), methods=["GET"]),
            Route(FIELDS_PATH, partial(self._answer, partial(field_summary, self._fields)), methods=["GET"]),
        ]

    async def _answer(self, told: Callable[[list[DailyCount], int], dict[str, Any]], request: Request) -> Response:
        if not self._is_operator(request.headers):
            return message(401, "Send FACADE_USAGE_KEY as `Authorization: Bearer …`.", {"WWW-Authenticate": "Bearer"})
        written = request.query_params.get("days", "7")
        if not (written.isascii() and written.isdigit() and 1 <= int(written[:4]) <= KEPT_DAYS):
            return message(400, f"`days` must be a number from 1 to {KEPT_DAYS}.")
        try:
            answer = told(await self._usage.counted(int(written)), int(written))
        except UsageUnavailableError as exc:
            return message(503, str(exc))
        return fleeting(200, answer)

    def _is_operator(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = sha256(key.strip().encode()).digest()
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._key)
