"""The graph: one noun a file, types and thin resolvers. No HTTP, no cache, no upstream call of its own."""

from .api import api_of
from .build import build_schema
from .context import Context
from .engine import Engine, Outcome
from .explaining import Explained, run_explained, why_unexplained
from .incremental import Later
from .limits import Limits

__all__ = [
    "Context",
    "Engine",
    "Explained",
    "Later",
    "Limits",
    "Outcome",
    "api_of",
    "build_schema",
    "run_explained",
    "why_unexplained",
]
