from __future__ import annotations

from enum import StrEnum


class CacheStatus(StrEnum):
    """How the cache served an answer, as in `X-Cache`, the log and the metrics."""

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    BYPASS = "BYPASS"
