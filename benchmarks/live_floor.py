"""The baseline for server-sent events: a Starlette app that sends each posted body to all listeners."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

listening: set[asyncio.Queue[bytes]] = set()


async def listen(_request: Request) -> StreamingResponse:
    waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def events() -> AsyncIterator[bytes]:
        listening.add(waiting)
        try:
            yield b":\n\n"
            while True:
                yield await waiting.get()
        finally:
            listening.discard(waiting)

    return StreamingResponse(events(), media_type="text/event-stream")


async def tell(request: Request) -> Response:
    body = await request.body()
    for waiting in listening:
        waiting.put_nowait(body)
    return Response(status_code=204)


app = Starlette(routes=[Route("/graphql", listen, methods=["POST"]), Route("/tell", tell, methods=["POST"])])
