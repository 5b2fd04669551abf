"""Stats calls."""

from ..butlr import decode_stats
from ..upstream import Answer, Call, Caller, Ledger, Upstream
from .about import about_stats
from .query import Query

Stats = dict[str, dict[str, float | None]]


async def read_stats(upstream: Upstream, query: Query, caller: Caller, ledger: Ledger) -> Answer[Stats]:
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
        ledger,
    )
