"""The GraphQL endpoint: the GraphQL-over-HTTP specification, and what the cache says of an answer."""

import math
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
from graphql import GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..butlr import Unauthenticated
from ..loaders import Services
from ..schema import Context, Engine, Outcome
from ..upstream import Caller, Ledger
from .callers import Callers
from .graphiql import GraphiQL
from .params import HTML_TYPE, JSON_TYPE, RESPONSE_TYPE, BadRequest, Params, accepted, read_params

VARY = "Authorization, X-API-Key, Accept, Accept-Encoding"


class GraphQLEndpoint:
    """An ASGI app for `/graphql`."""

    def __init__(
        self,
        engine: Engine,
        services: Callable[[], Services],
        callers: Callable[[], Callers],
        *,
        graphiql: GraphiQL | None,
        max_body_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._services = services
        self._callers = callers
        self._graphiql = graphiql
        self._max_body_bytes = max_body_bytes
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.setdefault("Vary", VARY)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media = accepted(request.headers.get("accept"))
        if request.method not in ("GET", "POST"):
            return _refusal(BadRequest(405, "Use GET or POST.", {"Allow": "GET, POST"}), JSON_TYPE)
        if media == HTML_TYPE:
            if request.method == "GET" and self._graphiql and "query" not in request.query_params:
                return self._graphiql.page()
            media = JSON_TYPE
        if media is None:
            return _refusal(BadRequest(406, f"Accept {RESPONSE_TYPE} or {JSON_TYPE}."), JSON_TYPE)
        try:
            params = await read_params(request, self._max_body_bytes)
            caller = self._callers().of(request.headers)
        except BadRequest as refused:
            return _refusal(refused, media)
        except Unauthenticated as error:
            return _refusal(BadRequest(401, str(error), {"WWW-Authenticate": "Bearer"}), media, code=error.code)
        return await self._execute(request, params, caller, media)

    async def _execute(self, request: Request, params: Params, caller: Caller | None, media: str) -> Response:
        document = self._engine.document(params.query)
        operation = document.operation_type(params.operation_name)
        if request.method == "GET" and operation is not None and operation is not OperationType.QUERY:
            return _refusal(
                BadRequest(405, f"A {operation.value} needs POST; GET runs queries only.", {"Allow": "POST"}),
                media,
            )
        ledger = Ledger(fresh="no-cache" in request.headers.get("cache-control", "").lower())
        context = Context(self._services(), caller, ledger, request.scope.get("request_id", ""))
        try:
            outcome = await self._engine.run(document, params.variables, params.operation_name, context)
        finally:
            context.close()
        request.scope["facade.ledger"] = ledger
        headers = self._cache_headers(outcome, ledger, operation)
        body = orjson.dumps(outcome.as_json())
        status = 200 if outcome.executed or media == JSON_TYPE else 400
        if request.method == "GET" and outcome.executed and not outcome.errors:
            etag = f'"{sha256(media.encode() + body).hexdigest()[:32]}"'
            headers["ETag"] = etag
            if etag in _tags(request.headers.get("if-none-match", "")):
                return Response(status_code=304, headers=headers)
        return Response(body, status, headers, media_type=f"{media}; charset=utf-8")

    def _cache_headers(self, outcome: Outcome, ledger: Ledger, operation: OperationType | None) -> dict[str, str]:
        if operation is not OperationType.QUERY or not outcome.executed:
            return {"Cache-Control": "no-store"}
        status = ledger.status
        headers: dict[str, str] = {} if status is None else {"X-Cache": status.value}
        if outcome.errors or status is None:
            headers["Cache-Control"] = "no-store"
            return headers
        now = self._clock()
        fresh_for = max(0, math.floor((ledger.fresh_until or now) - now))
        headers["Cache-Control"] = f"private, max-age={fresh_for}"
        headers["Age"] = str(max(0, math.floor(now - (ledger.oldest or now))))
        return headers


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _refusal(refused: BadRequest, media: str, *, code: str = "BAD_USER_INPUT") -> Response:
    """A request that is no GraphQL request: its status says so in either media type."""
    error = GraphQLError(str(refused), extensions={"code": code})
    answer: dict[str, Any] = {"errors": [error.formatted]}
    return Response(
        orjson.dumps(answer),
        refused.status,
        {**refused.headers, "Cache-Control": "no-store"},
        media_type=f"{media}; charset=utf-8",
    )
