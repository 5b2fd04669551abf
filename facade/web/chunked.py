"""A response that is sent in chunks, each freed once it is sent."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class ChunkedResponse(Response):
    def __init__(
        self, chunks: Iterable[bytes], size: int, status: int, headers: Mapping[str, str], *, media_type: str
    ) -> None:
        """Take the chunks, which have `size` bytes together."""
        super().__init__(None, status, headers, media_type)
        self.headers["Content-Length"] = str(size)
        self._chunks = chunks

    @classmethod
    def of_list(
        cls, chunks: list[bytes], status: int, headers: Mapping[str, str], *, media_type: str
    ) -> "ChunkedResponse":
        return cls(_taken(chunks), sum(map(len, chunks)), status, headers, media_type=media_type)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # `send` returns at once while the client keeps up.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _taken(chunks: list[bytes]) -> Iterator[bytes]:
    chunks.reverse()
    while chunks:
        yield chunks.pop()
