"""Bounds on how a request arrives. The app's lifespan hands them to the server's connections, as `arrival`."""

from typing import NamedTuple


class Arrival(NamedTuple):
    # Bytes of the request line and the header fields together; of trailers and chunk extensions too.
    most_head: int = 64 * 1024
    # Seconds from a request's first byte to its last.
    seconds: float = 30.0
