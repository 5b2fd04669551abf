"""HTTP connections that answer from the response cache before ASGI, and that close cleanly at the server's stop."""

import asyncio
import time

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..web.cache_entries import CacheHit, RequestKey
from ..web.middleware.cached_responses import REQUEST_KEY
from ..web.response_cache import LONGEST, ResponseCache
from .strict import StrictConnection

# Seconds in which a connection that was just accepted may still send its request.
FRESH = 0.5


class PatientConnection(StrictConnection):
    """At the server's stop, answers a connection that was accepted but not read yet before closing it.

    Otherwise a client that connects while a worker is replaced would see a reset, although another worker runs.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._unread = True

    def data_received(self, data: bytes) -> None:
        self._unread = False
        super().data_received(data)

    def shutdown(self) -> None:
        if self._unread:
            self.loop.call_later(FRESH, super().shutdown)
        else:
            super().shutdown()


class CachingConnection(PatientConnection):
    """Answers from the response cache as soon as a request is read, without a task, a scope or an event.

    The cache is `response_cache` in the lifespan state. A request that it may answer is held back until its body is
    complete. Other requests, and those that it has no answer for, go to the app.
    """

    # The body so far of a request that is held back, and the time when its head was read.
    _held: list[bytes] | None = None
    _began = 0.0

    def on_message_begin(self) -> None:
        # An earlier request in the same bytes may have set it.
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_head(self) -> None:
        response_cache: ResponseCache | None = self.app_state.get("response_cache")
        if response_cache is not None and self._is_alone() and self._may_be_cached(response_cache):
            self._held, self._began = [], time.perf_counter()
        else:
            super().on_head()

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_request(self) -> None:
        if self._held is not None:
            response_cache: ResponseCache = self.app_state["response_cache"]
            path, _, query = self.url.partition(b"?")
            method = self.parser.get_method().decode()
            key = response_cache.key_of(method, path.decode("latin-1"), query, self.headers, b"".join(self._held))
            is_last = not self.parser.should_keep_alive()
            if key and self._is_answered(response_cache, key, self._began, is_last=is_last):
                self._held = None
                return
            if key:
                self.scope[REQUEST_KEY] = key  # type: ignore[literal-required]
            self._pass_to_app()
        super().on_request()

    def shutdown(self) -> None:
        if self._held is not None:
            self._pass_to_app()
        super().shutdown()

    def _is_alone(self) -> bool:
        """Return whether no other request runs on this connection, and no other answer waits to be sent."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline and not self.flow.write_paused

    def _may_be_cached(self, response_cache: ResponseCache) -> bool:
        method = self.parser.get_method()
        if self.expect_100_continue or self.parser.should_upgrade() or self.parser.get_http_version() != "1.1":
            return False
        if (
            method not in (b"GET", b"POST")
            or self.url.partition(b"?")[0].decode("latin-1") not in response_cache.routes
        ):
            return False
        lengths = [value for name, value in self.headers if name in (b"content-length", b"transfer-encoding")]
        if method == b"GET":
            return not lengths
        return len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) <= LONGEST

    def _pass_to_app(self) -> None:
        held, self._held = self._held or (), None
        super().on_head()
        for body in held:
            super().on_body(body)

    def _is_answered(self, response_cache: ResponseCache, key: RequestKey, began: float, *, is_last: bool) -> bool:
        cached = response_cache.find(key)
        if cached is None or not response_cache.is_counted_at_once(
            key, cached, self.client[0] if self.client else None
        ):
            return False
        hit = response_cache.hit(key, cached)
        self._unset_keepalive_if_required()
        self._write(hit, is_last=is_last)
        response_cache.note(key, hit, began)
        self.server_state.total_requests += 1
        if is_last:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        return True

    def _write(self, hit: CacheHit, *, is_last: bool) -> None:
        lines = [b"%b: %b\r\n" % pair for pair in self.server_state.default_headers]
        if hit.is_unchanged:
            lines += [b"%b: %b\r\n" % pair for pair in hit.headers]
            status, body = STATUS_LINE[304], b""
        else:
            lines += (hit.cached.lines, *(b"%b: %b\r\n" % pair for pair in hit.own))
            status, body = STATUS_LINE[200], hit.cached.body
            lines.append(b"content-length: %d\r\n" % len(body))
        if is_last:
            lines.append(b"connection: close\r\n")
        head = b"".join((status, *lines, b"\r\n"))
        # A large body is not copied to join it with its head.
        self.transport.writelines((head, body)) if len(body) > LONGEST else self.transport.write(head + body)
