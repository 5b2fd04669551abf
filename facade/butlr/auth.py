"""The service's own token: one login for the token's lifetime, renewed before it expires."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from .client import CLIENT_LOGIN_PATH, Butlr
from .errors import BadInput, ButlrError, Forbidden, NotFound, RateLimited, Unauthenticated, UpstreamUnavailable

MAX_RENEWAL_MARGIN = 300.0
MAX_LOGIN_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and its times, in epoch seconds."""

    token: str = field(repr=False)
    renew_at: float
    expires_at: float


class TokenStore(Protocol):
    """A store in which replicas share their login. If it cannot be reached, it is empty, and no error is raised."""

    async def get(self) -> HeldToken | None: ...

    async def put(self, held: HeldToken, lifetime: float) -> None:
        """Store a token for `lifetime` seconds, in place of the previous one."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait, for a limited time, until no other replica is logging in."""
        ...


@dataclass(frozen=True, slots=True)
class _Failure:
    error: ButlrError
    since: float
    pause: float

    def holds(self, now: float) -> bool:
        # If the clock was set back, the failure is forgotten, so that it does not last for hours.
        return 0 <= now - self.since < self.pause


class ServiceTokens:
    """Provides the service's token. For `refusal_pause` or `fault_pause` seconds after a failed login no other is made.

    With a `token_store` the token of another replica's login is used too.
    """

    def __init__(
        self,
        butlr: Butlr,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], float] = time.time,
        refusal_pause: float = 5.0,
        fault_pause: float = 1.0,
        token_store: TokenStore | None = None,
    ) -> None:
        self._butlr = butlr
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._refusal_pause = refusal_pause
        self._fault_pause = fault_pause
        self._token_store = token_store
        self._held: HeldToken | None = None
        # The last refused token, which the token store may still hold for a moment.
        self._refused: str | None = None
        self._failure: _Failure | None = None
        self._login: asyncio.Task[str | ButlrError] | None = None
        self._invalidated_at: float | None = None
        self._closed = False

    async def token(self) -> str:
        """Return a valid token. Raises the error of the login."""
        now = self._clock()
        failure = self._failure if self._failure is not None and self._failure.holds(now) else None
        if self._held is not None and now < self._held.expires_at:
            if now >= self._held.renew_at and failure is None:
                self._running_login()
            return self._held.token
        if failure is not None and self._login is None:
            # A copy, since one exception that is raised in many tasks would collect all their tracebacks.
            raise copy.copy(failure.error)
        result = await self._outcome(self._running_login())
        if isinstance(result, ButlrError):
            raise copy.copy(result)
        return result

    def invalidate(self, token: str) -> None:
        """Drop `token`, to which the upstream answered 401. Many calls for one token cause a single login."""
        if self._held is None or self._held.token != token:
            return
        now = self._clock()
        self._held, self._refused = None, token
        last, self._invalidated_at = self._invalidated_at, now
        if last is not None and 0 <= now - last < self._refusal_pause:
            # The token from after the last 401 was refused as well, so another login would not help.
            self._failure = _Failure(self._refusal(401), now, self._refusal_pause)

    async def aclose(self) -> None:
        self._closed = True
        if self._login is not None:
            self._login.cancel()
            await asyncio.gather(self._login, return_exceptions=True)

    def _running_login(self) -> asyncio.Task[str | ButlrError]:
        if self._closed:
            raise self._closed_error()
        if self._login is None:
            self._login = asyncio.create_task(self._log_in(), name="butlr-login")
            self._login.add_done_callback(self._login_done)
        return self._login

    def _login_done(self, _: asyncio.Task[str | ButlrError]) -> None:
        self._login = None

    async def _outcome(self, login: asyncio.Task[str | ButlrError]) -> str | ButlrError:
        try:
            # Shielded, so that the cancellation of one caller does not end the login for the others.
            return await asyncio.shield(login)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if login.cancelled() and caller is not None and not caller.cancelling():
                raise self._closed_error() from None
            raise

    async def _log_in(self) -> str | ButlrError:
        if self._token_store is None:
            return await self._log_in_alone()
        if token := await self._taken(self._token_store):
            return token
        async with self._token_store.turn():
            # The previous holder of the lock may have logged in for all replicas.
            if token := await self._taken(self._token_store):
                return token
            result = await self._log_in_alone()
            if self._held is not None and result == self._held.token:
                await self._token_store.put(self._held, self._held.expires_at - self._clock())
            return result

    async def _taken(self, token_store: TokenStore) -> str | None:
        """Use the token of another replica, if it is new here and valid for a while."""
        shared = await token_store.get()
        if shared is None or shared.token == self._refused or self._clock() >= shared.renew_at:
            return None
        self._held, self._failure = shared, None
        return shared.token

    async def _log_in_alone(self) -> str | ButlrError:
        # The lifetime counts from before the call, so that the token does not expire earlier than assumed.
        start = self._clock()
        try:
            session = await self._butlr.client_login(self._client_id, self._client_secret)
        except ButlrError as exc:
            failure = self._failure = self._remembered(exc)
            return failure.error
        margin = min(MAX_RENEWAL_MARGIN, session.expires_in / 5)
        expires_at = start + session.expires_in
        self._held = HeldToken(session.access_token, expires_at - margin, expires_at)
        self._failure = None
        return session.access_token

    def _remembered(self, exc: ButlrError) -> _Failure:
        now = self._clock()
        if isinstance(exc, RateLimited):
            return _Failure(exc, now, max(self._fault_pause, min(exc.retry_after, MAX_LOGIN_PAUSE)))
        if isinstance(exc, BadInput | Unauthenticated | Forbidden | NotFound):
            # Butlr's message about the credentials is for the operator, not for callers.
            return _Failure(self._refusal(exc.status), now, self._refusal_pause)
        return _Failure(exc, now, self._fault_pause)

    def _refusal(self, status: int | None) -> Unauthenticated:
        return Unauthenticated(
            f"Butlr refused the service's credentials ({status} on {CLIENT_LOGIN_PATH}). "
            "Check BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET.",
            path=CLIENT_LOGIN_PATH,
            status=status,
        )

    def _closed_error(self) -> UpstreamUnavailable:
        return UpstreamUnavailable("The service's login is closed.", path=CLIENT_LOGIN_PATH, sent=False)
