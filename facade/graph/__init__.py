"""The graph: one noun a file, types and thin resolvers. No HTTP, no cache, no upstream call of its own."""

from .api import api_of
from .build import build_schema
from .context import Context

__all__ = ["Context", "api_of", "build_schema"]
