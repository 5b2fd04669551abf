"""The one way to read the upstream: cache, single flight and token handling laid over the client."""

from .call import Answer, Call
from .dispatch import Dispatcher
from .explain import About, Explain, Mode, NotAsked, asked_part, explained, explaining, part_of, plan_needs
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
    "explained",
    "explaining",
    "part_of",
    "plan_needs",
]
