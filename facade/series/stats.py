"""Stats calls."""

from ..auth import Caller
from ..butlr import decode_stats
from ..upstream import Answer, Call, ReadLog, Upstream
from .about import about_stats
from .query import ReportQuery

Stats = dict[str, dict[str, float | None]]


async def read_stats(upstream: Upstream, query: ReportQuery, caller: Caller, read_log: ReadLog) -> Answer[Stats]:
    """Return statistics by item and measurement. Raises `ButlrError`."""
    return await upstream.read(
        Call(
            name="stats",
            send=upstream.butlr.stats,
            asked=query.body,
            decode=decode_stats,
            span=query.bounds,
            empty=lambda value: not any(value.values()),
            about=lambda: about_stats(query.body),
            rows=len,
        ),
        caller,
        read_log,
    )
