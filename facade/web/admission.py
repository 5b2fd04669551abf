"""Authenticate callers and apply rate limits, equally for GraphQL, REST and v2."""

from collections.abc import Callable, Container
from dataclasses import KW_ONLY, dataclass

from starlette.datastructures import Headers
from starlette.requests import Request

from ..auth import Caller
from ..butlr import Unauthenticated
from .authentication import Authentication
from .graphql_request import BadRequest
from .middleware.audit import note_caller
from .middleware.csrf import is_forged
from .rate_limit import RateLimit, address_of, counted_as

# Returns whether the upstream or the issuer's keys have proven a caller's token.
Proven = Callable[[Caller], bool]


@dataclass(frozen=True, slots=True)
class Admission:
    """Authenticates callers and counts their requests: by proven identity, else by address."""

    callers: Callable[[], Authentication]
    proven: Proven
    _: KW_ONLY
    rate_limit: RateLimit | None = None
    cors_origins: Container[str] = ()

    async def caller(self, request: Request) -> Caller | None:
        """Count a request and return its caller; None without credentials. Raises `Unauthenticated`, `RateLimited`."""
        caller = await self.known(request.headers, address_of(request))
        note_caller(request.scope, caller)
        await self.count(caller, address_of(request))
        return caller

    async def caller_with_token(self, request: Request) -> Caller:
        """Do as `caller`, but raise `Unauthenticated` without credentials, and `BadRequest` for a forged request."""
        self.refuse_forged(request)
        caller = await self.caller(request)
        if caller is None:
            raise Unauthenticated("This needs a token, sent as `Authorization: Bearer …`.")
        return caller

    async def known(self, headers: Headers, address: str) -> Caller | None:
        """Return the caller without counting the request. Raises `Unauthenticated` and `RateLimited`."""
        try:
            return await self.callers().of(headers)
        except Unauthenticated:
            # Wrong credentials count too, so that guessing is limited.
            await self._count(address)
            raise

    async def count(self, caller: Caller | None, address: str) -> None:
        """Count an operation. Raises `RateLimited`."""
        own = counted_as(caller, proven=True)
        if own is None or caller is None or not self.proven(caller):
            await self._count(address)
        if own is not None:
            # A caller that is not proven counts for its token as well as for its address, so that its count goes on
            # once it is proven.
            await self._count(own)

    async def count_address(self, request: Request) -> None:
        """Count a request without a caller, by its address. Raises `RateLimited`."""
        await self._count(address_of(request))

    async def _count(self, who: str) -> None:
        if self.rate_limit:
            await self.rate_limit.check(who)

    def refuse_forged(self, request: Request) -> None:
        """Raise `BadRequest` for a request that a page of another site made a browser send."""
        if is_forged(request.headers, self.cors_origins):
            raise BadRequest(403, "A page of another site made this request. Send an Authorization header with it.")
