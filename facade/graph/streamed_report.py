"""A report whose rows are sent while its answer is still being received."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

from ..loaders import ReportLoader, RowStream
from ..series import Body, ReportQuery, with_windows
from .report_records import ReportRecord
from .selection import ResolveInfo, is_on, nodes


def _of_whole(name: str) -> Any:
    """Declare a field that waits for the whole answer."""

    async def read(self: "StreamedReport") -> Any:
        return getattr(await self.whole(), name)

    def field(self: "StreamedReport") -> Coroutine[Any, Any, Any]:
        return read(self)

    return property(field)


class StreamedReport:
    """The record behind a `Report` with streamed rows, in place of `ReportRecord`."""

    def __init__(self, stream: RowStream, query: ReportQuery, reports: ReportLoader, body: Body) -> None:
        self._stream = stream
        self._query = query
        self._reports = reports
        self._record: ReportRecord | None = None
        self.body = body

    @property
    def rows(self) -> AsyncIterator[Any]:
        return self._rows()

    async def _rows(self) -> AsyncIterator[Any]:
        windows = self._reports.windows_of(self._query)
        async for row in self._stream.rows():
            yield with_windows([row], windows)[0]

    async def whole(self) -> ReportRecord:
        if self._record is None:
            points = self._reports.points_of(await self._stream.answer(), self._query)
            self._record = ReportRecord(points, self.body)
        return self._record

    series = _of_whole("series")
    groups = _of_whole("groups")
    data = _of_whole("data")
    page_info = _of_whole("page_info")
    freshness = _of_whole("freshness")


def streams_rows(info: ResolveInfo, body: Body) -> bool:
    """Return whether `rows` is selected with `@stream`, and the report is flat, so that rows can be sent early."""
    if body.get("group_by"):
        return False
    # Strawberry's executor hands resolvers the plain coerced values.
    values: Any = info.variable_values
    return any(node.name.value == "rows" and is_on(node, ("stream",), values) for node in nodes(info))
