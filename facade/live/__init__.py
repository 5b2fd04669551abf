"""What changes while somebody watches: events, the values they carry, and the polls that stand in for them."""

from .events import BadEvent, WebhookEvent, event_of
from .hub import Live, Subscriber
from .log import Log, Topic
from .poller import Poller, Question
from .rights import Rights

__all__ = [
    "BadEvent",
    "Live",
    "Log",
    "Poller",
    "Question",
    "Rights",
    "Subscriber",
    "Topic",
    "WebhookEvent",
    "event_of",
]
