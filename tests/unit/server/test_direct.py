"""What is written past ASGI is written whole, or not at all."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from websockets.exceptions import InvalidState

from facade.server.direct_chunks import DirectChunks
from facade.server.sockets import DirectMessages


class Transport:
    def __init__(self):
        self.written = b""
        self.is_closed = False

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.is_closed


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def cycle(transport):
    return SimpleNamespace(
        transport=transport,
        flow=SimpleNamespace(write_paused=False),
        response_started=True,
        response_complete=False,
        disconnected=False,
        chunked_encoding=True,
    )


class Protocol:
    """Of WebSocket: frames as they are."""

    def __init__(self):
        self.is_closed = False
        self._sent: list[bytes] = []

    def send_text(self, text):
        if self.is_closed:
            raise InvalidState("closed")
        self._sent.append(text)

    def data_to_send(self):
        sent, self._sent = self._sent, []
        return sent


@pytest.fixture
async def connection(transport):
    writable = asyncio.Event()
    writable.set()
    return SimpleNamespace(
        transport=transport,
        conn=Protocol(),
        writable=writable,
        handshake_complete=True,
        close_sent=False,
        disconnected=False,
    )


def test_a_chunk_has_its_length(cycle, transport):
    direct = DirectChunks(cycle)
    assert direct.write(direct.chunk(b"x" * 17))
    assert transport.written == b"11\r\n" + b"x" * 17 + b"\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("response_started", False), ("response_complete", True), ("disconnected", True), ("chunked_encoding", False)],
)
def test_outside_of_a_body_in_chunks_nothing_is_written(cycle, transport, name, value):
    setattr(cycle, name, value)
    assert not DirectChunks(cycle).write(b"1\r\nx\r\n")
    assert not transport.written


def test_who_does_not_read_or_has_gone_is_written_nothing(cycle, transport):
    cycle.flow.write_paused = True
    assert not DirectChunks(cycle).write(b"1\r\nx\r\n")
    cycle.flow.write_paused, transport.is_closed = False, True
    assert not DirectChunks(cycle).write(b"1\r\nx\r\n")
    assert not transport.written


async def test_a_message_is_written_while_the_socket_is_open_and_read(connection, transport):
    direct = DirectMessages(connection)
    assert direct.write(direct.chunk(b"one"))
    connection.writable.clear()
    assert not direct.write(b"two")
    connection.writable.set()
    for name, value in (("handshake_complete", False), ("close_sent", True), ("disconnected", True)):
        before = getattr(connection, name)
        setattr(connection, name, value)
        assert not direct.write(name.encode())
        setattr(connection, name, before)
    connection.conn.is_closed = True
    assert not direct.write(b"three")
    connection.conn.is_closed, transport.is_closed = False, True
    assert not direct.write(b"four")
    assert transport.written == b"one"
