"""Who asks: whose token goes upstream, and whose cached answers may be read."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Protocol

import orjson

from ..butlr import ServiceTokens, jwt_expiry
from ..cache import token_scope

# What OpenID Connect says a token tells of its user: no rights to anything.
_OF_IDENTITY = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


class Caller(Protocol):
    """`scope` names who may read a cached answer; `expires` is the token's own end, epoch seconds.

    `flight` names whose calls upstream may be shared while they are under way: never another token's, for what the
    upstream says to one token, such as that it is revoked, is not said to another. `unshared` says in words who may
    not read the scope's answers; None where every caller may.
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
    """A caller with a bearer token of their own, which goes upstream as it is."""

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
    """A caller whose token nobody has checked but the upstream: what it may read from the cache is limited in time."""

    verified = False
    unshared = "not shared: another token has answers of its own"

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.expires = jwt_expiry(token)


class Verified(_Bearer):
    """A caller whose token's signature and claims have been verified.

    Callers whom the same issuer gave the same permissions of the same tenant read the same cache, so that a token's
    successor finds it warm.
    """

    verified = True
    unshared = "not shared: another tenant, or other permissions, have answers of their own"

    def __init__(self, token: str, claims: Mapping[str, Any], *, tenant_claim: str) -> None:
        """`claims` are verified ones, `exp` among them."""
        super().__init__(token)
        self.expires = float(claims["exp"])
        # Whose token it is, whichever of theirs; where the issuer does not say, the token itself.
        subject = claims.get("sub")
        self.subject = _digest([claims.get("iss"), subject]) if isinstance(subject, str) and subject else self.flight
        tenant = claims.get(tenant_claim)
        self.tenant = tenant if isinstance(tenant, str) and tenant else None
        if self.tenant is not None:
            self.scope = _tenant_scope(self.tenant, claims)


def tenant_scopes(tenant: str) -> str:
    """What the scopes of all callers of a tenant start with."""
    return f"j-{_digest(tenant)[:16]}-"


def _tenant_scope(tenant: str, claims: Mapping[str, Any]) -> str:
    permissions = _permissions(claims)
    # Where nothing is said of rights, they are the subject's own; without a subject, the token's.
    whose = None if permissions else claims.get("sub") or claims
    return tenant_scopes(tenant) + _digest([claims.get("iss"), tenant, permissions, whose])[:32]


def _permissions(claims: Mapping[str, Any]) -> list[str]:
    """What a token lets its bearer do; empty where it does not say."""
    listed = claims.get("permissions")
    if listed is None:
        scope = claims.get("scope")
        listed = [name for name in scope.split() if name not in _OF_IDENTITY] if isinstance(scope, str) else []
    return sorted({str(name) for name in listed}) if isinstance(listed, list) else []


def _digest(value: Any) -> str:
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Service:
    """Any caller of a facade that logs in by itself: all share one login and one cache.

    `key` is the number of the API key that let this one in, where keys are asked for.
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
        """Drop the refused token, so that the next `token()` logs in once however many were refused."""
        self._tokens.invalidate(refused)
        return True
