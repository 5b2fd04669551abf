"""Probe whether the upstream accepts a caller's token, before the caller may read local data."""

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

# A token that is certainly invalid.
_MADE_UP = "made-up-token"
_CHEAPEST = {"measurements": ["presence"], "every": "1m"}


class TokenProbe:
    """Proves tokens by a call: an inventory needs no upstream call, so a made-up token could read it otherwise."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._checks_tokens_first: bool | None = None

    async def require(self, caller: Caller, read_log: ReadLog) -> None:
        """Return if the upstream accepts the caller's token. Concurrent callers share one probe.

        Raises `Unauthenticated` or `Forbidden`, or any other `ButlrError` because of which the token is not proven.
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
                about=lambda: About(reasons=["an inventory needs a token that Butlr has accepted: it is checked"]),
            ),
            caller,
            # A read log of its own, since the age of the proof is not the age of an answer.
            ReadLog(deadline=read_log.deadline, on_call=lambda _: read_log.called()),
        )

    async def _report(self, body: bytes, token: str) -> Reply:
        """Send the probe. A reply is returned only if it proves the token."""
        try:
            reply = await self._upstream.butlr.reporting(body, token)
        except BadInput as error:
            if error.status not in (400, 422) or not await self._are_tokens_checked_first(body):
                text = f"{error} So it is unknown whether Butlr accepts the token."
                raise InvalidResponse(text, path=error.path) from error
            # The body was refused, so the token was accepted before.
            return Reply(error.status, {}, error.body)
        # Fails for a proxy's web page with status 200.
        decode_reporting(reply.content)
        return reply

    async def _are_tokens_checked_first(self, body: bytes) -> bool:
        """Return whether the upstream checks tokens before bodies. If not, a 400 says nothing about the token."""
        if self._checks_tokens_first is None:
            try:
                await self._upstream.butlr.reporting(body, _MADE_UP)
            except (Unauthenticated, Forbidden):
                self._checks_tokens_first = True
            except BadInput:
                self._checks_tokens_first = False
            except ButlrError:
                return False
        return self._checks_tokens_first is True


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
    """Decode nothing: the content of the answer does not matter."""
