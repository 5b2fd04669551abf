"""The HTTP client below `Http`: base URL, proxies, session, and the check of tokens for headers."""

from __future__ import annotations

import os
from collections.abc import Callable

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from .errors import (
    Unauthenticated,
)
from .interim import BoundedResponse
from .proxies import proxy_for


def checked_base(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as exc:
        raise ValueError(f"the base URL {base_url!r} is not a URL: {exc}") from exc
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"the base URL {base_url!r} must begin with http:// or https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        # A user in the URL would replace the bearer token.
        raise ValueError("the base URL must not contain a user, a password, a query or a fragment")
    return url


def checked_token(token: str, path: str) -> str:
    if token and token.isascii() and token.isprintable() and " " not in token:
        return token
    text = "The bearer token contains characters that are not allowed in tokens. Log in again for a fresh one."
    raise Unauthenticated(text, path=path, sent=False)


def transport_of(base: httpx.URL, connections: int) -> AiohttpTransport:
    # Not httpx's own transport, whose time is quadratic in the number of open connections.
    try:
        context = httpx.create_ssl_context()
    except OSError as exc:
        # httpx does not name a missing file, and OpenSSL's message for an invalid one is unclear.
        named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
        raise OSError(exc.errno, "SSL_CERT_FILE names no file of certificates that can be read", named) from exc
    return AiohttpTransport(verify=context, proxy=proxy_of(base), client=session_factory(context, connections))


def session_factory(context: object, connections: int) -> Callable[[], aiohttp.ClientSession]:
    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=context),  # type: ignore[arg-type]
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=BoundedResponse,
            # For answers of megabytes: by default the socket is paused and resumed each 128 KiB.
            read_bufsize=1024 * 1024,
        )

    return session


def proxy_of(base: httpx.URL) -> httpx.Proxy | None:
    """Return the environment's proxy for the host that is called, or None."""
    # httpx reads the environment only if it builds its own transport.
    address = proxy_for(str(base))
    return httpx.Proxy(address) if address else None
