"""Who asks: whose token goes upstream, and whose cached answers may be read."""

from typing import Protocol

from ..butlr import ServiceTokens, jwt_expiry
from ..cache import token_scope


class Caller(Protocol):
    """`scope` names who may read a cached answer; `expires` is the token's own end, epoch seconds."""

    @property
    def scope(self) -> str: ...
    @property
    def expires(self) -> float | None: ...
    @property
    def verified(self) -> bool: ...
    async def token(self) -> str: ...
    def renew(self, refused: str) -> bool: ...


class Passthrough:
    """A caller with a bearer token of their own, which goes upstream as it is."""

    # Nobody has checked the token but the upstream, so what it may read from the cache is limited in time.
    verified = False

    def __init__(self, token: str) -> None:
        self._token = token
        self.scope = token_scope(token)
        self.expires = jwt_expiry(token)

    def __repr__(self) -> str:
        return f"Passthrough({self.scope})"

    async def token(self) -> str:
        return self._token

    def renew(self, refused: str) -> bool:  # noqa: ARG002 -- the caller's token is the only one there is
        return False


class Service:
    """Any caller of a facade that logs in by itself: all share one login and one cache."""

    verified = True
    expires: float | None = None

    def __init__(self, tokens: ServiceTokens, *, scope: str) -> None:
        self._tokens = tokens
        self.scope = scope

    def __repr__(self) -> str:
        return f"Service({self.scope})"

    async def token(self) -> str:
        return await self._tokens.token()

    def renew(self, refused: str) -> bool:
        """Drop the refused token, so that the next `token()` logs in once however many were refused."""
        self._tokens.invalidate(refused)
        return True
