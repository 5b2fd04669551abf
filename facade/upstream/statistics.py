"""Stats calls."""

from datetime import datetime

from ..butlr import decode_stats
from .bodies import Body, absolute, span_of
from .callers import Caller
from .ledger import Ledger
from .reader import Call, Upstream

Stats = dict[str, dict[str, float | None]]


async def read_stats(upstream: Upstream, body: Body, caller: Caller, ledger: Ledger) -> Stats:
    """Return statistics by item and measurement. Raises `ButlrError`."""

    def sent(now: datetime) -> Body:
        return absolute(body, now)

    answer = await upstream.read(
        Call(
            name="stats",
            send=upstream.butlr.stats,
            asked=body,
            body=sent,
            decode=decode_stats,
            span=span_of(body),
            empty=lambda value: not any(value.values()),
        ),
        caller,
        ledger,
    )
    return answer.value
