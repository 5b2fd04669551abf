"""The graph: one noun a file, types and thin resolvers. No HTTP, no cache, no upstream call of its own."""

from .build import build_schema
from .context import Context
from .engine import Engine, Outcome
from .limits import Limits

__all__ = ["Context", "Engine", "Limits", "Outcome", "build_schema"]
