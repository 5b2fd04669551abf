"""Answers to refused GraphQL requests, in the media type that the client accepts."""

from typing import Any

import orjson
from graphql import GraphQLError, OperationType
from starlette.responses import Response

from .. import tracing
from ..butlr import RateLimited, Unauthenticated
from ..execution import Outcome
from ..graph import Context
from ..upstream import ReadLog
from .cache_headers import NEVER_KEPT
from .graphql_request import (
    JSON_TYPE,
    BadRequest,
)
from .middleware.audit import LONGEST_NAME
from .trusted_documents import DocumentNotFound

FORGED = (
    "A page of another site made this request. Use POST, or send a header such as `Apollo-Require-Preflight: true`."
)
NEEDS_STREAM = (
    "A subscription is answered as a stream: send `Accept: text/event-stream` or "
    "`multipart/mixed;subscriptionSpec=1.0`, or use the WebSocket protocol graphql-transport-ws."
)
NOT_EXPLAINED = "Explain is disabled (FACADE_EXPLAIN=false). Send the operation without it."


def operation_attributes(operation: OperationType | None, name: str | None, text: str) -> dict[str, str]:
    """Return span attributes by OpenTelemetry's semantic conventions for GraphQL."""
    attributes = {"graphql.operation.type": operation.value if operation else "graphql"}
    if name:
        attributes["graphql.operation.name"] = name[:LONGEST_NAME]
    tracer = tracing.tracer()
    if tracer and tracer.documents:
        attributes["graphql.document"] = text
    return attributes


def outcome_attributes(read_log: ReadLog, context: Context, outcome: Outcome | None) -> tracing.Attributes:
    return {
        "facade.cache": str(read_log.status) if read_log.status else None,
        "facade.calls": read_log.calls,
        "facade.points": context.budget.cost,
        "facade.outcome": ended(outcome) if outcome else "left",
    }


async def close(outcome: Outcome | None, context: Context) -> None:
    context.close()
    if outcome and outcome.later:
        await outcome.later.aclose()


def request_error(media: str) -> int:
    """Return the status of a GraphQL answer to a request that was not executed."""
    return 200 if media == JSON_TYPE else 400


def ended(outcome: Outcome) -> str:
    if not outcome.executed:
        return "refused"
    return "partial" if outcome.errors else "ok"


def refused(error: BadRequest | DocumentNotFound | RateLimited | Unauthenticated, media: str) -> Response:
    match error:
        case BadRequest():
            return refusal(error, media)
        case DocumentNotFound():
            return refusal(BadRequest(request_error(media), str(error)), media, code=error.code)
        case RateLimited():
            refused = BadRequest(429, str(error), {"Retry-After": f"{error.retry_after:.0f}"})
            return refusal(refused, media, **error.extensions)
        case Unauthenticated():
            headers = {"WWW-Authenticate": "Bearer"}
            if error.retry_after is not None:
                headers["Retry-After"] = f"{error.retry_after:.0f}"
            return refusal(BadRequest(401, str(error), headers), media, **error.extensions)


def refusal(refused: BadRequest, media: str, *, code: str = "BAD_USER_INPUT", **extensions: Any) -> Response:
    """Return the answer to an invalid request. Its status is an error in either media type."""
    error = GraphQLError(str(refused), extensions={"code": code, **extensions})
    answer: dict[str, Any] = {"errors": [error.formatted]}
    return Response(
        orjson.dumps(answer),
        refused.status,
        {**refused.headers, **NEVER_KEPT},
        media_type=f"{media}; charset=utf-8",
    )
