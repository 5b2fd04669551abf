"""`Direct`: how a server lets the app write a part of an answer at once, without the layers of ASGI."""

from typing import Protocol

# The key of the ASGI scope. A server that has no such way sets none.
DIRECT = "facade.direct"


class Direct(Protocol):
    def chunk(self, body: bytes) -> bytes:
        """Return a part of a body, or a message of text, as `write` takes it. It is the same for all connections."""
        ...

    def write(self, chunk: bytes) -> bool:
        """Write a chunk. Return False where the client does not read, or has gone: then nothing was written."""
        ...
