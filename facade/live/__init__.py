"""Subscriptions: webhook events, the values they carry, and polls for values that no webhook has sent."""

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
