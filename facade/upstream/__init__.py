"""The one way to read the upstream: cache, single flight and token handling laid over the client."""

from .bodies import KEY_OF_FILTER, Body, order_of
from .callers import Caller, Passthrough, Service, Verified, tenant_scopes
from .exchange import Exchange
from .heatmaps import read_heatmap_v2
from .ledger import Ledger
from .pieces import Piece, oldest
from .reader import Answer, Call, Upstream
from .reports import Reports, read_csv
from .sightings import Sightings
from .statistics import Stats, read_stats
from .streaming import RowStream
from .tiles import Tiles

__all__ = [
    "KEY_OF_FILTER",
    "Answer",
    "Body",
    "Call",
    "Caller",
    "Exchange",
    "Ledger",
    "Passthrough",
    "Piece",
    "Reports",
    "RowStream",
    "Service",
    "Sightings",
    "Stats",
    "Tiles",
    "Upstream",
    "Verified",
    "oldest",
    "order_of",
    "read_csv",
    "read_heatmap_v2",
    "read_stats",
    "tenant_scopes",
]
