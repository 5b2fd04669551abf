"""The one way to read the upstream: cache, single flight and token handling laid over the client."""

from .callers import Caller, Passthrough, Service, Verified, tenant_scopes
from .exchange import Exchange
from .explain import About, Explain, Mode, NotAsked, asked_part, explained, explaining, part_of
from .ledger import Ledger
from .reader import UPSTREAM_FAILED, Answer, Call, Upstream

__all__ = [
    "UPSTREAM_FAILED",
    "About",
    "Answer",
    "Call",
    "Caller",
    "Exchange",
    "Explain",
    "Ledger",
    "Mode",
    "NotAsked",
    "Passthrough",
    "Service",
    "Upstream",
    "Verified",
    "asked_part",
    "explained",
    "explaining",
    "part_of",
    "tenant_scopes",
]
