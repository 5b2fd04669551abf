"""Protection against requests that a page of another site makes a browser send (CSRF, DNS rebinding)."""

import ipaddress
import re
from collections.abc import Container, Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..cache_headers import NEVER_KEPT

# Headers that a page can send only after a CORS preflight, so that CORS has allowed the request.
PREFLIGHTED = ("authorization", "x-api-key", "x-apollo-operation-name", "apollo-require-preflight", "x-requested-with")
SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
# Origins of pages that this machine serves.
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"


# Response headers that a page of an allowed origin may read, besides those of the CORS safelist.
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
    """Origins whose pages may call the API: those `listed`, and, `with_loopback`, those of this machine."""

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
    """Return whether a page of another site may have made a browser send this request without a preflight.

    Such a page cannot read the answer, but could cause cost or a login. Browsers name the source of a request by
    `Sec-Fetch-Site`, older ones only by the `Origin` of a POST. Pages can change neither, and other programs send
    neither.
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
    """Return whether an origin has the host name to which the request was sent."""
    name = origin.strip().lower().partition("://")[2]
    return bool(name) and name in (headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower())


def is_foreign(headers: Headers, origins: Container[str] = ()) -> bool:
    """Return whether a page of another site sent this, with or without a preflight. Programs send no `Origin`."""
    origin = headers.get("origin")
    if origin is None or "*" in origins or origin in origins:
        return False
    return not _is_own(origin, headers)


class LocalHosts:
    """ASGI middleware: accepts only host names of this machine.

    If callers need no credentials on loopback, a page could reach the facade by a host name that resolves to loopback
    (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._is_local(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse(
                "This facade answers only to localhost, since its callers need no credentials. "
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
