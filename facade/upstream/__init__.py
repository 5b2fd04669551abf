"""The one way to read the upstream: cache, single flight and token handling laid over the client."""

from .callers import Caller, Passthrough, Service, Verified, tenant_scopes
from .exchange import Exchange
from .ledger import Ledger
from .reader import UPSTREAM_FAILED, Answer, Call, Upstream

__all__ = [
    "UPSTREAM_FAILED",
    "Answer",
    "Call",
    "Caller",
    "Exchange",
    "Ledger",
    "Passthrough",
    "Service",
    "Upstream",
    "Verified",
    "tenant_scopes",
]
