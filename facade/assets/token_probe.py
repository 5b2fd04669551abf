"""Proof that the upstream takes a caller's token, for reading what the facade holds itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..auth import Caller
from ..butlr import (
    REPORTING_PATH,
    BadInput,
    ButlrError,
    Forbidden,
    InvalidResponse,
    Reply,
    Unauthenticated,
    decode_reporting,
    format_rfc3339,
)
from ..upstream import About, Call, ReadLog, Upstream

# What no login has ever given out.
_MADE_UP = "made-up-token"
_CHEAPEST = {"measurements": ["presence"], "every": "1m"}


class Proof:
    """An inventory needs no upstream call, so a made-up token could read it: whoever asks is proven first."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._looks_at_tokens_first: bool | None = None

    async def require(self, caller: Caller, read_log: ReadLog) -> None:
        """Return for a caller whom the upstream takes, asking it at most once for all who wait.

        Raises `Unauthenticated` or `Forbidden`, and any other `ButlrError` that leaves the token unproven.
        """
        if self._upstream.rights.is_proven(caller):
            return
        if caller.expires is not None and caller.expires <= self._upstream.clock():
            raise Unauthenticated("The token has expired. Log in again for a fresh one.")
        await self._upstream.read(
            Call(
                name="proof",
                send=self._report,
                path=REPORTING_PATH,
                asked=_CHEAPEST,
                body=lambda asked: _last_minute(asked, self._upstream.now()),
                decode=_proven,
                kept_for=0,
                about=lambda: About(reasons=["an inventory is read by tokens that Butlr has taken: this one is tried"]),
            ),
            caller,
            # Not the operation's own: that its caller was proven makes no answer older.
            ReadLog(deadline=read_log.deadline, on_call=lambda _: read_log.called()),
        )

    async def _report(self, body: bytes, token: str) -> Reply:
        """An answer only where it proves the token: whatever is returned from here counts as taken."""
        try:
            reply = await self._upstream.butlr.reporting(body, token)
        except BadInput as error:
            if error.status not in (400, 422) or not await self._tokens_come_first(body):
                text = f"{error} So it is unknown whether Butlr takes the token."
                raise InvalidResponse(text, path=error.path) from error
            # Disliked, and yet authenticated.
            return Reply(error.status, {}, error.body)
        # No proxy's web page passes for an answer.
        decode_reporting(reply.content)
        return reply

    async def _tokens_come_first(self, body: bytes) -> bool:
        """Whether the upstream looks at tokens before it looks at bodies: else a 400 tells nothing of a token."""
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


def _last_minute(asked: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    stop = now.replace(second=0, microsecond=0)
    return {
        "filter": {
            "start": format_rfc3339(stop - timedelta(minutes=1)),
            "stop": format_rfc3339(stop),
            "measurements": asked["measurements"],
        },
        "window": {"every": asked["every"], "function": "last"},
        "paginate": {"page": 1, "limit": 1},
    }


def _proven(_: bytes) -> None:
    """What it says does not matter, but that it says it."""
