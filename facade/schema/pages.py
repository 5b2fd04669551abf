"""`rows_connection`: a report's rows page by page, each page a page upstream."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry import UNSET

from ..loaders import Points, ReportLoader
from ..series import Body
from .fields import described
from .scalars import bad_input

DEFAULT_FIRST = 100
MOST = 1000
LONGEST_CURSOR = 64
# No report has so many rows; a page number beyond is no integer of JSON.
MOST_ROWS = 2**53


@strawberry.type(description="Which part of the rows an answer holds (the Relay cursor connections specification).")
class RowsPageInfo:
    hasNextPage: bool = described("Whether rows come after these.")
    hasPreviousPage: bool = described("Whether rows come before these.")
    startCursor: str | None = described("The cursor of the first row.")
    endCursor: str | None = described("The cursor of the last row: give it as `after` for what follows.")


@dataclass(slots=True)
class EdgeRecord:
    cursor: str
    node: Any


@dataclass(slots=True)
class RowsPageInfoRecord:
    hasNextPage: bool
    hasPreviousPage: bool
    startCursor: str | None
    endCursor: str | None


@dataclass(slots=True)
class ConnectionRecord:
    edges: list[EdgeRecord]
    pageInfo: RowsPageInfoRecord
    total_count: int | None


def cursor_of(position: int) -> str:
    return urlsafe_b64encode(f"row:{position}".encode()).decode()


def position_of(cursor: str) -> int:
    """Return the place of the row that a cursor names. Raises `GraphQLError` for one that is not ours."""
    try:
        if len(cursor) <= LONGEST_CURSOR:
            kind, _, position = urlsafe_b64decode(cursor.encode()).decode().partition(":")
            if kind == "row" and 0 <= int(position) < MOST_ROWS:
                return int(position)
    except ValueError:
        pass
    raise bad_input(f"after: {cursor[:LONGEST_CURSOR]!r} is no cursor of rows_connection; give a page's endCursor.")


async def read_page(reports: ReportLoader, body: Body, first: Any, after: Any) -> ConnectionRecord:
    """Read the pages upstream that hold `first` rows after a cursor: one, or two where they lie across."""
    limit = DEFAULT_FIRST if first is UNSET or first is None else first
    if not 1 <= limit <= MOST:
        raise bad_input(f"first takes 1 to {MOST} rows.")
    if body.get("group_by") or "paginate" in body:
        raise bad_input("rows_connection pages flat reports: leave out group_by and paginate.")
    start = position_of(after) + 1 if after else 0
    page, skipped = divmod(start, limit)
    rows: list[Any] = []
    total: int | None = None
    more = False
    for number in (page + 1, page + 2) if skipped else (page + 1,):
        answer = await reports.whole({**body, "paginate": {"page": number, "limit": limit}})
        total, more = _extent(answer, number, limit)
        rows += answer.rows()
        if not more:
            break
    kept = rows[skipped : skipped + limit]
    edges = [EdgeRecord(cursor_of(start + at), row) for at, row in enumerate(kept)]
    info = RowsPageInfoRecord(
        hasNextPage=more or len(rows) > skipped + limit,
        hasPreviousPage=start > 0,
        startCursor=edges[0].cursor if edges else None,
        endCursor=edges[-1].cursor if edges else None,
    )
    return ConnectionRecord(edges, info, total)


def _extent(answer: Points, page: int, limit: int) -> tuple[int | None, bool]:
    """How many rows there are in all, where the upstream says, and whether pages follow this one."""
    info = (answer.reporting.page_info if answer.reporting is not None else None) or {}
    total, pages = info.get("total_item_count"), info.get("total_pages")
    known = total if isinstance(total, int) and total > 0 else None
    if known is not None:
        return known, page * limit < known
    if isinstance(pages, int) and pages > 1:
        return None, page < pages
    # Counts of zero beside rows are no counts: a full page may have one after it.
    return None, len(answer.rows()) >= limit
