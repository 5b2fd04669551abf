from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from facade.butlr import Butlr, Http


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[asyncio.StreamWriter, Asked], Awaitable[None]]


@dataclass
class Wire:
    """A server on a real socket that does exactly what a test tells it to, HTTP or not."""

    behave: Behaviour = None  # type: ignore[assignment]
    asked: list[Asked] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    url: str = ""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(method, target, headers, body)
                self.asked.append(asked)
                self.reached.set()
                await self.behave(writer, asked)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def answers(self, body: bytes = b"{}", status: str = "200 OK", **headers: str) -> None:
        """From now on, a sound answer. `_` in a header's name is a hyphen."""
        lines = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}

        async def behave(writer: asyncio.StreamWriter, _: Asked) -> None:
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"HTTP/1.1 {status}\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

        self.behave = behave

    def says(self, *chunks: bytes, pause: float = 0) -> None:
        """From now on, these bytes as they are, then the end of the connection."""

        async def behave(writer: asyncio.StreamWriter, _: Asked) -> None:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause)
            writer.close()

        self.behave = behave


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    server = Wire()
    server.answers()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http(wire: Wire) -> AsyncIterator[Http]:
    async with Http(wire.url, timeout=5) as client:
        yield client


class Recorded:
    """An upstream that answers with `replies` in turn, repeats the last one, and records the requests."""

    def __init__(self) -> None:
        self.replies: list[Any] = []
        self.bodies: list[Any] = []
        self.requests: list[httpx.Request] = []
        self.gate: asyncio.Event | None = None
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self._handle))
        self.butlr = Butlr(self.http)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(request.content) if request.content else None)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(reply, Exception):
            raise reply
        status, content = reply
        if isinstance(content, bytes):
            return httpx.Response(status, content=content)
        return httpx.Response(status, json=content)


@pytest.fixture
async def upstream() -> AsyncIterator[Recorded]:
    recorded = Recorded()
    yield recorded
    await recorded.http.aclose()
