"""Middleware of all calls under `/api`: log, latency, rate limits and faults."""

import asyncio
import hashlib
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .auth import Auth, bearer_token
from .config import SandboxConfig
from .faults import FAULTY_PATHS, Chance, Script

CALLS_KEPT = 10_000
MINUTE = 60.0
LOGINS = "/api/v2/"


@dataclass(slots=True)
class CallLog:
    total: int = 0
    by_path: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def add(self, call: dict[str, Any]) -> None:
        self.total += 1
        self.by_path[call["path"]] += 1
        self.log.append(call)

    def clear(self) -> None:
        self.total = 0
        self.by_path.clear()
        self.log.clear()

    def record(self) -> dict[str, Any]:
        return {"total": self.total, "by_path": dict(self.by_path), "log": list(self.log)}


class RateLimit:
    """Counts each token's calls in minutes that begin with its first one."""

    def __init__(self) -> None:
        self._minutes: dict[str, tuple[float, int]] = {}

    def retry_after(self, token: str, limit: int, now: float) -> int | None:
        """Count a call. Return the seconds to wait if it exceeds the limit."""
        begun, calls = self._minutes.get(token, (now, 0))
        if now - begun >= MINUTE:
            begun, calls = now, 0
        if calls >= limit:
            return math.ceil(begun + MINUTE - now)
        self._minutes[token] = (begun, calls + 1)
        return None


class Gate:
    def __init__(self, app: ASGIApp, *, config: SandboxConfig, auth: Auth, calls: CallLog, script: Script) -> None:
        self._app = app
        self._config = config
        self._auth = auth
        self._calls = calls
        self._script = script
        self._chance = Chance(config.seed)
        self._limit = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        self._note(scope, body)
        fault = self._script.next(scope["path"])
        if delay := self._config.latency_ms + (fault.delay_ms if fault else 0):
            await asyncio.sleep(delay / 1000)
        if fault and fault.hang:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        instead = (fault.response() if fault else None) or self._refusal(scope)
        answer = instead or self._app
        if fault and fault.cut:
            send = _cutting(send)
        await answer(scope, _replay(body, receive), send)

    def _note(self, scope: Scope, body: bytes) -> None:
        authorization = Headers(scope=scope).get("authorization")
        caller = self._auth.known_caller(authorization)
        token = bearer_token(authorization)
        self._calls.add(
            {
                "method": scope["method"],
                "path": scope["path"],
                "body": _readable(body),
                "tenant": caller.tenant if caller else None,
                "token_hash": hashlib.sha256(token.encode()).hexdigest()[:12] if token else None,
            }
        )

    def _refusal(self, scope: Scope) -> Response | None:
        limit = None if scope["path"].startswith(LOGINS) else self._config.rate_limit_per_minute
        token = bearer_token(Headers(scope=scope).get("authorization"))
        if limit is not None and token is not None:
            wait = self._limit.retry_after(token, limit, self._config.clock())
            if wait is not None:
                return JSONResponse({"message": "Too Many Requests"}, 429, {"Retry-After": str(wait)})
        if self._config.fault_rate and scope["path"] in FAULTY_PATHS:
            return self._chance.response(self._config.fault_rate)
        return None


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _cutting(send: Send) -> Send:
    """Send half of the body announced by Content-Length, after which the server closes the connection."""
    done = False

    async def cutting(message: Message) -> None:
        nonlocal done
        if message["type"] != "http.response.body":
            await send(message)
        elif not done:
            done = True
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})

    return cutting


def _readable(body: bytes) -> Any:
    try:
        read = orjson.loads(body)
        # orjson reads 1,024 levels but writes only 254, so the log could not be written.
        orjson.dumps(read)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body.decode(errors="replace") or None
    return read
