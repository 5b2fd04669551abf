"""Subscriptions over WebSocket: the protocol `graphql-transport-ws`."""

from collections.abc import Container

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from .close_codes import FORBIDDEN, WRONG_PROTOCOL
from .connection import Connection, SocketSetup

PROTOCOL = "graphql-transport-ws"


class SocketEndpoint:
    """An ASGI app for WebSocket connections to `/graphql`."""

    def __init__(self, setup: SocketSetup, *, cors_origins: Container[str] = ()) -> None:
        self._setup, self._cors_origins = setup, cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if not self._is_allowed(socket.headers):
            await socket.close(FORBIDDEN, "Pages of this origin may not connect: see FACADE_CORS_ORIGINS.")
            return
        if PROTOCOL not in scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(WRONG_PROTOCOL, f"Offer the subprotocol {PROTOCOL}.")
            return
        await socket.accept(subprotocol=PROTOCOL)
        draining = self._setup.draining
        if draining:
            draining.arrived()
        try:
            await Connection(self._setup, socket).serve()
        finally:
            if draining:
                draining.left()

    def _is_allowed(self, headers: Headers) -> bool:
        """Return whether the page may connect. Only browsers send `Origin`, so other clients may."""
        origin = headers.get("origin")
        if origin is None or "*" in self._cors_origins or origin in self._cors_origins:
            return True
        return origin.partition("://")[2] == headers.get("x-forwarded-host", headers.get("host"))
