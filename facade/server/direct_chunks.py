"""Chunks of an answer that are written to its connection at once, beside the messages of ASGI."""

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class DirectChunks:
    """Writes chunks of the answer that is being sent (`web.direct.Direct`)."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    @staticmethod
    def chunk(body: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(body), body)

    def write(self, chunk: bytes) -> bool:
        cycle = self._cycle
        is_open = cycle.response_started and not cycle.response_complete and not cycle.disconnected
        if not is_open or cycle.flow.write_paused or not cycle.chunked_encoding or cycle.transport.is_closing():
            return False
        cycle.transport.write(chunk)
        return True
