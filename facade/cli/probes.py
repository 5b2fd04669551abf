"""The probes of `facade check`: one small call of each kind, and advice for each class of error."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import orjson

from ..butlr import (
    BadInput,
    Butlr,
    ButlrError,
    Duration,
    Forbidden,
    Http,
    InvalidResponse,
    NotFound,
    RateLimited,
    Reporting,
    Row,
    TokenSet,
    Unauthenticated,
    UpstreamUnavailable,
    Windows,
    decode_detections,
    decode_reporting,
    decode_stats,
    format_rfc3339,
    to_rfc3339,
)
from ..settings import Settings
from .configured import settings_put_to_use

T = TypeVar("T")

BUTLR = "https://api.butlr.io"
MEND_REFUSED = "Give another token (--token or BUTLR_TOKEN), or let the facade log in by itself."
MEND_CLIENT = "Check BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET."
MEND_USER = "Check --username and the password."


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials from the command line. The client's own are in the settings."""

    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    call: str
    result: Literal["works", "fails", "skipped"]
    detail: str
    mend: str | None = None
    code: str | None = None
    ms: float | None = None


async def probe(settings: Settings, credentials: Credentials) -> list[Result]:
    """Try each call with the given token, else the user's, else the client's. Raises `WrongUsage`."""
    with settings_put_to_use():
        http = Http(settings.base_url, timeout=settings.upstream_timeout)
    async with http:
        probes = _Probes(settings, Butlr(http, refresh_path=settings.refresh_path))
        await probes.run(credentials)
        return probes.mended()


HALF_HOURS = Windows(Duration(seconds=1800))
LOOKED_AT = timedelta(hours=6)


class _Probes:
    def __init__(self, settings: Settings, butlr: Butlr) -> None:
        self._settings = settings
        self._butlr = butlr
        self._now = datetime.now(UTC).replace(microsecond=0)
        self.results: list[Result] = []
        # By index in the results: the error, and the advice for a 401.
        self._failed: dict[int, tuple[ButlrError, str]] = {}

    async def run(self, credentials: Credentials) -> None:
        token = await self._log_in(credentials)
        if token is None:
            for call in ("reporting", "detections", "stats"):
                self._skip(call, "There is no token.")
            return
        refused = MEND_REFUSED if token == credentials.token else "Log in again."
        rows = await self._reporting(token, refused)
        if rows is None:
            for call in ("detections", "stats"):
                self._skip(call, "The report, which would name the asset to ask for, failed.")
            return
        await self._detections(token, refused, rows)
        await self._stats(token, refused, rows)

    def mended(self) -> list[Result]:
        """Return the results with advice for each failure: a single 404 means something else than only 404s."""
        tried = [result for result in self.results if result.result != "skipped"]
        others_answer = any(result.code != NotFound.code for result in tried)
        return [
            replace(result, mend=mend(*self._failed[at], base_url=self._settings.base_url, others_answer=others_answer))
            if at in self._failed
            else result
            for at, result in enumerate(self.results)
        ]

    async def _log_in(self, credentials: Credentials) -> str | None:
        client: TokenSet | None = None
        user: TokenSet | None = None
        id_, secret = self._settings.client_id, self._settings.client_secret
        if id_ and secret:
            login = self._butlr.client_login
            client = await self._try(
                "client login", lambda: login(id_, secret.get_secret_value()), _lifetime, refused=MEND_CLIENT
            )
        else:
            self._skip("client login", "BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET are not set.")
        if credentials.username:
            username, password = credentials.username, credentials.password or ""
            user = await self._try(
                "user login", lambda: self._butlr.login(username, password), _lifetime, refused=MEND_USER
            )
        if credentials.token:
            return credentials.token
        session = user if credentials.username else client
        return session.access_token if session else None

    async def _reporting(self, token: str, refused: str) -> list[Row] | None:
        # Whole half hours, since Butlr answers only with windows that are closed and have landed.
        stop = HALF_HOURS.floor(self._now)
        span = {"start": format_rfc3339(stop - LOOKED_AT), "stop": format_rfc3339(stop)}
        body = {
            "filter": {**span, "measurements": ["presence", "traffic"], "value": {"gte": 0}},
            "window": {"every": "30m", "function": "last"},
        }

        async def ask() -> Reporting:
            return decode_reporting((await self._butlr.reporting(orjson.dumps(body), token)).content)

        def say(reporting: Reporting) -> str:
            if reporting.is_empty_object:
                return "The answer is an empty object: six hours are too much for Butlr, or there are no sensors."
            sensors = {row.sensor_id for row in reporting.rows if row.sensor_id}
            newest = max((time for row in reporting.rows if (time := to_rfc3339(row.time))), default=None)
            if newest is None:
                return (
                    f"The answer has no rows: no window of 30 minutes from {span['start']} to {span['stop']} has "
                    "landed, or no sensor reported. Butlr returns a window once it is closed and has landed."
                )
            return f"{len(sensors)} sensors in the last six hours. The newest window that has landed: {newest}."

        reporting = await self._try("reporting", ask, say, refused=refused)
        return reporting.rows if reporting else None

    async def _detections(self, token: str, refused: str, rows: list[Row]) -> None:
        # Presence sensors first, since those at doors have no detections.
        macs = sorted((row.measurement != "presence", row.mac_address) for row in rows if row.mac_address)
        if not macs:
            self._skip("detections", "The report names no MAC address.")
            return
        mac = macs[0][1]
        body = {
            "data_types": ["detections_local"],
            "filter": {**self._span(minutes=10), "mac_addresses": [mac]},
        }

        async def ask() -> int:
            reply = await self._butlr.detections(orjson.dumps(body), token)
            return len(decode_detections(reply.body).entries("detections_local") or ())

        def say(entries: int) -> str:
            return f"{entries} entries of {mac} in the last 10 minutes."

        await self._try("detections", ask, say, refused=refused)

    async def _stats(self, token: str, refused: str, rows: list[Row]) -> None:
        rooms = sorted({row.room_id for row in rows if row.room_id})
        if not rooms:
            self._skip("stats", "The report names no room.")
            return
        body = {"measurements": ["occupancy_avg_presence"], "items": rooms[:1], **self._span(days=1)}

        async def ask() -> Any:
            return decode_stats((await self._butlr.stats(orjson.dumps(body), token)).body)

        await self._try("stats", ask, lambda _: f"The last day of {rooms[0]}.", refused=refused)

    def _span(self, **length: int) -> dict[str, str]:
        return {"start": format_rfc3339(self._now - timedelta(**length)), "stop": format_rfc3339(self._now)}

    def _skip(self, call: str, why: str) -> None:
        self.results.append(Result(call, "skipped", why))

    async def _try(
        self, call: str, ask: Callable[[], Awaitable[T]], say: Callable[[T], str], *, refused: str
    ) -> T | None:
        """Make a call, note its result, and return its answer. `refused` is the advice for a 401."""
        began = time.perf_counter()
        try:
            answer = await ask()
        except ButlrError as error:
            self._failed[len(self.results)] = (error, refused)
            self.results.append(Result(call, "fails", str(error), code=error.code, ms=_since(began)))
            return None
        self.results.append(Result(call, "works", say(answer), ms=_since(began)))
        return answer


def mend(error: ButlrError, refused: str, *, base_url: str, others_answer: bool = False) -> str:
    """Return the advice for an error. `refused` is that for a 401; `others_answer` says that not all calls got 404."""
    match error:
        case Unauthenticated():
            todo = refused
        case BadInput():
            todo = f"{refused} If they are right, the message says what Butlr no longer accepts."
        case Forbidden():
            todo = "Give the account or client the scopes read:spaces, read:rooms, read:sensors and read:hives."
        case RateLimited():
            todo = f"Wait {error.retry_after:.0f} seconds."
        case UpstreamUnavailable() if error.status == 407:
            todo = "Put the proxy's user and password into HTTPS_PROXY: http://user:password@proxy:3128."
        case UpstreamUnavailable() if error.status in (501, 505):
            todo = f"Check BUTLR_BASE_URL ({base_url}): no Butlr API answers there. Butlr's is {BUTLR}."
        case UpstreamUnavailable() if error.status is not None:
            todo = "Butlr itself fails: try again later, then ask its support."
        case NotFound() if others_answer:
            todo = "Butlr's other calls answer at this address: ask its support about this one."
        case InvalidResponse() | NotFound():
            todo = f"Check BUTLR_BASE_URL ({base_url}): no Butlr API answers there. Butlr's is {BUTLR}."
        case _:
            todo = f"Check BUTLR_BASE_URL ({base_url}), this machine's DNS, and HTTPS_PROXY and NO_PROXY."
    return todo


def _lifetime(session: TokenSet) -> str:
    scope = f", scope: {session.scope}" if session.scope else ""
    return f"A token for {session.expires_in} seconds{scope}."


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
