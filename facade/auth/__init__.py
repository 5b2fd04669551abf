"""Callers, their tokens, and how a token is proven."""

from .callers import Caller, Passthrough, Service, Verified, tenant_scopes

__all__ = ["Caller", "Passthrough", "Service", "Verified", "tenant_scopes"]
