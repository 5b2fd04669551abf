"""The response cache under any server: ASGI middleware before all others."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..cache_entries import CacheHit, RequestKey
from ..response_cache import LONGEST, ResponseCache

# Keys of the ASGI scope: the endpoint's offer of a cacheable answer, and the cache key that a server has made.
OFFERED = "facade.cache_offer"
REQUEST_KEY = "facade.request_key"


class CachedResponses:
    """Serves answers from the response cache, and stores those that the endpoint offers."""

    def __init__(self, app: ASGIApp, response_cache: ResponseCache) -> None:
        self._app = app
        self._response_cache = response_cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"] not in self._response_cache.routes
            or scope["method"] not in ("GET", "POST")
        ):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        key: RequestKey | None = scope.get(REQUEST_KEY)
        if key is None:
            key, receive = await self._key_of(scope, receive)
        if key is None:
            await self._app(scope, receive, send)
            return
        cached = self._response_cache.find(key)
        if cached and await self._response_cache.is_counted(
            cached, scope["client"][0] if scope.get("client") else None
        ):
            hit = self._response_cache.hit(key, cached)
            try:
                await _send(hit, send)
            finally:
                self._response_cache.note(key, hit, began)
            return
        await self._app(scope, receive, self._keeping(key, scope, send))

    async def _key_of(self, scope: Scope, receive: Receive) -> tuple[RequestKey | None, Receive]:
        """Return the cache key if the body came in one piece, and a `receive` that gives this piece again."""
        body = b""
        if scope["method"] == "POST":
            first = await receive()
            receive = _again(first, receive)
            body = first.get("body", b"")
            if first["type"] != "http.request" or first.get("more_body") or len(body) > LONGEST:
                return None, receive
        return self._response_cache.key_of(
            scope["method"], scope["path"], scope["query_string"], scope["headers"], body
        ), receive

    def _keeping(self, key: RequestKey, scope: Scope, send: Send) -> Send:
        headers: list[tuple[bytes, bytes]] | None = None

        async def sent(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = list(message["headers"]) if message["status"] == 200 else None
            elif headers is not None and (offer := scope.get(OFFERED)):
                if not message.get("more_body"):
                    self._response_cache.keep(key, offer, headers, message.get("body", b""))
                # An answer in several pieces is too large to be kept.
                headers = None
            await send(message)

        return sent


def _again(first: Message, receive: Receive) -> Receive:
    pending = [first]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


async def _send(hit: CacheHit, send: Send) -> None:
    headers, body = hit.headers, b"" if hit.is_unchanged else hit.cached.body
    if not hit.is_unchanged:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": hit.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
