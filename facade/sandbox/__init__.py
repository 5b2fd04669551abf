"""A simulated Butlr API: a separate program that imports nothing of the facade."""

from .app import create_app
from .clock import read_time
from .config import SandboxConfig

__all__ = ["SandboxConfig", "create_app", "read_time"]
