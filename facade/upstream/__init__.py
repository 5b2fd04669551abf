"""Read the upstream through cache, single flight and token handling. Nothing else uses the client for data."""

from .call import Answer, Call
from .dispatch import Dispatcher
from .explain import About, Explain, Mode, NotAsked, asked_part, explaining, part_of, plan_needs
from .read_log import ReadLog
from .reader import UPSTREAM_FAILED, Upstream

__all__ = [
    "UPSTREAM_FAILED",
    "About",
    "Answer",
    "Call",
    "Dispatcher",
    "Explain",
    "Mode",
    "NotAsked",
    "ReadLog",
    "Upstream",
    "asked_part",
    "explaining",
    "part_of",
    "plan_needs",
]
