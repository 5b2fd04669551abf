"""The GraphQL endpoint: the GraphQL-over-HTTP specification, with headers about caching."""

import time
from collections.abc import Callable, Container

from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .. import tracing
from ..auth import Caller
from ..butlr import RateLimited, Unauthenticated
from ..execution import Engine, Explained, Outcome, run_explained, why_unexplained
from ..execution.documents import ParsedDocument
from ..graph import Context
from ..loaders import Budget, Services
from ..upstream import Explain
from .admission import Admission
from .cache_headers import read_log_of
from .disconnect import CLIENT_GONE, Disconnect
from .graphiql import GraphiQL
from .graphql_refusals import (
    FORGED,
    NEEDS_STREAM,
    NOT_EXPLAINED,
    close,
    operation_attributes,
    outcome_attributes,
    refused,
)
from .graphql_request import (
    DOCUMENT_NAMES,
    HTML_TYPE,
    JSON_TYPE,
    RESPONSE_TYPE,
    BadRequest,
    Dialect,
    GraphQLRequest,
    accepted,
    dialect_of,
    read_request,
)
from .graphql_responses import OperationResponses, streamed
from .metrics import Metrics
from .middleware.audit import note, note_document
from .middleware.csrf import is_forged
from .middleware.draining import Draining
from .multipart import NEEDS_PARTS
from .rest.usage import SELECTED
from .subscriptions.http import Framing, framing_of
from .subscriptions.stream import Streams, SubscribedOperation
from .trusted_documents import DocumentNotFound, Persisted, Trusted

# Parameters that make a GET an operation, also from a browser. With `query` alone a browser gets GraphiQL, with the
# query in its editor.
NAMES_A_DOCUMENT = {"extensions", *DOCUMENT_NAMES}
# Keys of the ASGI scope for the cost of the operation.
_BUDGET = "facade.budget"
_TOLD_COST = "facade.told_cost"
VARY = "Authorization, X-API-Key, Accept, Accept-Encoding"


class GraphQLEndpoint:
    """An ASGI app for `/graphql`."""

    def __init__(
        self,
        engine: Engine,
        services: Callable[[], Services],
        admission: Admission,
        *,
        graphiql: GraphiQL | None,
        max_body_bytes: int,
        operation_timeout: float | None = None,
        documents: Trusted | Persisted | None = None,
        cors_origins: Container[str] = (),
        metrics: Metrics | None = None,
        draining: Draining | None = None,
        streams: Streams | None = None,
        explain: bool = True,
    ) -> None:
        self._engine = engine
        self._services = services
        self._admission = admission
        self._graphiql = graphiql
        self._max_body_bytes = max_body_bytes
        self._operation_timeout = operation_timeout
        self._documents = documents or Persisted()
        self._cors_origins = cors_origins
        self._responses = OperationResponses(metrics, draining)
        self._streams = streams
        self._explains = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.setdefault("Vary", VARY)
        if not response.headers.get("content-type", "").startswith(HTML_TYPE):
            budget: Budget | None = scope.get(_BUDGET)
            response.headers["X-Cost"] = str(budget.cost if budget else scope.get(_TOLD_COST, 0))
            response.headers["X-Cost-Limit"] = str(self._engine.cost_limit)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media = accepted(request.headers.get("accept"))
        if media == HTML_TYPE:
            if request.method == "GET" and self._graphiql and not NAMES_A_DOCUMENT & request.query_params.keys():
                return self._graphiql.page(request.scope["path"])
            media = JSON_TYPE
        note(request.scope, type="graphql")
        began = time.monotonic()
        try:
            framing = framing_of(request.headers.get("accept")) if self._streams else None
            # A client that accepts only a stream gets any operation as one.
            streams_all = framing is not None and media is None
            media = self._answerable(request, JSON_TYPE if streams_all else media)
            caller = await self._admission.caller(request)
            params = await read_request(request, self._max_body_bytes)
            self._require_explaining(params)
            text = self._documents.text(params)
            explain = Explain(params.explain, began) if params.explain else None
            return await self._execute(request, text, params, caller, media, framing, explain, streams_all=streams_all)
        except (BadRequest, DocumentNotFound, RateLimited, Unauthenticated) as error:
            note(request.scope, outcome="refused", codes=[getattr(error, "code", "BAD_USER_INPUT")])
            return refused(error, media or JSON_TYPE)

    def _answerable(self, request: Request, media: str | None) -> str:
        """Return the media type to answer in. Raises `BadRequest` for a method or `Accept` that is not served."""
        if request.method not in ("GET", "POST"):
            raise BadRequest(405, "Use GET or POST.", {"Allow": "GET, POST"})
        if media is None and self._engine.has_parts and dialect_of(request.headers.get("accept")):
            media = JSON_TYPE
        if media is None:
            raise BadRequest(406, f"Accept {RESPONSE_TYPE} or {JSON_TYPE}.")
        if request.method == "GET" and is_forged(request.headers, self._cors_origins):
            raise BadRequest(403, FORGED)
        return media

    def _require_explaining(self, params: GraphQLRequest) -> None:
        if params.explain and not self._explains:
            raise BadRequest(400, NOT_EXPLAINED)

    async def _execute(
        self,
        request: Request,
        text: str,
        params: GraphQLRequest,
        caller: Caller | None,
        media: str,
        framing: Framing | None,
        explain: Explain | None,
        *,
        streams_all: bool,
    ) -> Response:
        """Execute a request and return its response. Raises `BadRequest` for one that cannot be executed as it is."""
        received = time.monotonic()
        document = self._engine.document(text)
        operation, name = document.operation_type(params.operation_name), document.operation_name(params.operation_name)
        note_document(request.scope, text, name)
        request.scope[SELECTED] = self._engine.selected(document, text, params.operation_name)
        note(request.scope, type=operation.value if operation else "graphql")
        attributes = operation_attributes(operation, name, text)
        _require_executable(request.method, document, params)
        if operation is OperationType.SUBSCRIPTION or streams_all:
            if framing is None or self._streams is None:
                raise BadRequest(406, NEEDS_STREAM)
            resume = request.headers.get("last-event-id") or params.resume
            asked = SubscribedOperation(
                document, params, caller, request.scope.get("request_id", ""), resume, attributes
            )
            # The cost is an estimate here, since the true one is not known before the headers are sent.
            request.scope[_TOLD_COST] = self._engine.told_cost(document, params.variables, params.operation_name)
            return streamed(request, asked, framing, self._streams)
        needs_parts = explain is None and self._engine.comes_in_parts(document, params.variables, params.operation_name)
        dialect = dialect_of(request.headers.get("accept")) if needs_parts else None
        if needs_parts and dialect is None:
            raise BadRequest(406, NEEDS_PARTS)
        async with Disconnect(request.receive) as disconnect:
            read_log = read_log_of(request.headers, self._operation_timeout, disconnect.watch)
            context = Context(self._services(), caller, read_log, request.scope.get("request_id", ""))
            outcome: Outcome | None = None
            told: Explained | None = None
            with tracing.span(attributes["graphql.operation.type"], attributes=attributes) as span:
                try:
                    if explain is None:
                        outcome = await self._engine.run(
                            document,
                            params.variables,
                            params.operation_name,
                            context,
                            written=True,
                            whole=dialect is Dialect.FORMER,
                        )
                    else:
                        told = await run_explained(
                            self._engine,
                            document,
                            params.variables,
                            params.operation_name,
                            context,
                            explain,
                            received=received,
                        )
                        outcome = told.outcome
                finally:
                    span.set(outcome_attributes(read_log, context, outcome))
                    if outcome and outcome.errors:
                        span.failed(str((outcome.errors[0].extensions or {}).get("code")))
                    if outcome is None or outcome.later is None:
                        context.close()
        request.scope[_BUDGET] = context.budget
        if disconnect.gone or outcome is None:
            await close(outcome, context)
            note(request.scope, outcome="left", cost=context.budget.cost)
            return Response(status_code=CLIENT_GONE)
        request.scope["facade.read_log"] = read_log
        if told:
            return self._responses.explained(request, told, context, media)
        if outcome.later:
            return self._responses.in_parts(request, outcome, outcome.later, context, operation)
        return await self._responses.whole(request, outcome, context, operation, media)


def _require_executable(method: str, document: ParsedDocument, params: GraphQLRequest) -> None:
    """Raise `BadRequest` for an operation that the method, or explaining, does not go with."""
    if method == "GET" and document.operation_type(params.operation_name) is OperationType.MUTATION:
        raise BadRequest(405, "A mutation needs POST; GET runs queries and subscriptions only.", {"Allow": "POST"})
    if params.explain and (why := why_unexplained(document, params.operation_name)):
        raise BadRequest(400, why)
