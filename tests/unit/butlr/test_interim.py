"""Interim responses: a few are skipped, an endless number is an error."""

import asyncio

import pytest

from facade.butlr import InvalidResponse
from facade.butlr.http import Http
from facade.butlr.interim import MOST

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
KINDS = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"]


class Server:
    """Sends so many interim responses before each answer; without a number, for as long as somebody reads."""

    def __init__(self, interim: bytes, number: int | None) -> None:
        self.interim, self.number = interim, number
        self.sent = self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                while self.number is None:
                    writer.write(self.interim * 100)
                    self.sent += 100
                    await writer.drain()
                writer.write(self.interim * self.number + ANSWER)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()


@pytest.mark.parametrize("interim", KINDS)
async def test_few_are_read_past_on_one_connection(interim):
    server = Server(interim, MOST)
    async with server as url, Http(url) as http:
        replies = [await http.send("POST", "/", body=b"{}") for _ in range(3)]
    assert [reply.body for reply in replies] == [b"{}"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("interim", KINDS)
async def test_without_end_they_are_an_error_and_the_end_of_the_connection(interim):
    server = Server(interim, None)
    async with server as url, Http(url) as http:
        with pytest.raises(InvalidResponse, match="not sound HTTP"):
            await http.send("POST", "/", body=b"{}")
    # What the sockets' buffers took.
    assert server.sent * len(interim) < 32 * 1024**2


async def test_one_more_than_the_bound_is_an_error():
    async with Server(KINDS[0], MOST + 1) as url, Http(url) as http:
        with pytest.raises(InvalidResponse):
            await http.send("POST", "/", body=b"{}")
