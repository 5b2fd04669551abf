"""How the root fields of subscriptions read changes: the subscriber, its position, and batches of changes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry import ID

from ..butlr import parse_duration
from ..live import Subscriber
from ..live.log import Change
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

    Whoever has it has all changes up to `position`. `resumed` is said with the first: whether what was missed follows
    and nothing else, or all there is.
    """

    value: Callable[[], Any]
    cursor: Callable[[], str]
    position: int
    resumed: bool | None = None
    # What else tells it from other events of the same question in one scope.
    parts: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Hashable:
        return (self.position, self.parts)


Stream = AsyncGenerator[Pushed, None]


@asynccontextmanager
async def subscriber_of(info: Info) -> AsyncIterator[Subscriber]:
    context: Context = info.context
    caller = context.known_caller()
    if context.live is None:
        raise RuntimeError("subscriptions need what feeds them")
    async with context.live.subscribed(caller, context.fanout, context.take) as subscriber:
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


async def batches_of(
    subscriber: Subscriber, pause: float, resume: str | None
) -> AsyncIterator[tuple[list[Change], bool | None]]:
    """Yield what there is, then again and again what has changed since, at most every `pause` seconds."""
    yield subscriber.first(resume)
    while True:
        await subscriber.woken()
        if pause:
            await asyncio.sleep(pause)
            subscriber.check()
        if changes := subscriber.news():
            yield changes, None


def pushed_root(resolver: Callable[..., Stream], type_: Any, text: str) -> Any:
    return strawberry.subscription(resolver=resolver, graphql_type=type_, description=text)
