"""`/export/…`: rows as a table with a fixed schema, for a REST body or its fields as query parameters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import KW_ONLY, dataclass
from hashlib import sha256

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...auth import Caller
from ...butlr import BadInput, ButlrError
from ...export import (
    MEDIA_TYPES,
    TABLES,
    Export,
    ExportTable,
    Format,
    NeedsPyarrow,
    Spool,
    SpoolFull,
    Writer,
    writer_for,
    written,
)
from ...export.spool import Facts
from ...loaders import BudgetSpent, Services
from ..admission import Admission
from ..cache_headers import NEVER_KEPT, is_known, read_log_of
from ..disconnect import CLIENT_GONE, Disconnect
from ..graphql_request import BadRequest, read_body
from ..json_responses import fleeting, message
from ..middleware.audit import note
from .export_answers import Counted, Exported, SpooledTable, StreamedTable, too_much
from .export_request import asked_by_body, asked_by_query, format_of
from .forwarding import failed

VARY = "Authorization, X-API-Key, Accept"


@dataclass(frozen=True, slots=True)
class Exports:
    """Routes of exports."""

    services: Callable[[], Services]
    admission: Admission
    spool: Spool
    _: KW_ONLY
    max_points: int
    max_body_bytes: int
    # Called at the end of each export.
    exported: Exported
    piece_timeout: float | None = None

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
        caller = await self.admission.caller_with_token(request)
        format_ = format_of(request.path_params.get("format"), request.headers.get("accept"))
        if request.method == "POST":
            body = asked_by_body(table, await read_body(request, self.max_body_bytes))
        else:
            body = asked_by_query(table, request.query_params.multi_items())
        read_log = read_log_of(request.headers)
        request.scope["facade.read_log"] = read_log
        export = Export(self.services(), caller, read_log, table, body, timeout=self.piece_timeout)
        budget = export.check(self.max_points)
        note(request.scope, cost=budget.cost)
        # In a thread, which may have to import pyarrow.
        writer = await asyncio.to_thread(writer_for, format_, table)
        headers = {
            "X-Resolved-Span": export.query.span_header,
            "X-Cost": str(budget.cost),
            "X-Cost-Limit": str(self.max_points),
            "Vary": VARY,
            "Content-Disposition": f'attachment; filename="{table.name}.{format_.value}"',
        }
        rows = Counted(export, budget.count, format_, self.exported)
        if format_ is Format.parquet and request.method != "POST":
            return await self._spooled(request, caller, export, rows, writer, headers)
        headers |= NEVER_KEPT
        if request.method == "HEAD":
            return Response(status_code=200, headers=headers, media_type=MEDIA_TYPES[format_])
        return await self._streamed(request, rows, writer, headers, MEDIA_TYPES[format_])

    async def _streamed(
        self, request: Request, rows: Counted, writer: Writer, headers: dict[str, str], media_type: str
    ) -> Response:
        """Return the file as a stream. A failure before its first part is an error response."""
        parts = rows.parts()
        async with Disconnect(request.receive) as disconnect:
            disconnect.watch()
            try:
                first = await anext(parts, None)
            except BaseException:
                await parts.aclose()
                raise
            return StreamedTable(rows, parts, first, writer, headers, media_type)
        await parts.aclose()
        rows.ended("left")
        note(request.scope, outcome="left")
        return Response(status_code=CLIENT_GONE)

    async def _spooled(
        self,
        request: Request,
        caller: Caller,
        export: Export,
        rows: Counted,
        writer: Writer,
        headers: dict[str, str],
    ) -> Response:
        """Write the file to disk and return it: readers of Parquet ask for its length, and then for ranges."""
        upstream = self.services().upstream
        # The key has relative times as written, so that later requests for ranges find the same file.
        asked = sha256(orjson.dumps([export.table.name, sorted(request.query_params.multi_items())])).hexdigest()
        key = f"{caller.scope} {asked}"

        def may_read(facts: Facts) -> bool:
            return facts.as_of is not None and upstream.rights.may_repeat(caller, facts.as_of, facts.proven)

        async def build(facts: Facts) -> AsyncGenerator[bytes]:
            facts.span = export.query.span_header
            yield writer.begin()
            async with aclosing(rows.parts()) as parts:
                async for part in parts:
                    facts.is_settled = facts.is_settled and part.is_settled
                    async for chunk in written(writer, part.runs):
                        yield chunk
            yield writer.end()
            facts.as_of, facts.proven = export.read_log.oldest, export.read_log.proven

        async with Disconnect(request.receive) as disconnect:
            disconnect.watch()
            spooled = None if export.read_log.fresh else self.spool.find(key, may_read)
            if spooled is None:
                spooled = await self.spool.make(key, build)
            headers |= {"ETag": spooled.etag, "X-Resolved-Span": spooled.facts.span}
            headers["Cache-Control"] = "private, no-cache"
            if is_known(spooled.etag, request.headers.get("if-none-match", "")):
                spooled.release()
                return Response(status_code=304, headers=headers)
            return SpooledTable(rows, spooled, headers)
        rows.ended("left")
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
            return fleeting(400, {"message": too_much(error), **error.extensions})
    note(request.scope, codes=[error.code])
    if isinstance(error, BadInput) and error.status is None:
        # The upstream was not called.
        return message(400, str(error))
    return failed(error)
