"""Butlr's REST calls as methods. The time series calls return bytes, which their own modules decode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from ._loose import integer, number, text
from .errors import BadInput, Unauthenticated, undecodable
from .http import Hear, Http, Reply
from .native import raise_refusal
from .tokens import jwt_expiry

LOGIN_PATH = "/api/v2/login"
CLIENT_LOGIN_PATH = "/api/v2/clients/login"
# An assumption: Butlr's docs describe the refresh call without its path. BUTLR_REFRESH_PATH overrides it.
REFRESH_PATH = "/api/v2/login/refresh"
REPORTING_PATH = "/api/v3/reporting"
DETECTIONS_PATH = "/api/v3/detections"
STATS_PATH = "/api/v4/reporting/stats"
NATIVE_PATH = "/api/v3/graphql"

DEFAULT_AUDIENCE = "https://butlrauth/"
DEFAULT_EXPIRES_IN = 3600


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of a login. `expires_in` is in seconds from the login."""

    access_token: str = field(repr=False)
    expires_in: int
    token_type: str = field(default="Bearer")
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scope: str | None = None


class Butlr:
    """A client of the REST API. It retries nothing: a refresh token rotates, and other retries are the caller's job."""

    def __init__(self, http: Http, *, refresh_path: str = REFRESH_PATH, clock: Callable[[], float] = time.time) -> None:
        self.http = http
        self.refresh_path = refresh_path
        self._clock = clock

    async def login(self, username: str, password: str) -> TokenSet:
        return await self._session(LOGIN_PATH, {"username": username, "password": password})

    async def refresh(self, client_id: str, refresh_token: str) -> TokenSet:
        """Return new tokens; the given refresh token is spent. `client_id` is the access token's `azp` claim."""
        return await self._session(self.refresh_path, {"client_id": client_id, "refresh_token": refresh_token})

    async def client_login(
        self,
        client_id: str,
        client_secret: str,
        audience: str = DEFAULT_AUDIENCE,
        grant_type: str = "client_credentials",
    ) -> TokenSet:
        body = {
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": audience,
            "grant_type": grant_type,
        }
        return await self._session(CLIENT_LOGIN_PATH, body)

    async def reporting(self, body: bytes, token: str, hear: Hear | None = None) -> Reply:
        """Make a reporting call. Its answer may be packed. `hear` is called with its chunks as they are received."""
        return await self.http.call("POST", REPORTING_PATH, body=body, token=token, packs=True, hear=hear)

    async def reporting_csv(self, body: bytes, token: str) -> Reply:
        """Make a reporting call for CSV, which is not parsed."""
        return await self.http.call("POST", REPORTING_PATH, body=body, token=token)

    async def detections(self, body: bytes, token: str) -> Reply:
        return await self.http.call("POST", DETECTIONS_PATH, body=body, token=token)

    async def stats(self, body: bytes, token: str) -> Reply:
        return await self.http.call("POST", STATS_PATH, body=body, token=token)

    async def native(self, body: bytes, token: str) -> Reply:
        """Call Butlr's own GraphQL API. A refusal of the token is raised whatever its status."""
        try:
            reply = await self.http.call("POST", NATIVE_PATH, body=body, token=token)
        except BadInput as error:
            raise_refusal(error.body, NATIVE_PATH)
            raise
        raise_refusal(reply.body, NATIVE_PATH)
        return reply

    async def aclose(self) -> None:
        await self.http.aclose()

    async def _session(self, path: str, body: dict[str, str]) -> TokenSet:
        try:
            reply = await self.http.call("POST", path, body=orjson.dumps(body))
        except Unauthenticated as exc:
            # A 401 to a login is about the credentials, not about a token.
            exc.message = f"Butlr refused the credentials (401 on {path}). Check them and try again."
            exc.args = (exc.message,)
            raise
        return self._read_session(reply.body, path)

    def _read_session(self, body: bytes, path: str) -> TokenSet:
        try:
            answer: Any = orjson.loads(body)
        except ValueError as exc:
            raise undecodable(body, path, "a session") from exc
        if not isinstance(answer, dict) or not text(answer.get("access_token")):
            raise undecodable(body, path, "a session with an access token")
        return TokenSet(
            access_token=answer["access_token"],
            expires_in=self._lifetime(answer),
            token_type=text(answer.get("token_type")) or "Bearer",
            refresh_token=text(answer.get("refresh_token")),
            id_token=text(answer.get("id_token")),
            scope=text(answer.get("scope")),
        )

    def _lifetime(self, answer: dict[str, Any]) -> int:
        said = number(answer.get("expires_in"))
        if said is not None and said >= 1:
            return int(said)
        expiry = jwt_expiry(answer["access_token"])
        left = 0 if expiry is None else integer(expiry - self._clock()) or 0
        # An opaque token without `expires_in`: an hour, as in some of Butlr's samples. If that is too long, it costs
        # one 401 and a new login; if it is too short, an extra login.
        return left if left >= 1 else DEFAULT_EXPIRES_IN
