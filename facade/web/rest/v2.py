"""The ended v2 reads, served again from the graph: the answer of a GraphQL operation in the old shape.

The headers of every answer say when the call ended and what succeeds it.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import KW_ONLY, dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...auth import Caller
from ...butlr import RateLimited, Unauthenticated
from ...execution import Engine, Outcome
from ...graph import Context
from ...legacy import (
    FIXTURES_ENDED,
    PREFIX,
    READS,
    V2_ENDED,
    WRITES,
    GoneRead,
    RestRequest,
    V2Operation,
    V2Read,
    refused_write,
)
from ...legacy.successors import LegacyCall
from ...loaders import Services
from ...upstream import ReadLog
from ..admission import Admission
from ..cache_headers import cache_headers, etag_of, is_known, read_log_of
from ..disconnect import CLIENT_GONE, Disconnect
from ..graphql_request import JSON_TYPE, BadRequest
from ..json_responses import message
from ..middleware.audit import note, note_document, note_errors
from ..middleware.prefix import prefix_of
from .shadow import Replay, Shadow
from .usage import NOTED, Handler

ALLOW = "GET, HEAD"
VARY = "Authorization, X-API-Key, Accept-Encoding"


@dataclass(frozen=True, slots=True)
class V2:
    """Routes of the v2 reads, each with and without `/api`."""

    engine: Engine
    services: Callable[[], Services]
    admission: Admission
    _: KW_ONLY
    operation_timeout: float | None = None
    shadow: Shadow | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{prefix}{read.path}", self._handler(read), methods=["GET", *WRITES])
            for read in READS
            for prefix in (PREFIX, PREFIX.removeprefix("/api"))
        ]

    def _handler(self, read: V2Read | GoneRead) -> Handler:
        call = LegacyCall(PREFIX + read.path, read.answer.operation.name if isinstance(read, V2Read) else None)

        async def handle(request: Request) -> Response:
            request.scope[NOTED] = call
            if request.method in WRITES:
                headers = {**_notice(read, prefix_of(request.scope)), "Allow": ALLOW}
                return _message(405, refused_write(request.method, read), headers)
            if isinstance(read, GoneRead):
                return _message(410, read.notice, _notice(read, prefix_of(request.scope)))
            resolved = read.resolve(request.path_params)
            note(request.scope, type="v2")
            note_document(request.scope, resolved.operation.text, resolved.operation.name)
            response = await self._answer(request, resolved)
            response.headers.update(_notice(read, prefix_of(request.scope)))
            response.headers["X-Successor-Operation"] = resolved.operation.name
            return response

        return handle

    async def _answer(self, request: Request, resolved: V2Operation) -> Response:
        try:
            self.admission.refuse_forged(request)
            caller = await self.admission.caller(request)
        except BadRequest as refused:
            return _message(refused.status, str(refused))
        except (RateLimited, Unauthenticated) as error:
            note(request.scope, outcome="refused", codes=[error.code])
            return _failed([GraphQLError(str(error), extensions=error.extensions)])
        async with Disconnect(request.receive) as disconnect:
            read_log = read_log_of(request.headers, self.operation_timeout, disconnect.watch)
            outcome = await self._run(request, resolved, caller, read_log)
        if disconnect.gone:
            return Response(status_code=CLIENT_GONE)
        request.scope["facade.read_log"] = read_log
        note_errors(request.scope, outcome.errors)
        response = _answered(request, resolved, outcome, read_log)
        if self.shadow and caller and response.status_code == 200:
            asked = RestRequest("GET", request.url.path)
            answer = bytes(response.body)
            self.shadow.offer(Replay(request.scope[NOTED], asked, answer, caller, request.scope["request_id"]))
        return response

    async def _run(self, request: Request, resolved: V2Operation, caller: Caller | None, read_log: ReadLog) -> Outcome:
        context = Context(self.services(), caller, read_log, request.scope.get("request_id", ""))
        document = self.engine.document(resolved.operation.text)
        try:
            return await self.engine.run(document, resolved.variables, resolved.operation.name, context)
        finally:
            context.close()


def _notice(read: V2Read | GoneRead, prefix: str) -> dict[str, str]:
    """Return the headers for when the call ended and what succeeds it (RFC 9745, RFC 8594, RFC 5829)."""
    ended = FIXTURES_ENDED if isinstance(read, GoneRead) else V2_ENDED
    headers = {"Deprecation": ended.deprecation, "Sunset": ended.sunset}
    # Fixtures have no successor.
    if isinstance(read, GoneRead):
        return headers
    return {**headers, "Link": f'<{prefix}/graphql>; rel="successor-version"'}


def _answered(request: Request, resolved: V2Operation, outcome: Outcome, read_log: ReadLog) -> Response:
    if outcome.errors or outcome.data is None:
        return _failed(outcome.errors)
    answer = resolved.shape(outcome.data)
    if answer is None:
        return _message(404, f"There is no {request.url.path.removeprefix('/api')} that this token may see.")
    body = orjson.dumps(answer)
    etag = etag_of(body)
    headers = {**cache_headers(read_log), "ETag": etag, "Vary": VARY}
    if is_known(etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type=JSON_TYPE)


# Status by the code of the graph's error. A failure without `Retry-After` is a bad gateway.
_STATUS = {
    "BAD_USER_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "RATE_LIMITED": 429,
    "UPSTREAM_UNAVAILABLE": 502,
    "UPSTREAM_INVALID_RESPONSE": 502,
    "UPSTREAM_TIMEOUT": 504,
}


def _failed(errors: Collection[GraphQLError]) -> Response:
    """Return the answer to a read of which a part failed, since REST cannot express partial data."""
    error = next(iter(errors), None) or GraphQLError("There was no answer.")
    extensions: dict[str, Any] = error.extensions or {}
    status = _STATUS.get(str(extensions.get("code")), 500)
    headers: dict[str, str] = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if (retry_after := extensions.get("retryAfter")) is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
        status = 503 if status == 502 else status
    return _message(status, error.message, headers)


def _message(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return message(status, text, {"Vary": VARY, **(headers or {})})
