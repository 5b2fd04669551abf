"""An upstream at the wire that checks tokens, and has the answers that a test sets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from facade.assets import Assets
from facade.assets.records import RECORD_TYPES
from facade.auth import Passthrough
from facade.butlr import Butlr, Http
from facade.cache import open_store
from facade.upstream import ReadLog, Upstream
from facade.upstream.dispatch import Dispatcher

NATIVE, REPORTING = "/api/v3/graphql", "/api/v3/reporting"
# 2025-10-14T16:00:00Z
NOW = 1_760_457_600.0


class Wire:
    """Takes the tokens in `tokens`; `replies` are (status, JSON or bytes) by path, or made from the body asked."""

    def __init__(self) -> None:
        self.tokens = {"good"}
        self.now = NOW
        self.asked: list[tuple[str, Any]] = []
        self.gate: asyncio.Event | None = None
        # Whether bodies are looked at before tokens are.
        self.bodies_first = False
        self.replies: dict[str, Any] = {REPORTING: (200, {"data": []})}
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self._handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(
            Butlr(self.http), self.store, dispatcher=Dispatcher(retries=0), recheck=300, clock=lambda: self.now
        )

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append((request.url.path, body))
        if self.gate is not None:
            await self.gate.wait()
        known = request.headers["authorization"].removeprefix("Bearer ") in self.tokens
        reply = self.replies[request.url.path]
        status, content = reply(body) if callable(reply) else reply
        if not known and not (self.bodies_first and status == 400):
            if request.url.path == NATIVE:
                return httpx.Response(200, json=failed("UNAUTHENTICATED", "Token is not valid"))
            return httpx.Response(401, json={"message": "Unauthorized"})
        return httpx.Response(status, **({"content": content} if isinstance(content, bytes) else {"json": content}))

    async def aclose(self) -> None:
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


def failed(code: str, message: str = "failed") -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    yield made
    await made.aclose()


@pytest.fixture
def upstream(wire: Wire) -> Upstream:
    return wire.upstream


@pytest.fixture
def good() -> Passthrough:
    return Passthrough("good")


@pytest.fixture
def bad() -> Passthrough:
    return Passthrough("made-up")


@pytest.fixture
def read_log() -> ReadLog:
    return ReadLog()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a file: text as it is, anything else as indented JSON."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    return write


@pytest.fixture
def as_lists() -> Callable[[Assets], dict[str, dict[str, Any]]]:
    return lambda assets: {kind: dict(getattr(assets, kind)) for kind in RECORD_TYPES}
