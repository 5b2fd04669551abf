"""What the cache says of an answer, as headers."""

import math
import time
from collections.abc import Callable, Mapping

from ..upstream import Ledger


def is_fresh(headers: Mapping[str, str]) -> bool:
    """Whether the caller asks for fresh data."""
    return "no-cache" in headers.get("cache-control", "").lower()


def cache_headers(ledger: Ledger, *, keep: bool = True, clock: Callable[[], float] = time.time) -> dict[str, str]:
    """`X-Cache`, and how long a private cache may keep the answer: as long as its shortest part."""
    status = ledger.status
    headers: dict[str, str] = {} if status is None else {"X-Cache": status.value}
    if not keep or status is None:
        headers["Cache-Control"] = "no-store"
        return headers
    now = clock()
    fresh_for = max(0, math.floor((ledger.fresh_until or now) - now))
    headers["Cache-Control"] = f"private, max-age={fresh_for}"
    headers["Age"] = str(max(0, math.floor(now - (ledger.oldest or now))))
    return headers
