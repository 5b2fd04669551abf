"""Limits on the size and time of an arriving request. Connections get them from the lifespan state, as `arrival`."""

from typing import NamedTuple


class Arrival(NamedTuple):
    # Bytes of the request line and all header fields; also the limit for trailers and for chunk extensions.
    most_head: int = 64 * 1024
    # Seconds from a request's first byte to its last.
    seconds: float = 30.0
