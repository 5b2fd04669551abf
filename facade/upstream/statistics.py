"""Stats calls."""

from ..butlr import decode_stats
from .bodies import Body, absolute, span_of
from .callers import Caller
from .ledger import Ledger
from .reader import Answer, Call, Upstream

Stats = dict[str, dict[str, float | None]]


async def read_stats(upstream: Upstream, body: Body, caller: Caller, ledger: Ledger) -> Answer[Stats]:
    """Return statistics by item and measurement. Raises `ButlrError`."""
    return await upstream.read(
        Call(
            name="stats",
            send=upstream.butlr.stats,
            asked=body,
            body=absolute,
            decode=decode_stats,
            span=span_of(body),
            empty=lambda value: not any(value.values()),
        ),
        caller,
        ledger,
    )
