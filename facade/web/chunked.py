"""A response that is sent in chunks, each freed once it is sent."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class ChunkedResponse(Response):
    def __init__(self, chunks: list[bytes], status: int, headers: Mapping[str, str], *, media_type: str) -> None:
        super().__init__(None, status, headers, media_type)
        self.headers["Content-Length"] = str(sum(map(len, chunks)))
        self._chunks = chunks

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._chunks.reverse()
        while self._chunks:
            chunk = self._chunks.pop()
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(self._chunks)})
