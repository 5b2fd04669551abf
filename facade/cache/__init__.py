"""The cache: policy, keys and stores. The only package that uses aiocache."""

from .bounded import Bounded
from .entry import Entry
from .keys import canonical, key, scope_prefix, token_scope
from .memory import MemoryStore
from .policy import Lifetime, Rules, Span, asset_lifetime, lifetime
from .single_flight import FlightCancelled, SingleFlight
from .status import CacheStatus
from .store import Store, Stream
from .stores import REDIS_SCHEMES, open_store

__all__ = [
    "REDIS_SCHEMES",
    "Bounded",
    "CacheStatus",
    "Entry",
    "FlightCancelled",
    "Lifetime",
    "MemoryStore",
    "Rules",
    "SingleFlight",
    "Span",
    "Store",
    "Stream",
    "asset_lifetime",
    "canonical",
    "key",
    "lifetime",
    "open_store",
    "scope_prefix",
    "token_scope",
]
