"""Execution: from an operation's text to its answer, within limits of form and cost."""

from .engine import Engine
from .explain import Explained, run_explained, why_unexplained
from .incremental import Later
from .limits import Limits
from .outcome import Outcome
from .written_events import SharedAnswer

__all__ = ["Engine", "Explained", "Later", "Limits", "Outcome", "SharedAnswer", "run_explained", "why_unexplained"]
