"""HTTP connections of a server that stops."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds in which a connection just taken may still send its request.
FRESH = 0.5


class PatientConnection(HttpToolsProtocol):
    """Where the server stops, a connection that was taken but not read yet is answered before it is closed.

    Else whoever connects in the moment that a worker is replaced would see a reset, though another worker serves.
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
