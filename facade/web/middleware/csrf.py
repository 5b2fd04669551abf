"""What a page in somebody's browser may not make that browser do."""

import ipaddress
import re
from collections.abc import Container, Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..cache_headers import NEVER_KEPT

# What a page can only send after a preflight that CORS answers: proof that the page may.
PREFLIGHTED = ("authorization", "x-api-key", "x-apollo-operation-name", "apollo-require-preflight", "x-requested-with")
SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
# Pages that are served on this machine.
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"


# What a page may read of an answer, beside what every page may.
EXPOSED = (
    "Age",
    "Deprecation",
    "ETag",
    "Link",
    "Retry-After",
    "Sunset",
    "WWW-Authenticate",
    "X-Cache",
    "X-Cost",
    "X-Cost-Limit",
    "X-Request-Id",
    "X-Resolved-Span",
    "X-Successor-Operation",
    "X-Upstream-Calls",
)


class Origins:
    """Origins whose pages may call the API: those `listed`, and `with_loopback` those of this machine."""

    def __init__(self, listed: Sequence[str], *, with_loopback: bool = False) -> None:
        self.listed = tuple(listed)
        self.pattern = LOOPBACK_ORIGIN if with_loopback else None

    def __bool__(self) -> bool:
        return bool(self.listed or self.pattern)

    def __contains__(self, origin: object) -> bool:
        if origin in self.listed:
            return True
        return self.pattern is not None and isinstance(origin, str) and bool(re.fullmatch(self.pattern, origin))


def is_forged(headers: Headers, origins: Container[str] = ()) -> bool:
    """Whether a foreign page may have made a browser send this: to spend for what it cannot read, or to log in.

    Browsers say by `Sec-Fetch-Site` where a request comes from, older ones by the `Origin` of a POST alone, and pages
    can change neither. Other programs send neither.
    """
    origin = headers.get("origin")
    if "sec-fetch-site" in headers:
        if headers["sec-fetch-site"].strip().lower() in ("none", "same-origin"):
            return False
    elif origin is None or _is_own(origin, headers):
        return False
    if "*" in origins or origin in origins:
        return False
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type and content_type not in SIMPLE_TYPES:
        return False
    return not any(name in headers for name in PREFLIGHTED)


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether an origin has the name that the request was sent to."""
    name = origin.strip().lower().partition("://")[2]
    return bool(name) and name in (headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower())


def is_foreign(headers: Headers, origins: Container[str] = ()) -> bool:
    """Whether a page of another site sent this, with or without a preflight: programs send no `Origin`."""
    origin = headers.get("origin")
    if origin is None or "*" in origins or origin in origins:
        return False
    return not _is_own(origin, headers)


class LocalHosts:
    """ASGI middleware: answers to names of this machine alone.

    Where callers need no credentials on loopback, a page whose own name is made to point there (DNS rebinding)
    would count as one of them.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._is_local(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse(
                "This facade answers to localhost alone, for its callers need no credentials. "
                "Set FACADE_API_KEYS, or FACADE_ALLOW_ANONYMOUS=true, to serve it under a name.\n",
                421,
                NEVER_KEPT,
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_local(self, host: str) -> bool:
        name = _name_of(host)
        if name in ("localhost", self._host) or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _name_of(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        return name if bracket and (not rest or rest.startswith(":")) else ""
    return host.partition(":")[0].rstrip(".")
