"""Callers: the token that is sent upstream, and the scope whose cached answers may be read."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Protocol

import orjson

from ..butlr import ServiceTokens, jwt_expiry
from ..cache import token_scope

# The scopes of OpenID Connect that are about the user's identity, and give no rights.
_OF_IDENTITY = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


class Caller(Protocol):
    """A caller. `scope` says which cached answers it may read; `expires` is the token's expiry in epoch seconds.

    `flight` says with whom it shares upstream calls: never with another token, since the answer to one token, such as
    that it is revoked, does not hold for another. `unshared` says in words who may not read the scope's answers; None
    if every caller may.
    """

    @property
    def scope(self) -> str: ...
    @property
    def flight(self) -> str: ...
    @property
    def expires(self) -> float | None: ...
    @property
    def verified(self) -> bool: ...
    @property
    def unshared(self) -> str | None: ...
    async def token(self) -> str: ...
    def renew(self, refused: str) -> bool: ...


class _Bearer:
    """A caller with its own bearer token, which is sent upstream unchanged."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.scope = self.flight = token_scope(token)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scope})"

    async def token(self) -> str:
        return self._token

    def renew(self, refused: str) -> bool:  # noqa: ARG002 -- the caller's token is the only one there is
        return False


class Passthrough(_Bearer):
    """A caller whose token only the upstream checks. It may read the cache only for a time after such a check."""

    verified = False
    unshared = "not shared: each token has its own answers"

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.expires = jwt_expiry(token)


class Verified(_Bearer):
    """A caller whose token's signature and claims have been verified.

    Callers with the same issuer, tenant and permissions share one cache, so that a renewed token finds it filled.
    """

    verified = True
    unshared = "not shared: another tenant, or other permissions, have their own answers"

    def __init__(self, token: str, claims: Mapping[str, Any], *, tenant_claim: str) -> None:
        """Take verified claims, which include `exp`."""
        super().__init__(token)
        self.expires = float(claims["exp"])
        # All tokens of one subject share it. Without a `sub` claim it is the token's own.
        subject = claims.get("sub")
        self.subject = _digest([claims.get("iss"), subject]) if isinstance(subject, str) and subject else self.flight
        tenant = claims.get(tenant_claim)
        self.tenant = tenant if isinstance(tenant, str) and tenant else None
        if self.tenant is not None:
            self.scope = _tenant_scope(self.tenant, claims)


def tenant_scopes(tenant: str) -> str:
    """Return the prefix of the scopes of all callers of a tenant."""
    return f"j-{_digest(tenant)[:16]}-"


def _tenant_scope(tenant: str, claims: Mapping[str, Any]) -> str:
    permissions = _permissions(claims)
    # Without permissions in the token, its rights may be the subject's own; without a subject, the token's own.
    whose = None if permissions else claims.get("sub") or claims
    return tenant_scopes(tenant) + _digest([claims.get("iss"), tenant, permissions, whose])[:32]


def _permissions(claims: Mapping[str, Any]) -> list[str]:
    """Return the permissions in a token's claims; empty if it has none."""
    listed = claims.get("permissions")
    if listed is None:
        scope = claims.get("scope")
        listed = [name for name in scope.split() if name not in _OF_IDENTITY] if isinstance(scope, str) else []
    return sorted({str(name) for name in listed}) if isinstance(listed, list) else []


def _digest(value: Any) -> str:
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Service:
    """A caller of a facade with a login of its own (FACADE_AUTH=service). All share this login and one cache.

    `key` is the number of the caller's API key, if keys are required.
    """

    verified = True
    expires: float | None = None
    unshared: str | None = None

    def __init__(self, tokens: ServiceTokens, *, scope: str, key: int | None = None) -> None:
        self._tokens = tokens
        self.key = key
        self.scope = self.flight = scope

    def __repr__(self) -> str:
        return f"Service({self.scope})"

    def with_key(self, number: int) -> "Service":
        return Service(self._tokens, scope=self.scope, key=number)

    async def token(self) -> str:
        return await self._tokens.token()

    def renew(self, refused: str) -> bool:
        """Drop a refused token. The next `token()` logs in, once for all refused calls."""
        self._tokens.invalidate(refused)
        return True
