"""The current REST calls for legacy clients: the same bodies and answers, through the cache.

An answer from one upstream call has its bytes; a merged answer is equal JSON. An equal query from GraphQL shares the
upstream call. Times that Butlr no longer accepts (relative to now, no stop) are sent as absolute ones, and
`X-Resolved-Span` has them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...auth import Caller
from ...butlr import (
    CLIENT_LOGIN_PATH,
    DETECTIONS_PATH,
    LOGIN_PATH,
    REPORTING_PATH,
    STATS_PATH,
    ButlrError,
    Packed,
    Reply,
)
from ...legacy import RestRequest
from ...legacy.successors import LegacyCall, living
from ...loaders import Services, with_export
from ...series import Body, ReportQuery, read_csv, read_stats, resolve_report, resolve_span
from ...upstream import Answer, ReadLog
from ..admission import Admission
from ..cache_headers import cache_headers, read_log_of
from ..chunked import ChunkedResponse
from ..disconnect import CLIENT_GONE, Disconnect
from ..graphql_request import BadRequest, read_as_sent, read_body
from ..json_responses import message
from ..middleware.audit import LONGEST_NAME, note, note_failure
from .bodies import detections_body, report_body, stats_body
from .forwarding import failed, raw_target, sent_headers, verbatim
from .shadow import Replay, Shadow
from .usage import NOTED, Handler, noted

PREFIX = "/api"

VARY = "Authorization, X-API-Key, Accept-Encoding"


class ReadAnswer(NamedTuple):
    """The bytes of an answer, and its query: the caller's body with absolute times."""

    content: bytes | Packed
    content_type: str
    query: ReportQuery


Read = Callable[[Services, Body, Caller, ReadLog], Awaitable[ReadAnswer]]
# Returns the body as an object, or None for one that the upstream is to judge.
Parse = Callable[[bytes], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class LegacyRest:
    """Routes of the REST calls, each with and without `/api`."""

    services: Callable[[], Services]
    admission: Admission
    _: KW_ONLY
    refresh_path: str
    max_body_bytes: int
    operation_timeout: float | None = None
    forward_unknown: bool = False
    shadow: Shadow | None = None

    def routes(self) -> list[BaseRoute]:
        handlers: dict[str, Handler] = {
            path: self._login(path) for path in (LOGIN_PATH, CLIENT_LOGIN_PATH, self.refresh_path)
        }
        handlers[REPORTING_PATH] = self._read(REPORTING_PATH, report_body, _reporting)
        handlers[DETECTIONS_PATH] = self._read(DETECTIONS_PATH, detections_body, _detections)
        handlers[STATS_PATH] = self._read(STATS_PATH, stats_body, _stats)
        calls = living(self.refresh_path)
        return [
            Route(spelt, noted(_with_errors(handler), calls[path]), methods=["POST"])
            for path, handler in handlers.items()
            for spelt in {path, path.removeprefix(PREFIX)}
        ]

    def unknown(self) -> BaseRoute:
        """Return the route of all other paths of the REST API. It matches every path, so it must be the last."""
        return Route(
            PREFIX + "/{path:path}", _with_errors(self._unknown), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        )

    async def _unknown(self, request: Request) -> Response:
        request.scope[NOTED] = LegacyCall(f"{PREFIX}/…")
        path = request.url.path
        note(request.scope, type="rest", operation=f"{request.method} {path[:LONGEST_NAME]}")
        if not self.forward_unknown:
            return message(
                404,
                f"{path} is not served here. The graph is at /graphql; `facade translate` prints the operation "
                "that replaces a REST call. FACADE_FORWARD_UNKNOWN=true forwards such calls to Butlr.",
            )
        caller = await self.admission.caller_with_token(request)
        target = raw_target(request.scope, PREFIX)
        body = await read_as_sent(request, self.max_body_bytes)
        http = self.services().upstream.butlr.http
        reply = await http.send(
            request.method,
            target,
            body=body or None,
            token=await caller.token(),
            headers=sent_headers(request.headers),
            below=PREFIX,
        )
        return verbatim(reply, base_url=http.base_url, our_root=request.scope.get("root_path", ""))

    def _login(self, path: str) -> Handler:
        """Return the handler of a login call. Logins are passed on unchanged, and never cached, retried or logged."""

        async def login(request: Request) -> Response:
            note(request.scope, type="login", operation=f"POST {path}")
            self.admission.refuse_forged(request)
            await self.admission.count_address(request)
            body = await read_as_sent(request, self.max_body_bytes)
            headers = sent_headers(request.headers)
            http = self.services().upstream.butlr.http
            return verbatim(await http.send("POST", path, body=body, headers=headers))

        return login

    def _read(self, path: str, parse: Parse, read: Read) -> Handler:
        async def call(request: Request) -> Response:
            note(request.scope, type="rest", operation=f"POST {path}")
            caller = await self.admission.caller_with_token(request)
            given = await read_body(request, self.max_body_bytes)
            body = parse(given)
            if body is None:
                # The body is not understood here, so the upstream's own error says what is wrong.
                headers = sent_headers(request.headers, coded=False)
                return verbatim(await self._as_it_came(path, given, caller, headers))
            response = await self._answer(request, read, body, caller)
            if self.shadow and response.status_code == 200:
                asked = RestRequest("POST", path, given.decode())
                answer = None if isinstance(response, ChunkedResponse) else bytes(response.body)
                self.shadow.offer(Replay(request.scope[NOTED], asked, answer, caller, request.scope["request_id"]))
            return response

        return call

    async def _answer(self, request: Request, read: Read, body: Body, caller: Caller) -> Response:
        async with Disconnect(request.receive) as disconnect:
            read_log = read_log_of(request.headers, self.operation_timeout, disconnect.watch)
            request.scope["facade.read_log"] = read_log
            answer = await read(self.services(), body, caller, read_log)
            headers = {**cache_headers(read_log), "Vary": VARY}
            if answer.query.is_rewritten:
                headers["X-Resolved-Span"] = answer.query.span_header
            if isinstance(content := answer.content, bytes):
                return Response(content, 200, headers, media_type=answer.content_type)
            return ChunkedResponse(content.pieces(), len(content), 200, headers, media_type=answer.content_type)
        return Response(status_code=CLIENT_GONE)

    async def _as_it_came(self, path: str, body: bytes, caller: Caller, headers: dict[str, str]) -> Reply:
        upstream = self.services().upstream

        async def send(body: bytes, token: str) -> Reply:
            return await upstream.butlr.http.call("POST", path, body=body, token=token, headers=headers)

        return await upstream.dispatch(send, body, caller, path=path)


async def _reporting(services: Services, body: Body, caller: Caller, read_log: ReadLog) -> ReadAnswer:
    query = resolve_report(body, services.upstream.now())
    if _format(body) == "csv":
        return _bytes(await read_csv(services.upstream, query, caller, read_log), query)
    answer = await services.reports.calls.whole(query, body, caller, read_log)
    await answer.value.check()
    return ReadAnswer(answer.entry.body or answer.value.held, answer.entry.content_type, query)


async def _detections(services: Services, body: Body, caller: Caller, read_log: ReadLog) -> ReadAnswer:
    query = resolve_span(body, services.upstream.now())
    answer = await services.detections.whole(query, caller, read_log)
    return ReadAnswer(answer.entry.body or answer.value.body, answer.entry.content_type, query)


async def _stats(services: Services, body: Body, caller: Caller, read_log: ReadLog) -> ReadAnswer:
    query = resolve_span(body, services.upstream.now())
    return _bytes(await read_stats(services.upstream, query, caller, read_log), query)


def _bytes(answer: Answer[Any], query: ReportQuery) -> ReadAnswer:
    return ReadAnswer(answer.entry.body, answer.entry.content_type, query)


def _format(body: Body) -> object:
    options = body.get("options")
    return options.get("format") if isinstance(options, dict) else None


def _with_errors(handler: Handler) -> Handler:
    """Return the handler with its errors answered."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequest as refused:
            return message(refused.status, str(refused), refused.headers)
        except ButlrError as error:
            note_failure(request.scope, error)
            return failed(error, with_export(error))

    return handle
