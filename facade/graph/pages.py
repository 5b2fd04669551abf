"""`rows_connection`: a report's rows in pages, which are read as pages of the upstream."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from strawberry import UNSET, federation

from ..butlr import Reporting
from ..loaders import Points, ReportLoader
from ..series import Body
from ..upstream import NotAsked, plan_needs
from .fields import described
from .scalars import bad_input

DEFAULT_FIRST = 100
MOST = 1000
LONGEST_CURSOR = 64
# More than any report has. A greater page number may not be exact in JSON.
MOST_ROWS = 2**53


FIRST = f"The most rows, 1 to {MOST}. Default: {DEFAULT_FIRST}."
LAST = f"The most rows before `before`, 1 to {MOST}."
BEFORE = "A cursor, for `last`. The rows before it are returned."


def numbered(text: str) -> Any:
    """Declare a field that supergraphs omit, since the `PageInfo` of other subgraphs lacks it."""
    return federation.field(description=text, inaccessible=True)


@federation.type(
    shareable=True,
    description="The page of an answer: by cursors (the Relay cursor connections specification) and by numbers.",
)
class PageInfo:
    hasNextPage: bool = described("Whether rows come after these.")
    hasPreviousPage: bool = described("Whether rows come before these.")
    startCursor: str | None = described("The cursor of the first row: give it as `before` for the previous page.")
    endCursor: str | None = described("The cursor of the last row: give it as `after` for the next page.")
    page: int | None = numbered("The page number, from 1; null if the rows do not begin at the start of a page.")
    page_item_count: int | None = numbered("The number of rows on this page.")
    total_item_count: int | None = numbered("The number of all rows, if the upstream returns it.")
    total_pages: int | None = numbered("The number of pages, if the upstream returns it.")


@dataclass(slots=True)
class EdgeRecord:
    cursor: str
    node: Any


@dataclass(slots=True)
class PageInfoRecord:
    hasNextPage: bool
    hasPreviousPage: bool
    startCursor: str | None
    endCursor: str | None
    page: int | None
    page_item_count: int | None
    total_item_count: int | None
    total_pages: int | None


@dataclass(slots=True)
class ConnectionRecord:
    edges: list[EdgeRecord]
    pageInfo: PageInfoRecord
    total_count: int | None


def cursor_of(position: int) -> str:
    return urlsafe_b64encode(f"row:{position}".encode()).decode()


def position_of(cursor: str, argument: str = "after") -> int:
    """Return the position of a cursor's row. Raises `GraphQLError` for a cursor that is not of `rows_connection`."""
    try:
        if len(cursor) <= LONGEST_CURSOR:
            kind, _, position = urlsafe_b64decode(cursor.encode()).decode().partition(":")
            if kind == "row" and 0 <= int(position) < MOST_ROWS:
                return int(position)
    except ValueError:
        pass
    raise bad_input(
        f"{argument}: {cursor[:LONGEST_CURSOR]!r} is not a cursor of rows_connection. Use one from a page's pageInfo."
    )


def extent_of(first: Any, after: Any, last: Any, before: Any) -> tuple[int, int]:
    """Return the position of the first row asked for, and how many. Raises `GraphQLError` for invalid arguments."""
    first, after, last, before = (None if each is UNSET else each for each in (first, after, last, before))
    if last is None and before is None:
        limit = DEFAULT_FIRST if first is None else first
        if not 1 <= limit <= MOST:
            raise bad_input(f"first must be from 1 to {MOST}.")
        return position_of(after) + 1 if after else 0, limit
    if last is None or not before or first is not None or after:
        raise bad_input(
            "last needs before, and neither can be used with first or after: rows are counted from the first one, so "
            "the last rows are not known. To go backwards, give last, and a page's startCursor as before."
        )
    if not 1 <= last <= MOST:
        raise bad_input(f"last must be from 1 to {MOST}.")
    stop = position_of(before, "before")
    start = max(stop - last, 0)
    return start, stop - start


async def read_page(reports: ReportLoader, body: Body, extent: tuple[int, int]) -> ConnectionRecord:
    """Read the rows of an extent (position and number) from the one or two pages of the upstream that hold them."""
    start, limit = extent
    if body.get("group_by") or "paginate" in body:
        raise bad_input("rows_connection is only for flat reports: omit group_by and paginate.")
    if limit == 0:
        return ConnectionRecord([], PageInfoRecord(True, False, None, None, None, 0, None, None), None)
    page, skipped = divmod(start, limit)
    rows: list[Any] = []
    total: int | None = None
    more = False
    for number in (page + 1, page + 2) if skipped else (page + 1,):
        try:
            answer = await reports.whole({**body, "paginate": {"page": number, "limit": limit}})
        except NotAsked:
            if skipped and number == page + 1:
                plan_needs("whether a page follows the one upstream that a page of rows_connection begins in")
            raise
        total, more = _extent(answer, number, limit)
        rows += answer.rows()
        if not more:
            break
    kept = rows[skipped : skipped + limit]
    edges = [EdgeRecord(cursor_of(start + at), row) for at, row in enumerate(kept)]
    info = PageInfoRecord(
        hasNextPage=more or len(rows) > skipped + limit,
        hasPreviousPage=start > 0,
        startCursor=edges[0].cursor if edges else None,
        endCursor=edges[-1].cursor if edges else None,
        page=None if skipped else page + 1,
        page_item_count=len(edges),
        total_item_count=total,
        total_pages=None if total is None or skipped else ceil(total / limit),
    )
    return ConnectionRecord(edges, info, total)


def numbered_page(reporting: Reporting, paginate: Mapping[str, Any]) -> PageInfoRecord:
    """Return the page info of an answer to a body with `paginate`, with the cursors of its rows."""
    info = reporting.page_info or {}
    page, count, total, pages = (
        _whole(info.get(name)) for name in ("page", "page_item_count", "total_item_count", "total_pages")
    )
    number, limit = page or _whole(paginate.get("page")) or 1, _whole(paginate.get("limit"))
    first = None if limit is None else (number - 1) * limit
    listed = len(reporting.rows)
    return PageInfoRecord(
        hasNextPage=number < pages if pages else limit is not None and listed >= limit,
        hasPreviousPage=number > 1,
        startCursor=None if first is None or not listed else cursor_of(first),
        endCursor=None if first is None or not listed else cursor_of(first + listed - 1),
        page=page,
        page_item_count=count,
        total_item_count=total,
        total_pages=pages,
    )


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float | str) and str(value).isdigit() else None


def _extent(answer: Points, page: int, limit: int) -> tuple[int | None, bool]:
    """Return the number of all rows, if the upstream gives it, and whether pages follow this one."""
    info = (answer.reporting.page_info if answer.reporting is not None else None) or {}
    total, pages = info.get("total_item_count"), info.get("total_pages")
    known = total if isinstance(total, int) and total > 0 else None
    if known is not None:
        return known, page * limit < known
    if isinstance(pages, int) and pages > 1:
        return None, page < pages
    # A count of zero beside rows is not a count. A full page may be followed by another one.
    return None, len(answer.rows()) >= limit
