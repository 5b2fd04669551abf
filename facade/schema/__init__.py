"""The graph: one noun a file, types and thin resolvers. No HTTP, no cache, no upstream call of its own."""

from .build import build_schema
from .context import Context
from .engine import Engine, Outcome

__all__ = ["Context", "Engine", "Outcome", "build_schema"]
