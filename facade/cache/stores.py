"""Open the store of a URL: memory of this process, or a Redis shared by all replicas."""

from __future__ import annotations

from .memory import MIB, MemoryStore
from .store import Store

REDIS_SCHEMES = ("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")


def open_store(url: str, max_bytes: int = 256 * MIB) -> Store:
    """Open the store of a URL: `memory://`, or one of Redis. `max_bytes` bounds the entries in memory.

    Raises ValueError that says what to do. It never contains the URL, which may hold a password.
    """
    scheme, mark, _ = url.partition("://")
    if mark and scheme == "memory":
        return MemoryStore(max_bytes)
    if mark and scheme in REDIS_SCHEMES:
        try:
            # redis is an extra.
            from .redis.store import RedisStore  # noqa: PLC0415
            from .tiered import TieredStore  # noqa: PLC0415
        except ImportError:
            raise ValueError("a Redis cache needs: pip install 'butlr-graphql-facade[redis]'") from None
        return TieredStore(RedisStore(url), max_bytes)
    raise ValueError(
        "a cache URL starts with memory://, redis:// or rediss://, for a cluster with redis+cluster://, for a server"
        " that sentinels name with redis+sentinel://"
    )
