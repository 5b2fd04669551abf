"""`/export/…`: rows as a table with a fixed schema, by the REST body or its fields in the query."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from hashlib import sha256

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ...auth import Caller
from ...butlr import BadInput, ButlrError, Unauthenticated
from ...export import (
    MEDIA_TYPES,
    TABLES,
    Export,
    ExportPart,
    ExportTable,
    Format,
    NeedsPyarrow,
    Spool,
    Spooled,
    SpoolFull,
    Writer,
    writer_for,
)
from ...export.spool import Facts
from ...loaders import BudgetSpent, Services
from ...upstream import ReadLog
from ..admission import Admission
from ..cache_headers import NEVER_KEPT, is_fresh, is_known
from ..disconnect import CLIENT_GONE, Disconnect
from ..graphql_request import BadRequest, read_body
from ..json_responses import fleeting, message
from ..middleware.audit import note
from .export_request import asked_by_body, asked_by_query, format_of
from .forwarding import failed

log = structlog.get_logger(__name__)

VARY = "Authorization, X-API-Key, Accept"


class Exports:
    """Routes of exports."""

    def __init__(
        self,
        services: Callable[[], Services],
        admission: Admission,
        spool: Spool,
        *,
        max_points: int,
        max_body_bytes: int,
        piece_timeout: float | None = None,
    ) -> None:
        self._services = services
        self._admission = admission
        self._spool = spool
        self._max_points = max_points
        self._max_body_bytes = max_body_bytes
        self._piece_timeout = piece_timeout

    def routes(self) -> list[BaseRoute]:
        return [
            Route(path, self._handler(table), methods=["GET", "POST"])
            for table in TABLES.values()
            for path in (f"/export/{table.name}", f"/export/{table.name}.{{format}}")
        ]

    def _handler(self, table: ExportTable) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            note(request.scope, type="export", operation=f"{request.method} /export/{table.name}")
            try:
                return await self._answer(request, table)
            except (BadRequest, NeedsPyarrow, SpoolFull, BudgetSpent, ButlrError) as error:
                return _refused(error, request)

        return handle

    async def _answer(self, request: Request, table: ExportTable) -> Response:
        self._admission.refuse_forged(request)
        caller = await self._admission.caller(request)
        if caller is None:
            raise Unauthenticated("This needs a token, sent as `Authorization: Bearer …`.")
        format_ = format_of(request.path_params.get("format"), request.headers.get("accept"))
        if request.method == "POST":
            body = asked_by_body(table, await read_body(request, self._max_body_bytes))
        else:
            body = asked_by_query(table, request.query_params.multi_items())
        read_log = ReadLog(fresh=is_fresh(request.headers.get("cache-control", "")))
        request.scope["facade.read_log"] = read_log
        export = Export(self._services(), caller, read_log, table, body, timeout=self._piece_timeout)
        budget = export.check(self._max_points)
        note(request.scope, cost=budget.cost)
        writer = writer_for(format_, table)
        headers = {
            "X-Resolved-Span": export.query.span_header,
            "X-Cost": str(budget.cost),
            "X-Cost-Limit": str(self._max_points),
            "Vary": VARY,
            "Content-Disposition": f'attachment; filename="{table.name}.{format_.value}"',
        }
        rows = _Counted(export, budget.count)
        if format_ is Format.parquet and request.method != "POST":
            return await self._spooled(request, caller, export, rows, writer, headers)
        headers |= NEVER_KEPT
        if request.method == "HEAD":
            return Response(status_code=200, headers=headers, media_type=MEDIA_TYPES[format_])
        return await self._streamed(request, rows, writer, headers, MEDIA_TYPES[format_])

    async def _streamed(
        self, request: Request, rows: _Counted, writer: Writer, headers: dict[str, str], media_type: str
    ) -> Response:
        """The file as it is made. What fails before the first part is an answer of its own."""
        parts = rows.parts()
        async with Disconnect(request.receive) as disconnect:
            disconnect.watch()
            try:
                first = await anext(parts, None)
            except BaseException:
                await parts.aclose()
                raise
            return StreamedTable(parts, first, writer, headers, media_type)
        await parts.aclose()
        note(request.scope, outcome="left")
        return Response(status_code=CLIENT_GONE)

    async def _spooled(
        self,
        request: Request,
        caller: Caller,
        export: Export,
        rows: _Counted,
        writer: Writer,
        headers: dict[str, str],
    ) -> Response:
        """The file from disk, where it is made first: readers of Parquet ask for its length, and then for ranges."""
        upstream = self._services().upstream
        # Of times relative to now the words: the ranges of one file are asked for one after another.
        asked = sha256(orjson.dumps([export.table.name, sorted(request.query_params.multi_items())])).hexdigest()
        key = f"{caller.scope} {asked}"

        def may_read(facts: Facts) -> bool:
            return facts.as_of is not None and upstream.may_repeat(caller, facts.as_of, facts.proven)

        async def build(facts: Facts) -> AsyncGenerator[bytes]:
            facts.span = export.query.span_header
            yield writer.begin()
            async with aclosing(rows.parts()) as parts:
                async for part in parts:
                    facts.is_settled = facts.is_settled and part.is_settled
                    yield writer.write(part.runs)
            yield writer.end()
            facts.as_of, facts.proven = export.read_log.oldest, export.read_log.proven

        async with Disconnect(request.receive) as disconnect:
            disconnect.watch()
            spooled = None if export.read_log.fresh else self._spool.find(key, may_read)
            if spooled is None:
                spooled = await self._spool.make(key, build)
            headers |= {"ETag": spooled.etag, "X-Resolved-Span": spooled.facts.span}
            headers["Cache-Control"] = "private, no-cache"
            if is_known(spooled.etag, request.headers.get("if-none-match", "")):
                spooled.release()
                return Response(status_code=304, headers=headers)
            return SpooledTable(spooled, headers)
        note(request.scope, outcome="left")
        return Response(status_code=CLIENT_GONE)


def _refused(error: BadRequest | NeedsPyarrow | SpoolFull | BudgetSpent | ButlrError, request: Request) -> Response:
    match error:
        case BadRequest():
            note(request.scope, outcome="refused", codes=["BAD_USER_INPUT"])
            return message(error.status, str(error), error.headers)
        case NeedsPyarrow():
            note(request.scope, outcome="refused", codes=["BAD_USER_INPUT"])
            return message(501, str(error))
        case SpoolFull():
            note(request.scope, outcome="refused", codes=[BudgetSpent.code])
            return message(413, str(error))
        case BudgetSpent():
            note(request.scope, outcome="refused", codes=[error.code])
            return fleeting(400, {"message": _too_much(error), **error.extensions})
    note(request.scope, codes=[error.code])
    if isinstance(error, BadInput) and error.status is None:
        # Nobody asked the upstream.
        return message(400, str(error))
    return failed(error)


def _too_much(error: BudgetSpent) -> str:
    return (
        f"This export costs {error.cost:,} points; the limit is {error.limit:,}. Ask for a shorter span, a wider "
        "window or fewer assets, or use `facade export`, which has no limit."
    )


class _Counted:
    """The parts of an export, their rows counted against its limit."""

    def __init__(self, export: Export, count: Callable[[int], None]) -> None:
        self._export = export
        self._count = count

    async def parts(self) -> AsyncGenerator[ExportPart]:
        async with aclosing(self._export.parts()) as parts:
            async for part in parts:
                self._count(part.rows)
                yield part


class SpooledTable(FileResponse):
    """A file with its length, its validator and its ranges."""

    def __init__(self, spooled: Spooled, headers: dict[str, str]) -> None:
        super().__init__(spooled.path, headers=headers, media_type=MEDIA_TYPES[Format.parquet])
        self._spooled = spooled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._spooled.release()


class StreamedTable(Response):
    """A file that leaves as it is made. Where it fails, its end does not come: the connection is cut."""

    def __init__(
        self,
        parts: AsyncGenerator[ExportPart],
        first: ExportPart | None,
        writer: Writer,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        del self.headers["Content-Length"]
        self._parts = parts
        self._first = first
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_part(body: bytes, *, more: bool = True) -> None:
            if body or not more:
                await send({"type": "http.response.body", "body": body, "more_body": more})

        note(scope, outcome="left")
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with Disconnect(receive) as disconnect, aclosing(self._parts) as parts:
            disconnect.watch()
            try:
                await send_part(self._writer.begin())
                if self._first is not None:
                    await send_part(self._writer.write(self._first.runs))
                    self._first = None
                async for part in parts:
                    await send_part(self._writer.write(part.runs))
            except (ButlrError, BudgetSpent) as error:
                note(scope, outcome="partial", codes=[error.code])
                reason = _too_much(error) if isinstance(error, BudgetSpent) else str(error)
                log.warning("export.ended", code=error.code, reason=reason)
                await send_part(self._writer.fail(error.code, reason))
                # Without the last part the server closes the connection, and no client takes the answer for whole.
                return
            note(scope, outcome="ok")
            await send_part(self._writer.end(), more=False)
