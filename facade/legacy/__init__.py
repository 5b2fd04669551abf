"""What legacy REST clients know, said in the graph: an operation for each REST call, and its answer's old shape.

Nothing here serves HTTP or calls the upstream: `web` runs the operations, and the command line prints them.
"""

from .v2 import (
    FIXTURES_ENDED,
    PREFIX,
    READS,
    V2_ENDED,
    WRITES,
    GoneRead,
    Resolved,
    V2Read,
    refused_write,
)

__all__ = [
    "FIXTURES_ENDED",
    "PREFIX",
    "READS",
    "V2_ENDED",
    "WRITES",
    "GoneRead",
    "Resolved",
    "V2Read",
    "refused_write",
]
