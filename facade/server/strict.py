"""HTTP/1.1 as RFC 9110 and RFC 9112 have it, where uvicorn's own protocol class is lenient."""

import asyncio
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any

import httptools
import structlog
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ..web.arrival import Arrival
from ..web.direct import DIRECT
from .direct_chunks import DirectChunks

log = structlog.get_logger(__name__)

_DEFAULTS = Arrival()
# Seconds in which a client may read a refusal before the connection is closed.
_LINGERING = 1.0
_TOO_LARGE = "The request's head is too large."


class _Refused(Exception):  # noqa: N818 - ends the parsing, and is never seen outside this module
    pass


class StrictConnection(HttpToolsProtocol):
    """Refuses requests that are invalid, too large or too slow, before the app sees them.

    - An offer to upgrade to anything but WebSocket is ignored, and the body is read (RFC 9110, section 7.8).
    - Trailer fields are dropped (section 6.5.1).
    - `Host` must occur once (RFC 9112, section 3.2); HTTP/1.0 may omit it.
    - A head is bounded in bytes: 414 for the request target, 431 for the rest.
    - A request must arrive within a time: 408, or the connection is closed if an answer has begun.
    - An answer of unknown length is sent to an HTTP/1.0 client without chunks, and ends with the connection.
    """

    _arrival: Arrival = _DEFAULTS
    # State of the arriving request: whether it has begun, and whether its head is complete.
    _is_arriving = False
    _is_head_whole = False
    # Whether it was passed to the app.
    _has_cycle = False
    _head_size = 0
    # Bytes since the last callback of the parser.
    _unparsed = 0
    _deadline: TimerHandle | None = None
    _refusal: tuple[HTTPStatus, str] | None = None
    _is_refused = False
    # The request that the app handles, or handled last. `cycle` is the newest request, which may wait for it.
    _active: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arrival = self.app_state.get("arrival", _DEFAULTS)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        most = self._arrival.most_head
        try:
            # In slices, since the parser does not say how many bytes of an incomplete field it holds.
            for at in range(0, len(data), most):
                part = data[at : at + most]
                self._unparsed += len(part)
                if not self._is_read(part):
                    return
                if self._unparsed > most:
                    self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        except _Refused:
            return
        if self._deadline is None and (self._is_arriving or self._is_idle()):
            self._start_deadline()

    def _is_read(self, data: bytes) -> bool:
        """Parse bytes. Return False if the connection reads no more after them."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as exc:
                if self._should_upgrade():
                    self._stop_deadline()
                    self.handle_websocket_upgrade()
                    return False
                data = self._without_upgrade() + data[exc.args[0] :]
            except httptools.HttpParserCallbackError:
                if self._refusal is None and not self.transport.is_closing():
                    # A fault of the server, not of the request.
                    log.exception("connection.failed")
                    self._refusal = HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be read."
                    self._send_refusal()
                return False
            except httptools.HttpParserError:
                if self._refusal is None and not self.transport.is_closing():
                    self._refuse(HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
                return False
            else:
                return True

    def _without_upgrade(self) -> bytes:
        """Return the head without its `Upgrade`, for a new parser: the current one would skip the request's body."""
        version = self.parser.get_http_version()
        lines = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version.encode())]
        lines += [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"".join((*lines, b"\r\n"))

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        if self.transport.is_closing():
            # Bytes after the last request of the connection.
            raise _Refused
        self._is_arriving, self._is_head_whole, self._has_cycle = True, False, False
        self._head_size = self._unparsed = 0
        self._start_deadline()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._unparsed = 0
        if len(self.url) > self._arrival.most_head:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "The request target is too long. Send the query by POST.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._unparsed = 0
        self._head_size += len(name) + len(value) + 4
        if self._head_size + len(self.url) > self._arrival.most_head:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        if not self._is_head_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        if self._is_offer():
            # The head is read again by `_without_upgrade`.
            return
        self._is_head_whole = True
        if self.parser.get_method() == b"CONNECT":
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "This is no proxy.")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            self._refuse(HTTPStatus.BAD_REQUEST, "Send the Host header once.")
        self.on_head()

    def on_head(self) -> None:
        """Handle the head of a request, which is complete and valid."""
        self._has_cycle = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        if not self._is_head_whole:
            # The parser ends the message after an `Upgrade`.
            return
        self._is_arriving = False
        self._stop_deadline()
        self.on_request()

    def on_request(self) -> None:
        """Handle the end of a request."""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None:
            self._send_refusal()
        elif self._is_arriving:
            # The request's own deadline replaces the keep-alive timeout.
            self._unset_keepalive_if_required()

    def _is_offer(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT" and not self._should_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        cycle.scope[DIRECT] = DirectChunks(cycle)  # type: ignore[literal-required]
        super()._start_asgi_task(cycle, _without_chunks(cycle, app) if cycle.scope["http_version"] == "1.0" else app)

    # Deadlines.

    def _is_idle(self) -> bool:
        """Return whether no answer is being made and no keep-alive timeout runs, so that a deadline is needed."""
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _start_deadline(self) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(self._arrival.seconds, self._too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            # Reading is paused by the app, so the client is not late.
            self._start_deadline()
        elif not self._is_arriving:
            self.transport.close()
        else:
            self._refusal = HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time."
            self._send_refusal()

    # Refusals.

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Refuse the arriving request and end the connection. Earlier requests are still answered."""
        self._refusal = status, why
        self._send_refusal()
        raise _Refused

    def _send_refusal(self) -> None:
        """Send the refusal now, or, if earlier answers are not sent yet, after them."""
        if self._refusal is None or self._is_refused or self.transport.is_closing():
            return
        self._stop_deadline()
        own = self.cycle if self._is_arriving and self._has_cycle else None
        if own is not None and own is not self._active:
            self.pipeline.popleft()
            own, self._has_cycle = None, False
        active = self._active
        if active is not None and active is not own and not active.response_complete:
            return
        self._unset_keepalive_if_required()
        if own is not None:
            own.disconnected = True
            own.message_event.set()
            if own.response_started:
                self.transport.close()
                return
        self._write_refusal(*self._refusal)

    def _write_refusal(self, status: HTTPStatus, why: str) -> None:
        text = why.encode() + b"\n"
        headers = (
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        )
        lines = (STATUS_LINE[status], *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n", text)
        self._is_refused = True
        self.transport.write(b"".join(lines))
        # If the connection were closed with unread bytes, it would be reset, and the client might not get the refusal.
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGERING, self.transport.close)


def _without_chunks(cycle: RequestResponseCycle, app: Any) -> Any:
    """Wrap an app for an HTTP/1.0 client: an answer of unknown length ends with the connection."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        has_length = True

        async def sent(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
                if not has_length:
                    cycle.chunked_encoding = False
            elif not has_length:
                # uvicorn counts this down to zero as the body is sent.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, sent)

    return wrapped
