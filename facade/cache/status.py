from __future__ import annotations

from enum import StrEnum


class CacheStatus(StrEnum):
    """How an answer came about, in the words of `X-Cache`, the log and the metrics."""

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    BYPASS = "BYPASS"
