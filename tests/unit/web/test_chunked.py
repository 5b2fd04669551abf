"""Chunked responses: no chunk is joined with another, and other tasks run between them."""

import asyncio

from facade.web.chunked import ChunkedResponse


async def test_other_tasks_run_between_chunks() -> None:
    sent, turns = [], 0

    async def send(message) -> None:
        sent.append((message.get("body"), message.get("more_body"), turns))

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    chunks = [b"a", b"bc", b"d"]
    response = ChunkedResponse.of_list(chunks, 200, {}, media_type="application/json")
    task = asyncio.create_task(other())
    await response({}, None, send)
    task.cancel()
    assert response.headers["content-length"] == "4"
    assert [body for body, _, _ in sent[1:]] == [b"a", b"bc", b"d", b""]
    assert [more for _, more, _ in sent[1:]] == [True, True, True, False]
    assert len({turns for _, _, turns in sent[1:]}) == 4
    # Each was freed once it was sent.
    assert chunks == []
