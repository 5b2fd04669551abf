"""One pooled HTTP client. The only module that turns its exceptions into `ButlrError`s."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import metadata
from typing import Any, Self

import aiohttp
import httpx
import yarl

from .errors import (
    BadInput,
    ButlrError,
    InvalidResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
    error_for_status,
)
from .gzipped import decoded
from .packed import PACKED_AT_ONCE, PACKED_FROM, Packed
from .transport import checked_base, checked_token, transport_of

MAX_BODY_BYTES = 256 * 1024 * 1024
# By how many times a packed answer may be larger than an unpacked one.
MOST_PACKED = 4
# Bytes of a body from which on to join its chunks is a step of its own on the event loop.
MOST_JOINED = 1024 * 1024
# How many parsed URLs are kept: parsing one takes a fifth of the time of sending a request.
MOST_URLS = 64
# Called with each chunk of an answer's body as it is received.
Hear = Callable[[bytes], None]


try:
    _VERSION = metadata.version("butlr-graphql-facade")
except metadata.PackageNotFoundError:  # run from a source tree
    _VERSION = "0"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status. `headers` ignores case. Bodies are not in the repr, since they may hold tokens."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    # Set instead of `body` for a large answer, if the call allows it.
    packed: Packed | None = field(default=None, repr=False)

    @property
    def content(self) -> Any:
        """Return the body: bytes, or `Packed` if the call allows it and the answer is large."""
        return self.body if self.packed is None else self.packed

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")


def error_for(reply: Reply, path: str, *, now: float | None = None) -> ButlrError:
    return error_for_status(
        reply.status,
        path,
        body=reply.body,
        content_type=reply.content_type,
        retry_after=reply.headers.get("retry-after"),
        now=now,
    )


class Http:
    """Calls one host. Use it on one event loop, to which the first call binds it."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        connections: int = 64,
        transport: httpx.AsyncBaseTransport | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        packed_from: int = PACKED_FROM,
        own_headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Take `timeout` in seconds, for a whole call: from the wait for a connection to the body's last byte."""
        self._base = checked_base(base_url)
        self._host = self._base.netloc.decode("ascii")
        self._prefix = str(self._base).rstrip("/")
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._packed_from = packed_from
        self._own_headers = own_headers
        self._closed = False
        self._urls: dict[str, httpx.URL] = {}
        # No cookies: the client serves many callers, and a cookie of one must not be sent with another's request.
        no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(
            transport=transport or transport_of(self._base, connections),
            cookies=no_cookies,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": f"butlr-graphql-facade/{_VERSION}"},
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        packs: bool = False,
        hear: Hear | None = None,
        below: str | None = None,
    ) -> Reply:
        """Send a request and return the answer, of any status. With `packs` a large one may be packed.

        `hear` gets the chunks of a 2xx as they are received. `below` is for a path that a client wrote: the resulting
        URL must lie below it.

        Raises UpstreamTimeout, UpstreamUnavailable or InvalidResponse for transport errors, and Unauthenticated for a
        token that is not valid in a header.
        """
        if self._closed:
            raise UpstreamUnavailable("The client of Butlr is closed.", path=path, sent=False)
        sent_headers = {} if body is None else {"Content-Type": "application/json"}
        if token is not None:
            sent_headers["Authorization"] = f"Bearer {checked_token(token, path)}"
        sent_headers.update(self._own_headers())
        if headers:
            sent_headers.update(headers)
        if below is not None and not self._is_below(path, below):
            raise BadInput("The path contains dot segments. Write it without them.", path=path, sent=False)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(method, path, body, sent_headers, packs, hear)
        except TimeoutError as exc:
            raise self._too_slow(path) from exc
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict) as exc:
            raise self._translate(exc, path) from exc
        except (aiohttp.ClientError, OSError) as exc:
            # The aiohttp transport maps only some of aiohttp's exceptions.
            raise self._translate_cause(exc, path) from exc

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        packs: bool = False,
        hear: Hear | None = None,
    ) -> Reply:
        """Do as `send`, but raise the `ButlrError` of a status other than 2xx."""
        reply = await self.send(method, path, body=body, token=token, headers=headers, packs=packs, hear=hear)
        if 200 <= reply.status < 300:
            return reply
        raise error_for(reply, path)

    async def aclose(self) -> None:
        self._closed = True
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], packs: bool, hear: Hear | None
    ) -> Reply:
        request = self._client.build_request(method, self._url(path), content=body, headers=headers)
        response = await self._client.send(request, stream=True)
        try:
            packs = packs and response.is_success
            most = MOST_PACKED * self._max_body_bytes if packs else self._max_body_bytes
            chunks: list[bytes] = []
            size = waiting = 0
            packed = None
            async for chunk in decoded(response):
                size += len(chunk)
                waiting += len(chunk)
                if size > most:
                    raise too_large(path, most, response.status_code)
                chunks.append(chunk)
                if hear and response.is_success:
                    hear(chunk)
                if packs and waiting > (self._packed_from if packed is None else PACKED_AT_ONCE):
                    packed = packed or Packed()
                    await packed.add(chunks)
                    chunks, waiting = [], 0
            if packed is not None:
                await packed.add(chunks)
                packed.finish()
                return Reply(response.status_code, response.headers, b"", packed)
        finally:
            await response.aclose()
        body = b"".join(chunks)
        if len(body) > MOST_JOINED:
            # The body is decoded in another step.
            await asyncio.sleep(0)
        return Reply(response.status_code, response.headers, body)

    def _url(self, path: str) -> httpx.URL:
        url = self._urls.get(path)
        if url is None:
            url = httpx.URL(self._prefix + path)
            # Bounded, since clients choose the paths of forwarded requests.
            if len(self._urls) < MOST_URLS:
                self._urls[path] = url
        return url

    @property
    def base_url(self) -> str:
        return self._prefix

    def _is_below(self, path: str, below: str) -> bool:
        """Return whether the URL, as the transport will write it, lies below a path of the base URL."""
        try:
            out = yarl.URL(str(self._url(path)))
        except (ValueError, httpx.InvalidURL):
            return False
        wanted = f"{self._base.path.rstrip('/')}{below}/"
        steps = out.path.replace("\\", "/").split("/")
        same_host = (out.scheme, out.host) == (self._base.scheme, self._base.host)
        return same_host and out.raw_path.startswith(wanted) and not {".", ".."} & set(steps)

    def _translate(self, exc: Exception, path: str) -> ButlrError:
        cause = exc.__cause__
        if isinstance(cause, aiohttp.ClientError):
            # The aiohttp transport raises ConnectTimeout both for a refused and for a broken connection.
            return self._translate_cause(cause, path)
        match exc:
            case httpx.ConnectTimeout() | httpx.PoolTimeout():
                return self._unconnected(path)
            case httpx.TimeoutException():
                return self._too_slow(path)
            case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol() | httpx.InvalidURL():
                return self._unreachable(path)
            case httpx.RemoteProtocolError() | httpx.DecodingError() | httpx.TooManyRedirects():
                return self._not_http(path)
        return self._cut(path)

    def _translate_cause(self, exc: Exception, path: str) -> ButlrError:
        match exc:
            case aiohttp.ConnectionTimeoutError():
                return self._unconnected(path)
            case aiohttp.ServerTimeoutError():
                return self._too_slow(path)
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                hint = "its certificate was not accepted. If a private authority signs, set SSL_CERT_FILE."
                return self._unreachable(path, hint)
            case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
                return self._unreachable(path, "the proxy refused. Check HTTPS_PROXY and NO_PROXY.")
            case aiohttp.ClientConnectorError() | aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
                return self._unreachable(path)
        return self._not_http(path) if isinstance(exc, aiohttp.ClientResponseError) else self._cut(path)

    def _too_slow(self, path: str) -> UpstreamTimeout:
        limit = f"{self._timeout:g} seconds"
        return UpstreamTimeout(
            f"Butlr did not answer {path} within {limit}. Ask for a shorter span, or try again.", path=path
        )

    def _unconnected(self, path: str) -> UpstreamTimeout:
        text = f"No connection to Butlr at {self._host} in time. Check the network, or try again."
        return UpstreamTimeout(text, path=path, sent=False, too_much=False)

    def _unreachable(self, path: str, hint: str = "check the base URL and the network.") -> UpstreamUnavailable:
        return UpstreamUnavailable(f"Cannot reach Butlr at {self._host}: {hint}", path=path, sent=False)

    def _cut(self, path: str) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"The connection to Butlr broke during {path}. Try again.", path=path)

    def _not_http(self, path: str) -> InvalidResponse:
        text = f"What answers {path} at {self._host} is not sound HTTP. Check the base URL and any proxy."
        return InvalidResponse(text, path=path)


def too_large(path: str, most: int, status: int = 200) -> InvalidResponse:
    text = f"Butlr's answer on {path} is larger than {most:,} bytes. Ask for a shorter span."
    return InvalidResponse(text, path=path, status=status, too_much=True)
