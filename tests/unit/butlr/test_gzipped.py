"""How gzip answers are decoded, over real sockets."""

import asyncio
import gzip

import pytest

from facade.butlr import Http, InvalidResponse
from facade.butlr.gzipped import PIECE, Members

PARTS = (b'{"data": ', b"[1, 2]", b"}")
MEMBERS = b"".join(gzip.compress(part, mtime=0) for part in PARTS)


async def answered(body, size):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), size):
            writer.write(body[at : at + size])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as http:
        return (await http.send("GET", "/x")).body


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("padding", [b"", b"\0" * 9])
async def test_all_members_are_read(size, padding):
    assert await answered(MEMBERS + padding, size) == b"".join(PARTS)


async def test_a_body_of_nothing_is_nothing():
    assert await answered(b"", 1) == b""


@pytest.mark.parametrize("body", [MEMBERS[:-5], MEMBERS[:20], MEMBERS + b"rubbish", b"rubbish"])
async def test_what_is_cut_short_or_no_gzip_is_no_answer(body):
    with pytest.raises(InvalidResponse):
        await answered(body, 1000)


@pytest.mark.parametrize("length", [5 * PIECE + 1, 5 * PIECE, PIECE - 1, *range(2 * PIECE - 3, 2 * PIECE + 3)])
def test_what_grows_a_thousandfold_comes_in_pieces(length):
    members = Members()
    sizes = [len(piece) for piece in members.pieces(gzip.compress(b"\0" * length, mtime=0))]
    members.finish()
    assert (sum(sizes), max(sizes)) == (length, min(length, PIECE))
