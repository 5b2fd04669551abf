"""Subscriptions: webhook events, the values they carry, and polls for values that no webhook has sent."""

from .events import BadEvent, WebhookEvent, event_of
from .fanout import Fanout, Take
from .hub import Live
from .log import Log, Topic
from .poller import Poller, Question
from .rights import Rights
from .subscriber import Subscriber

__all__ = [
    "BadEvent",
    "Fanout",
    "Live",
    "Log",
    "Poller",
    "Question",
    "Rights",
    "Subscriber",
    "Take",
    "Topic",
    "WebhookEvent",
    "event_of",
]
