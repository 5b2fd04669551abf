"""Bound the interim responses (RFC 9110, section 15.2) before an answer. aiohttp would read any number of them."""

from typing import Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader

# Servers send one or two, such as 100 Continue and 103 Early Hints.
MOST = 16


class BoundedResponse(aiohttp.ClientResponse):
    """Refuses an answer after more than `MOST` interim responses."""

    async def start(self, connection: Connection) -> Self:
        protocol = connection.protocol
        assert protocol is not None  # noqa: S101 -- there is one until the response is released
        read, heads = protocol.read, 0

        async def counted() -> tuple[RawResponseMessage, StreamReader]:
            nonlocal heads
            heads += 1
            if heads > MOST + 1:
                raise HttpProcessingError(code=502, message="too many interim responses")
            return await read()

        protocol.read = counted  # type: ignore[method-assign]
        try:
            await super().start(connection)
        finally:
            # Restore the connection's own method.
            protocol.read = read  # type: ignore[method-assign]
        return self
