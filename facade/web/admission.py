"""Who asks, and whether they may ask now: the same for GraphQL, REST and v2."""

from collections.abc import Callable, Container

from starlette.requests import Request

from ..butlr import Unauthenticated
from ..upstream import Caller
from .audit import note_caller
from .callers import Callers
from .guard import is_forged
from .params import BadRequest
from .rates import RateLimit, address_of, counted_as

# Whether the upstream or the issuer's keys have proven the caller's token.
Proven = Callable[[Caller], bool]


class Admission:
    """Tells callers apart and counts their requests: by what proves who they are, else by address."""

    def __init__(
        self,
        callers: Callable[[], Callers],
        proven: Proven,
        *,
        rate_limit: RateLimit | None = None,
        cors_origins: Container[str] = (),
    ) -> None:
        self._callers = callers
        self._proven = proven
        self._rate_limit = rate_limit
        self._cors_origins = cors_origins

    async def caller(self, request: Request) -> Caller | None:
        """Return who asks, None where nobody says so. Raises `Unauthenticated` and `RateLimited`."""
        try:
            caller = await self._callers().of(request.headers)
        except Unauthenticated:
            # Guesses count, too.
            await self.count_address(request)
            raise
        note_caller(request.scope, caller)
        if self._rate_limit:
            proven = caller is not None and self._proven(caller)
            await self._rate_limit.check(counted_as(caller, proven=proven) or address_of(request))
        return caller

    async def count_address(self, request: Request) -> None:
        """Count a request of which nobody knows whose it is. Raises `RateLimited`."""
        if self._rate_limit:
            await self._rate_limit.check(address_of(request))

    def refuse_forged(self, request: Request) -> None:
        """Raise `BadRequest` for what a page of another site made a browser send."""
        if is_forged(request.headers, self._cors_origins):
            raise BadRequest(403, "A page of another site made this request. Send an Authorization header with it.")
