"""Responses to executed operations: their headers, notes for the logs, and metrics."""

from collections.abc import Sequence

from graphql import GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import Response

from ..execution import Explained, Later, Outcome
from ..graph import Context
from .cache_entries import CacheOffer
from .cache_headers import NEVER_KEPT, cache_headers, etag_of, is_known
from .chunked import ChunkedResponse
from .compression import IDENTITY, LEAST, coding_of, encoded
from .graphql_refusals import ended, request_error
from .metrics import Metrics
from .middleware.audit import note, note_errors, noted
from .middleware.cached_responses import OFFERED
from .middleware.draining import Draining
from .multipart import PartsResponse
from .rest.usage import SELECTED
from .subscriptions.http import Framing, StreamResponse
from .subscriptions.stream import Streams, SubscribedOperation

UPSTREAM_CALLS = "X-Upstream-Calls"


class OperationResponses:
    def __init__(self, metrics: Metrics | None, draining: Draining | None) -> None:
        self._metrics = metrics
        self._draining = draining

    async def whole(
        self, request: Request, outcome: Outcome, context: Context, operation: OperationType | None, media: str
    ) -> Response:
        read_log, caller, kind = context.read_log, context.caller, operation.value if operation else "-"
        self._note(request, outcome, context, kind)
        status = 200 if outcome.executed else request_error(media)
        media_type = f"{media}; charset=utf-8"
        cacheable = operation is OperationType.QUERY and outcome.executed
        headers = cache_headers(read_log, keep=not outcome.errors) if cacheable else dict(NEVER_KEPT)
        headers[UPSTREAM_CALLS] = str(read_log.calls)
        body, *more = outcome.chunks()
        if more:
            return ChunkedResponse.of_list([body, *more], status, headers, media_type=media_type)
        coding = coding_of(request.headers.get("accept-encoding", "")) if cacheable and len(body) >= LEAST else IDENTITY
        if request.method == "GET" and outcome.executed and not outcome.errors:
            etag = etag_of(media.encode(), coding.encode(), body)
            headers["ETag"] = etag
            if is_known(etag, request.headers.get("if-none-match", "")):
                return Response(status_code=304, headers=headers)
        if coding != IDENTITY:
            headers["Content-Encoding"] = coding
            body = await encoded(body, coding)
        if cacheable and not outcome.errors and caller is not None:
            request.scope[OFFERED] = CacheOffer(
                caller, read_log, kind, context.budget.cost, noted(request.scope), request.scope[SELECTED]
            )
        return Response(body, status, headers, media_type=media_type)

    def explained(self, request: Request, told: Explained, context: Context, media: str) -> Response:
        """Return the answer to an explained operation, which must not be cached."""
        self._note(request, told.outcome, context, "query")
        headers = {**NEVER_KEPT, UPSTREAM_CALLS: str(context.read_log.calls)}
        status = 200 if told.outcome.executed else request_error(media)
        return ChunkedResponse.of_list(told.chunks, status, headers, media_type=f"{media}; charset=utf-8")

    def in_parts(
        self, request: Request, outcome: Outcome, later: Later, context: Context, operation: OperationType | None
    ) -> PartsResponse:
        def ended(errors: Sequence[GraphQLError], gone: bool) -> None:
            ended = "left" if gone else "partial" if errors else "ok"
            note(request.scope, outcome=ended, cost=context.budget.cost)
            note_errors(request.scope, errors)
            if self._metrics and not gone:
                self._metrics.operation(operation.value if operation else "-", ended, context.budget.cost)

        # Noted as left until the whole answer has been sent.
        note(request.scope, outcome="left")
        return PartsResponse(outcome, later, context, ended, draining=self._draining)

    def _note(self, request: Request, outcome: Outcome, context: Context, kind: str) -> None:
        note(request.scope, outcome=ended(outcome), cost=context.budget.cost)
        causes = note_errors(request.scope, outcome.errors)
        if self._metrics:
            self._metrics.operation(kind, ended(outcome), context.budget.cost)
            for cause in causes:
                self._metrics.failed(cause.code, cause.count)


def streamed(request: Request, asked: SubscribedOperation, framing: Framing, streams: Streams) -> StreamResponse:
    def ended(how: str, errors: Sequence[GraphQLError]) -> None:
        note(request.scope, outcome=how, cost=asked.spent.cost)
        note_errors(request.scope, errors)
        streams.ended(asked, how, errors)

    # Noted as left until the stream has ended.
    note(request.scope, outcome="left")
    return StreamResponse(streams, asked, framing, ended)
