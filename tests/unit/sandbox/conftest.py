import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from facade.sandbox import SandboxConfig, create_app

# A Wednesday, one in the afternoon on the campus.
NOON = datetime.fromisoformat("2025-10-15T20:00:00Z").timestamp()
DEMO = {
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "audience": "https://butlrauth/",
    "grant_type": "client_credentials",
}


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


class Api:
    """A caller with a token, in front of a sandbox."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def log_in(self, **account: str) -> dict[str, Any]:
        reply = await self.http.post("/api/v2/clients/login", json={**DEMO, **account})
        assert reply.status_code == 200, reply.text
        self.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        return reply.json()

    async def report(self, **body: Any) -> httpx.Response:
        return await self.http.post("/api/v3/reporting", json=body)

    async def rows(self, *, window: Any = None, **filters: Any) -> list[dict[str, Any]]:
        reply = await self.report(filter=filters, **({"window": window} if window else {}))
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    async def detections(self, **body: Any) -> httpx.Response:
        return await self.http.post("/api/v3/detections", json=body)

    async def stats(self, **body: Any) -> httpx.Response:
        return await self.http.post("/api/v4/reporting/stats", json=body)

    async def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        reply = await self.http.post("/api/v3/graphql", json={"query": query, "variables": variables})
        return reply.json()

    async def campus(self) -> dict[str, list[dict[str, Any]]]:
        return (await self.http.get("/_sandbox/campus")).json()

    async def calls(self) -> dict[str, Any]:
        return (await self.http.get("/_sandbox/calls")).json()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """Build sandboxes, each with a client that is logged in unless told otherwise."""
    async with contextlib.AsyncExitStack() as stack:

        async def build(*, log_in: bool = True, **settings: Any) -> Api:
            app = create_app(SandboxConfig(**{"sensors": 60, "sites": 1, "era": "influx", "clock": clock, **settings}))
            transport = httpx.ASGITransport(app)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://sandbox"))
            api = Api(http)
            if log_in:
                await api.log_in()
            return api

        yield build


@pytest.fixture
async def api(sandbox: Callable[..., Awaitable[Api]]) -> Api:
    return await sandbox()


@pytest.fixture
def serve() -> Iterator[Callable[[Starlette], str]]:
    """Run an app on a socket of its own; returns its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Starlette) -> str:
        config = uvicorn.Config(
            app, port=0, log_level="critical", ws="none", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)
