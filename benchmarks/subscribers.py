"""Clients that subscribe, by server-sent events or `graphql-transport-ws`, and count the answers that come."""

import asyncio
import base64
import json
import struct
from collections.abc import Coroutine
from typing import Any

# What each answer has once.
SSE_MARK, SOCKET_MARK = b"event: next", b'"type":"next"'

# Kinds of frames of WebSocket.
TEXT, PING, PONG = 1, 9, 10


class Subscribers:
    def __init__(self) -> None:
        self.delivered = 0
        self.bytes = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = 0
        self._reached = asyncio.Event()

    async def add(self, port: int, body: dict[str, Any], token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        content = json.dumps(body).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await reader.readuntil(b":\n\n")
        self._keep(writer, self._read_events(reader))

    async def add_socket(self, port: int, body: dict[str, Any], token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        key = base64.b64encode(bytes(16)).decode()
        head = (
            "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_message({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        await reader.readuntil(b'"connection_ack"}')
        writer.write(_message({"id": "1", "type": "subscribe", "payload": body}))
        self._keep(writer, self._read_frames(reader, writer))

    def _keep(self, writer: asyncio.StreamWriter, reading: Coroutine[Any, Any, None]) -> None:
        self._writers.append(writer)
        self._tasks.append(asyncio.create_task(reading))

    async def _read_events(self, reader: asyncio.StreamReader) -> None:
        # The end of what was read may be the beginning of a mark.
        before = b""
        while data := await reader.read(1 << 16):
            self._note(len(data), (before + data).count(SSE_MARK))
            before = data[-len(SSE_MARK) + 1 :]

    async def _read_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while more := await reader.read(1 << 16):
            data += more
            while frame := _first_frame(data):
                opcode, body, size = frame
                data = data[size:]
                if opcode == PING:
                    writer.write(_frame(body, PONG))
                self._note(size, int(SOCKET_MARK in body))

    def _note(self, size: int, delivered: int) -> None:
        self.bytes += size
        self.delivered += delivered
        if self.delivered >= self._wanted:
            self._reached.set()

    async def reach(self, delivered: int, *, within: float = 120) -> bool:
        """Wait for so many answers in all; return whether they came in time."""
        self._wanted = delivered
        self._reached.clear()
        if self.delivered < delivered:
            try:
                async with asyncio.timeout(within):
                    await self._reached.wait()
            except TimeoutError:
                return False
        return True

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()


def _message(message: dict[str, Any]) -> bytes:
    return _frame(json.dumps(message).encode(), TEXT)


def _frame(body: bytes, opcode: int) -> bytes:
    """Return a frame of a client, whose mask of zeros leaves the body as it is."""
    length = bytes([128 + len(body)]) if len(body) < 126 else bytes([128 + 126]) + struct.pack(">H", len(body))
    return bytes([128 + opcode]) + length + bytes(4) + body


def _first_frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Return the opcode, the body and the size of the first frame of a server; None while it is not whole."""
    at = {126: 4, 127: 10}.get(data[1], 2) if len(data) > 1 else 2
    if len(data) < at:
        return None
    size = at + (data[1] if at == 2 else int.from_bytes(data[2:at]))
    return (data[0] & 15, data[at:size], size) if len(data) >= size else None
