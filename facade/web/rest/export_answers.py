"""Responses of exports: a stream or a finished file, counted for the metrics."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

import structlog
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ...butlr import ButlrError
from ...export import MEDIA_TYPES, Export, ExportPart, Format, Spooled, Writer, written
from ...loaders import BudgetSpent
from ..disconnect import Disconnect
from ..middleware.audit import note

log = structlog.get_logger(__name__)


def too_much(error: BudgetSpent) -> str:
    return (
        f"This export costs {error.cost:,} points; the limit is {error.limit:,}. Ask for a shorter span, a wider "
        "window or fewer assets, or use `facade export`, which has no limit."
    )


class Exported(Protocol):
    def __call__(self, format_: str, outcome: str, *, rows: int, calls: int, bytes: int) -> None: ...  # noqa: A002


class Counted:
    """The parts of an export. Counts their rows against the limit, and calls and bytes for the metrics."""

    def __init__(self, export: Export, count: Callable[[int], None], format_: Format, exported: Exported) -> None:
        self._export = export
        self._count = count
        self._format = format_
        self._exported = exported
        self._rows = 0
        self._bytes = 0

    async def parts(self) -> AsyncGenerator[ExportPart]:
        async with aclosing(self._export.parts()) as parts:
            async for part in parts:
                self._rows += part.rows
                self._count(part.rows)
                yield part

    def sending(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            await send(message)
            self._bytes += len(message.get("body", b""))

        return counted

    def ended(self, outcome: str) -> None:
        self._exported(
            self._format.value, outcome, rows=self._rows, calls=self._export.read_log.calls, bytes=self._bytes
        )


class SpooledTable(FileResponse):
    """A finished file, with length, validator and ranges."""

    def __init__(self, rows: Counted, spooled: Spooled, headers: dict[str, str]) -> None:
        super().__init__(spooled.path, headers=headers, media_type=MEDIA_TYPES[Format.parquet])
        self._counted = rows
        self._spooled = spooled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, self._counted.sending(send))
        finally:
            self._spooled.release()
            self._counted.ended("ok")


class StreamedTable(Response):
    """A file that is sent while it is made. After a failure the connection is closed before the end of the file."""

    def __init__(
        self,
        rows: Counted,
        parts: AsyncGenerator[ExportPart],
        first: ExportPart | None,
        writer: Writer,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        del self.headers["Content-Length"]
        self._counted = rows
        self._parts = parts
        self._first = first
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._counted.sending(send)
        outcome = "left"
        note(scope, outcome=outcome)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with Disconnect(receive) as disconnect, aclosing(self._parts) as parts:
                disconnect.watch()
                try:
                    await _send_part(send, self._writer.begin())
                    part, self._first = self._first, None
                    while part is not None:
                        async for chunk in written(self._writer, part.runs):
                            await _send_part(send, chunk)
                        part = await anext(parts, None)
                except (ButlrError, BudgetSpent) as error:
                    outcome = "partial"
                    note(scope, outcome=outcome, codes=[error.code])
                    reason = too_much(error) if isinstance(error, BudgetSpent) else str(error)
                    log.warning("export.ended", code=error.code, reason=reason)
                    # Without a last part the server closes the connection, so that no client takes the file for
                    # complete.
                    await _send_part(send, self._writer.fail(error.code, reason))
                    return
                outcome = "ok"
                note(scope, outcome=outcome)
                await _send_part(send, self._writer.end(), more=False)
        finally:
            self._counted.ended(outcome)


async def _send_part(send: Send, body: bytes, *, more: bool = True) -> None:
    if body or not more:
        await send({"type": "http.response.body", "body": body, "more_body": more})
