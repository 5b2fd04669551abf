"""Proof that the upstream takes a caller's token, for reading what the facade holds itself."""

from datetime import UTC, datetime, timedelta

from ..butlr import BadInput, ButlrError, Forbidden, Unauthenticated, format_rfc3339
from ..cache import SingleFlight, canonical
from ..upstream import Caller, Ledger, Upstream

# What no login has ever given out.
_MADE_UP = "made-up-token"


class Proof:
    """An inventory needs no upstream call, so a made-up token could read it: whoever asks is proven first."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._flights = SingleFlight()
        self._looks_at_tokens_first: bool | None = None

    async def require(self, caller: Caller, ledger: Ledger) -> None:
        """Return for a caller whom the upstream takes, asking it at most once for all who wait.

        Raises `Unauthenticated` or `Forbidden`, and any other `ButlrError` that leaves the token unproven.
        """
        if self._upstream.accepted(caller):
            return
        if caller.expires is not None and caller.expires <= self._upstream.clock():
            raise Unauthenticated("The token has expired. Log in again for a fresh one.")
        ledger.called()
        await self._flights.run(caller.scope, lambda: self._ask(caller))

    async def _ask(self, caller: Caller) -> None:
        body = self._cheapest_report()
        try:
            await self._upstream.exchange(self._upstream.butlr.reporting, body, caller)
        except BadInput as error:
            # Disliked, and yet authenticated, if the upstream looks at tokens before it looks at bodies.
            if error.status not in (400, 422) or not await self._tokens_come_first(body):
                raise

    async def _tokens_come_first(self, body: bytes) -> bool:
        if self._looks_at_tokens_first is None:
            try:
                await self._upstream.butlr.reporting(body, _MADE_UP)
            except (Unauthenticated, Forbidden):
                self._looks_at_tokens_first = True
            except BadInput:
                self._looks_at_tokens_first = False
            except ButlrError:
                return False
        return self._looks_at_tokens_first is True

    def _cheapest_report(self) -> bytes:
        now = datetime.fromtimestamp(self._upstream.clock(), UTC).replace(second=0, microsecond=0)
        return canonical(
            {
                "filter": {
                    "start": format_rfc3339(now - timedelta(minutes=1)),
                    "stop": format_rfc3339(now),
                    "measurements": ["presence"],
                },
                "window": {"every": "1m", "function": "last"},
                "paginate": {"page": 1, "limit": 1},
            }
        )
