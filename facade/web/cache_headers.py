"""Response headers about caching."""

import math
import re
import time
from collections.abc import Callable
from hashlib import sha256

from starlette.datastructures import Headers

from ..upstream import ReadLog

_TAG = re.compile(r'"[^"]*"')
NEVER_KEPT = {"Cache-Control": "no-store"}


def is_fresh(cache_control: str) -> bool:
    """Return whether the caller asks for fresh data, by the request's `Cache-Control`."""
    return "no-cache" in cache_control.lower()


def read_log_of(
    headers: Headers, timeout: float | None = None, on_call: Callable[[int], None] | None = None
) -> ReadLog:
    """Return the log of what a request reads, within `timeout` seconds from now."""
    deadline = None if timeout is None else time.monotonic() + timeout
    return ReadLog(fresh=is_fresh(headers.get("cache-control", "")), deadline=deadline, on_call=on_call)


def etag_of(*parts: bytes) -> str:
    """Return a strong validator of an answer (RFC 9110, section 8.8.3)."""
    return f'"{sha256(b"".join(parts)).hexdigest()[:32]}"'


def is_known(etag: str, if_none_match: str) -> bool:
    """Return whether `If-None-Match` has this validator, weak or not, or `*` (RFC 9110, section 13.1.2)."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def cache_headers(read_log: ReadLog, *, keep: bool = True, clock: Callable[[], float] = time.time) -> dict[str, str]:
    """Return `X-Cache`, `Age` and `Cache-Control`. A private cache may keep the answer until its first part expires.

    `Age` and `max-age` count from when the oldest part was read (RFC 9111, section 4.2).
    """
    status = read_log.status
    headers: dict[str, str] = {} if status is None else {"X-Cache": status.value}
    if not keep or status is None:
        return {**headers, **NEVER_KEPT}
    now = clock()
    age, most = ages(read_log.oldest or now, read_log.fresh_until or now, now)
    headers["Cache-Control"] = f"private, max-age={0 if read_log.stale else most}"
    headers["Age"] = str(age)
    return headers


def ages(as_of: float, fresh_until: float, now: float) -> tuple[int, int]:
    """Return how old an answer is and how old it may get, in seconds; all times are epoch seconds."""
    age = max(0, math.floor(now - as_of))
    return age, age + max(0, math.floor(fresh_until - now))
