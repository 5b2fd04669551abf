"""The REST calls that live, for legacy clients: the same bodies, the same answers, by way of the cache.

What comes from one upstream call is its bytes; what is put together from parts is equal JSON. An equal ask from
GraphQL shares the upstream call. Times that Butlr no longer takes (relative to now, no stop) go up absolute, and
`X-Resolved-Span` says which.
"""

import math
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..butlr import (
    CLIENT_LOGIN_PATH,
    DETECTIONS_PATH,
    LOGIN_PATH,
    REPORTING_PATH,
    STATS_PATH,
    ButlrError,
    RateLimited,
    Reply,
    Unauthenticated,
    UpstreamTimeout,
)
from ..legacy import RestRequest
from ..legacy.successors import LegacyCall, living
from ..loaders import Services
from ..series import Body, Query, read_csv, read_stats, resolve_report, resolve_span
from ..upstream import Answer, Caller, Ledger
from .answers import message
from .audit import LONGEST_NAME, note, note_caller, note_failure
from .caching import NEVER_KEPT, cache_headers, is_fresh
from .callers import Callers
from .departure import CLIENT_GONE, Departure
from .guard import is_forged
from .params import JSON_TYPE, BadRequest, read_body
from .rates import RateLimit, rate_key
from .rest_bodies import detections_body, report_body, stats_body
from .shadow import Replay, Shadow
from .usage import NOTED, noted

PREFIX = "/api"

VARY = "Authorization, X-API-Key, Accept-Encoding"


class ReadAnswer(NamedTuple):
    """The bytes of an answer, and what they answer: the caller's body, its times resolved."""

    content: bytes
    content_type: str
    query: Query


Read = Callable[[Services, Body, Caller, Ledger], Awaitable[ReadAnswer]]
# The body as an object, or None for one that the upstream shall judge.
Parse = Callable[[bytes], dict[str, Any] | None]


class LegacyRest:
    """Routes of the REST calls, each with and without `/api`."""

    def __init__(
        self,
        services: Callable[[], Services],
        callers: Callable[[], Callers],
        *,
        refresh_path: str,
        max_body_bytes: int,
        operation_timeout: float | None = None,
        rate_limit: RateLimit | None = None,
        forward_unknown: bool = False,
        shadow: Shadow | None = None,
        cors_origins: Collection[str] = (),
    ) -> None:
        self._services = services
        self._callers = callers
        self._refresh_path = refresh_path
        self._max_body_bytes = max_body_bytes
        self._operation_timeout = operation_timeout
        self._rate_limit = rate_limit
        self._forward_unknown = forward_unknown
        self._shadow = shadow
        self._cors_origins = cors_origins

    def routes(self) -> list[BaseRoute]:
        handlers: dict[str, Callable[[Request], Awaitable[Response]]] = {
            path: self._login(path) for path in (LOGIN_PATH, CLIENT_LOGIN_PATH, self._refresh_path)
        }
        handlers[REPORTING_PATH] = self._read(REPORTING_PATH, report_body, _reporting)
        handlers[DETECTIONS_PATH] = self._read(DETECTIONS_PATH, detections_body, _detections)
        handlers[STATS_PATH] = self._read(STATS_PATH, stats_body, _stats)
        calls = living(self._refresh_path)
        return [
            Route(spelt, noted(handler, calls[path]), methods=["POST"])
            for path, handler in handlers.items()
            for spelt in {path, path.removeprefix(PREFIX)}
        ]

    def unknown(self) -> BaseRoute:
        """The route of every other path of the REST API: the last one, for it takes all."""
        return Route(PREFIX + "/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def _unknown(self, request: Request) -> Response:
        request.scope[NOTED] = LegacyCall(f"{PREFIX}/…")
        path = request.url.path
        note(request.scope, type="rest", operation=f"{request.method} {path[:LONGEST_NAME]}")
        if not self._forward_unknown:
            return message(
                404,
                f"{path} is not served here. The graph is at /graphql; `facade translate` says which operation "
                "takes a REST call's place. FACADE_FORWARD_UNKNOWN=true passes such calls on to Butlr.",
            )
        try:
            caller = await self._caller(request)
            body = await read_body(request, self._max_body_bytes)
            query = request.url.query
            return _verbatim(
                await self._services().upstream.butlr.http.send(
                    request.method, f"{path}?{query}" if query else path, body=body or None, token=await caller.token()
                )
            )
        except BadRequest as refused:
            return message(refused.status, str(refused))
        except ButlrError as error:
            return _failed(error, request)

    async def _caller(self, request: Request) -> Caller:
        """Who asks. Raises `BadRequest`, `Unauthenticated`, or `RateLimited` where they have asked too often."""
        if is_forged(request.headers, self._cors_origins):
            raise BadRequest(403, "A page of another site made this request. Send an Authorization header with it.")
        caller = await self._callers().of(request.headers)
        note_caller(request.scope, caller)
        if self._rate_limit:
            await self._rate_limit.check(rate_key(request, caller))
        if caller is None:
            raise Unauthenticated("This needs a token, sent as `Authorization: Bearer …`.")
        return caller

    def _login(self, path: str) -> Callable[[Request], Awaitable[Response]]:
        """Logins go up as they came and are never kept, repeated or logged."""

        async def login(request: Request) -> Response:
            note(request.scope, type="login", operation=f"POST {path}")
            try:
                if self._rate_limit:
                    await self._rate_limit.check(rate_key(request, None))
                body = await read_body(request, self._max_body_bytes)
                return _verbatim(await self._services().upstream.butlr.http.send("POST", path, body=body))
            except BadRequest as refused:
                return message(refused.status, str(refused))
            except ButlrError as error:
                return _failed(error, request)

        return login

    def _read(self, path: str, parse: Parse, read: Read) -> Callable[[Request], Awaitable[Response]]:
        async def call(request: Request) -> Response:
            note(request.scope, type="rest", operation=f"POST {path}")
            try:
                caller = await self._caller(request)
                given = await read_body(request, self._max_body_bytes)
                body = parse(given)
                if body is None:
                    # Not a body we can tell anything of: the upstream says what is wrong with it.
                    return _verbatim(await self._as_it_came(path, given, caller))
                response = await self._answer(request, read, body, caller)
            except BadRequest as refused:
                return message(refused.status, str(refused))
            except ButlrError as error:
                return _failed(error, request)
            if self._shadow and response.status_code == 200:
                asked, answer = RestRequest("POST", path, given.decode()), bytes(response.body)
                self._shadow.offer(Replay(request.scope[NOTED], asked, answer, caller, request.scope["request_id"]))
            return response

        return call

    async def _answer(self, request: Request, read: Read, body: Body, caller: Caller) -> Response:
        timeout = self._operation_timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        with Departure(request.receive) as departure:
            ledger = Ledger(
                fresh=is_fresh(request.headers.get("cache-control", "")), deadline=deadline, on_call=departure.watch
            )
            request.scope["facade.ledger"] = ledger
            answer = await read(self._services(), body, caller, ledger)
            headers = {**cache_headers(ledger), "Vary": VARY}
            if answer.query.is_resolved:
                headers["X-Resolved-Span"] = answer.query.span_header
            return Response(answer.content, 200, headers, media_type=answer.content_type)
        return Response(status_code=CLIENT_GONE)

    async def _as_it_came(self, path: str, body: bytes, caller: Caller) -> Reply:
        upstream = self._services().upstream

        async def send(body: bytes, token: str) -> Reply:
            return await upstream.butlr.http.call("POST", path, body=body, token=token)

        return await upstream.exchange(send, body, caller, path=path)


async def _reporting(services: Services, body: Body, caller: Caller, ledger: Ledger) -> ReadAnswer:
    query = resolve_report(body, services.upstream.now())
    if _format(body) == "csv":
        return _bytes(await read_csv(services.upstream, query, caller, ledger), query)
    answer = await services.reports.calls.whole(query, body, caller, ledger)
    return ReadAnswer(answer.entry.body or answer.value.body, answer.entry.content_type, query)


async def _detections(services: Services, body: Body, caller: Caller, ledger: Ledger) -> ReadAnswer:
    query = resolve_span(body, services.upstream.now())
    answer = await services.detections.whole(query, caller, ledger)
    return ReadAnswer(answer.entry.body or answer.value.body, answer.entry.content_type, query)


async def _stats(services: Services, body: Body, caller: Caller, ledger: Ledger) -> ReadAnswer:
    query = resolve_span(body, services.upstream.now())
    return _bytes(await read_stats(services.upstream, query, caller, ledger), query)


def _bytes(answer: Answer[Any], query: Query) -> ReadAnswer:
    return ReadAnswer(answer.entry.body, answer.entry.content_type, query)


def _format(body: Body) -> object:
    options = body.get("options")
    return options.get("format") if isinstance(options, dict) else None


def _verbatim(reply: Reply) -> Response:
    return Response(reply.body, reply.status, NEVER_KEPT, media_type=reply.content_type or JSON_TYPE)


def _failed(error: ButlrError, request: Request) -> Response:
    """The upstream's own answer where there was one; else a status that says how it failed."""
    note_failure(request.scope, error)
    headers = dict(NEVER_KEPT)
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status is not None and error.body:
        return Response(error.body, error.status, headers, media_type=error.content_type or JSON_TYPE)
    status = error.status or _STATUS.get(type(error), 502)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return message(status, str(error), headers)


_STATUS: dict[type[ButlrError], int] = {Unauthenticated: 401, RateLimited: 429, UpstreamTimeout: 504}
