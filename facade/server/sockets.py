"""WebSocket connections that the app may write to at once."""

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from ..web.direct import DIRECT


class DirectSocket(WebSocketsSansIOProtocol):
    async def run_asgi(self) -> None:
        scope: Scope = self.scope  # type: ignore[assignment]
        scope[DIRECT] = DirectMessages(self)
        await super().run_asgi()


class DirectMessages:
    """Writes messages of text (`web.direct.Direct`)."""

    __slots__ = ("_connection",)

    def __init__(self, connection: DirectSocket) -> None:
        self._connection = connection

    @staticmethod
    def chunk(body: bytes) -> bytes:
        return body

    def write(self, chunk: bytes) -> bool:
        connection = self._connection
        is_open = connection.handshake_complete and not connection.close_sent and not connection.disconnected
        if not is_open or not connection.writable.is_set() or connection.transport.is_closing():
            return False
        try:
            connection.conn.send_text(chunk)
        except InvalidState:
            return False
        connection.transport.write(b"".join(connection.conn.data_to_send()))
        return True
