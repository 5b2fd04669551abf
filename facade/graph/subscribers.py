"""How the root fields of subscriptions read changes: the subscriber, its position, and batches of changes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry import ID

from ..butlr import parse_duration
from ..live import Subscriber
from ..live.log import Change, Topic
from .context import Context, Info
from .fields import described
from .inputs import optional
from .scalars import JSON, Time, bad_input

MOST_ITEMS = 1000


@strawberry.type(description="An event of Butlr's webhooks.")
class Event:
    id: ID = described("The event's own id.")
    type: str = described("A value of EventType, or a type that Butlr has added since.")
    timestamp: Time = described("When it happened.")
    version: str | None = described("The version of its format.")
    metadata: JSON | None = described("The ids and names of the place, from the organisation down to the asset.")
    data: JSON | None = described("The values: a count, `in` and `out`, or points; null for motion.")


@strawberry.input(description="The place or the sensors whose detections are sent. One of the fields is required.")
class LiveFilter:
    space_id: ID | None = optional("A floor.")
    room_id: ID | None = optional("A room.")
    mac_addresses: list[str] | None = optional("Sensors, by MAC address.")


@dataclass(frozen=True, slots=True)
class Pushed:
    """One event of a subscription: `value` makes its root field's value, `cursor` what it can be resumed by.

    `key` tells it from all other events of the same question in one scope. `resumed` is said with the first: whether
    what was missed follows and nothing else, or all there is.
    """

    value: Callable[[], Any]
    cursor: Callable[[], str]
    key: Hashable
    resumed: bool | None = None


Stream = AsyncGenerator[Pushed, None]


@asynccontextmanager
async def subscriber_of(info: Info) -> AsyncIterator[Subscriber]:
    context: Context = info.context
    caller = context.known_caller()
    if context.live is None:
        raise RuntimeError("subscriptions need what feeds them")
    async with context.live.subscribed(caller) as subscriber:
        yield subscriber


def interval_of(info: Info, every: str | None) -> float:
    live = info.context.live
    least = live.every if live else 60.0
    if not every:
        return least
    duration = parse_duration(every)
    if duration.months or duration.seconds <= 0:
        raise bad_input("`every` must be in seconds, minutes, hours, days or weeks, and more than zero.")
    return max(least, float(duration.seconds))


def _first_of(subscriber: Subscriber, topics: Iterable[Topic], resume: str | None) -> tuple[list[Change], bool | None]:
    """Return the changes to begin with, oldest first, and whether they are what came after the cursor."""
    topics = list(topics)
    if resume is not None:
        # What is polled has its ids by the replicas' clocks, what comes by webhooks by that of Redis.
        by_one_clock = len(topics) == 1
        missed = [subscriber.live.missed(topic, resume, by_one_clock=by_one_clock) for topic in topics]
        if all(found is not None for found in missed):
            changes = [change for found in missed for change in found or ()]
            return sorted(changes, key=_position), True
    changes = [change for topic in topics for change in topic.since(0)]
    return sorted(changes, key=_position), None if resume is None else False


def _position(change: Change) -> int:
    return change.position


async def batches_of(
    subscriber: Subscriber, topics: list[Topic], pause: float, resume: str | None
) -> AsyncIterator[tuple[list[Change], bool | None]]:
    """Yield what there is, then again and again what has changed since, at most every `pause` seconds."""
    position = subscriber.live.log.position
    changes, resumed = _first_of(subscriber, topics, resume)
    seen = {topic.name: topic.changed for topic in topics}
    yield changes, resumed
    while True:
        await subscriber.woken()
        if pause:
            await asyncio.sleep(pause)
            subscriber.check()
        reached = subscriber.live.log.position
        changes = sorted((change for topic in topics for change in topic.since(position)), key=_position)
        passed = sum(topic.changed - seen[topic.name] for topic in topics)
        seen = {topic.name: topic.changed for topic in topics}
        position = reached
        if changes:
            subscriber.taken(len(changes), passed, changes[0])
            yield changes, None


def pushed_root(resolver: Callable[..., Stream], type_: Any, text: str) -> Any:
    return strawberry.subscription(resolver=resolver, graphql_type=type_, description=text)
