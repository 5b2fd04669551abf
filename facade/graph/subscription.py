"""The root fields of subscriptions: they send the current values first, and then each change."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry import ID, UNSET

from ..assets import normal_mac
from ..butlr import DetectionEntry as DetectionRecord
from ..butlr import Reporting, Row, to_rfc3339
from ..live import Subscriber
from ..live import WebhookEvent as EventRecord
from ..live.log import Change, Topic, read_cursor
from ..live.subscriber import merged
from ..loaders import Points, ReadOptions
from ..series import epoch_of
from .context import Info
from .detection import Detection
from .inputs import ReportFilter, ReportWindow, with_times, without_unset
from .occupancy import Occupancy, OccupancyRecord
from .questions import DetectionsQuestion, OccupancyQuestion, ReportQuestion, places_among
from .report import INCLUDE_OPEN, Report
from .report_records import ReportRecord
from .scalars import Duration, bad_input
from .subscribers import (
    MOST_ITEMS,
    Event,
    LiveFilter,
    Pushed,
    Stream,
    batches_of,
    interval_of,
    pushed_root,
    subscriber_of,
)
from .webhook import EventType


async def _occupancy(info: Info, items: list[ID], every: Duration | None = UNSET) -> Stream:
    wanted = list(dict.fromkeys(items))
    if not wanted or len(wanted) > MOST_ITEMS:
        raise bad_input(f"`items` must have 1 to {MOST_ITEMS} rooms, zones or floors.")
    seconds = interval_of(info, every or None)
    async with subscriber_of(info) as subscriber:
        known = places_among(await subscriber.rights.assets(), wanted)
        if unknown := [id_ for id_ in wanted if id_ not in known]:
            raise bad_input(f"`items`: {', '.join(unknown[:3])}: no room, zone or floor that this token may see.")
        live = subscriber.live
        subscriber.watch(live.occupancy)
        poller = await subscriber.poll(OccupancyQuestion(info.context.services), frozenset(wanted), seconds)
        told = _Told(subscriber, frozenset(wanted))
        for change in live.occupancy.since(0):
            told.note(change)
        first = True
        async for changes, resumed in batches_of(subscriber, 0.0 if not every else seconds, info.context.resume):
            for pushed in _occupancies(subscriber, told, poller.topic, changes, resumed if first else None):
                yield pushed
            first = False


class _Told:
    """The newest that webhooks have told of some places, as far as the subscriber may see it."""

    def __init__(self, subscriber: Subscriber, items: frozenset[str]) -> None:
        self._subscriber, self.items = subscriber, items
        self.newest: dict[str, Change] = subscriber.known

    def note(self, change: Change) -> str | None:
        """Return the place where the change is of one of them, and is the newest."""
        event: EventRecord = change.value[0]
        told = event.occupancy
        if told is None or told[0] not in self.items or not self._subscriber.rights.may_see(event):
            return None
        known = self.newest.get(told[0])
        if known is not None and known.value[0].timestamp > event.timestamp:
            return None
        self.newest[told[0]] = change
        return told[0]


def _occupancies(
    subscriber: Subscriber, told: _Told, polled: Topic, changes: list[Change], resumed: bool | None
) -> Iterable[Pushed]:
    for change in changes:
        if isinstance(change.value, OccupancyRecord):
            if change.key not in told.items:
                continue
            item, other = change.key, told.newest.get(change.key)
            record, newer = change.value, _told_record(item, other) if other else None
        else:
            place = told.note(change)
            if place is None:
                continue
            item, other = place, polled.get(place)
            record, newer = _told_record(place, change), other.value if other else None
        # Whichever is of the later time stands.
        if newer is not None and _is_later(newer, record):
            continue
        yield Pushed(partial(_same, record), partial(subscriber.live.cursor, change), change.position, resumed)
        resumed = None


def _told_record(item: str, change: Change) -> OccupancyRecord:
    event, value = change.value
    return OccupancyRecord(item, event.type.lower(), float(value), to_rfc3339(event.timestamp))


def _is_later(one: OccupancyRecord, other: OccupancyRecord) -> bool:
    at, before = (None if record.time is None else epoch_of(record.time) for record in (one, other))
    return at is not None and (before is None or at > before)


async def _report(
    info: Info,
    filter: ReportFilter,
    window: ReportWindow,
    include_open: Annotated[bool | None, INCLUDE_OPEN] = UNSET,
) -> Stream:
    body = without_unset(filter=filter, window=window)
    body["filter"] = with_times(body["filter"])
    async with subscriber_of(info) as subscriber:
        await subscriber.rights.assets()
        question = ReportQuestion(info.context.services, body, ReadOptions(include_open=bool(include_open)))
        poller = await subscriber.poll(question, frozenset(), interval_of(info, None))
        live, resume = subscriber.live, info.context.resume
        cursor = read_cursor(resume) if resume else None
        known: dict[str, tuple[int, bool]] = subscriber.known
        known[_LANDED] = (cursor.milliseconds, cursor.number is not None) if cursor else _NOTHING_LANDED
        said = None
        async for changes, resumed in batches_of(subscriber, 0.0, resume):
            said = resumed if said is None else said
            if not changes and resumed:
                continue
            asked: Any = poller.question
            rows = [change.value for change in changes]
            if said is False:
                known[_LANDED] = _NOTHING_LANDED
            for moment, shared in [(poller.topic.floor[0], True), *((each.id[0], each.is_shared) for each in changes)]:
                if moment >= known[_LANDED][0]:
                    known[_LANDED] = moment, shared
            landed, is_shared = known[_LANDED]
            position = live.log.position
            reached = partial(live.cursor_after, landed, position, is_shared=is_shared)
            parts = (landed, is_shared, asked.reads, changes[0].position if changes else None, len(changes))
            yield Pushed(partial(_report_of, asked.points, rows, body), reached, position, said, parts)
            said = None


# What a report's subscriber knows: the moment up to which its windows were first read, and whose clock that is by.
_LANDED, _NOTHING_LANDED = "landed", (0, True)


def _same(record: Any) -> Any:
    return record


def _report_of(points: Points, rows: list[Any], body: Any) -> ReportRecord:
    """Return the report with only these rows."""
    data = [
        {name: value for name in Row.__struct_fields__ if (value := getattr(row, name, None)) is not None}
        for row in rows
    ]
    only = Points(points.query, points.label, points.entry, Reporting.from_data(data), is_ordered=True)
    return ReportRecord(only, body)


async def _detections(info: Info, filter: LiveFilter, every: Duration | None = UNSET) -> Stream:
    given = without_unset(filter=filter)["filter"]
    if not given:
        raise bad_input("`filter` needs `space_id`, `room_id` or `mac_addresses`.")
    seconds = interval_of(info, every or None)
    async with subscriber_of(info) as subscriber:
        assets = await subscriber.rights.assets()
        macs = {normal_mac(mac) for mac in given.get("mac_addresses", ())}
        for name, kind in (("space_id", "floors"), ("room_id", "rooms")):
            if name in given and given[name] not in getattr(assets, kind):
                raise bad_input(f"`filter.{name}`: {given[name]} is not one that this token may see.")

        def fits(event: EventRecord) -> bool:
            mac = normal_mac(event.place("mac_address") or "")
            return (
                (not macs or mac in macs)
                and given.get("space_id") in (None, event.place("floor_id"))
                and given.get("room_id") in (None, event.place("room_id"))
                and subscriber.rights.may_see(event)
            )

        live = subscriber.live
        subscriber.watch(live.detections)
        await subscriber.poll(DetectionsQuestion(info.context.services, given, every or None), frozenset(), seconds)
        newest: dict[str, float] = subscriber.known
        first = True
        async for changes, resumed in batches_of(subscriber, 0.0 if not every else seconds, info.context.resume):
            for change in changes:
                record = _detection_of(change, fits)
                if record is None:
                    continue
                mac, at = normal_mac(record.mac_address or ""), float(record.start_time or 0)
                if at < newest.get(mac, 0.0):
                    continue
                newest[mac] = at
                yield Pushed(
                    partial(_same, record), partial(live.cursor, change), change.position, resumed if first else None
                )
                first = False


def _detection_of(change: Change, fits: Callable[[EventRecord], bool]) -> DetectionRecord | None:
    if isinstance(change.value, DetectionRecord):
        return change.value
    event, data = change.value
    if not fits(event):
        return None
    points = data.get("local")
    value = [list(map(float, point)) for point in points] if _are_points(points) else None
    return DetectionRecord(
        start_time=event.timestamp, sample_time=event.timestamp, mac_address=event.place("mac_address"), value=value
    )


def _are_points(points: Any) -> bool:
    return isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 2 and all(isinstance(at, int | float) for at in point)
        for point in points
    )


@dataclass(slots=True)
class _EventRecord:
    id: str
    type: str
    timestamp: str | None
    version: str | None
    metadata: Any
    data: Any


async def _events(info: Info, types: list[EventType] | None = UNSET) -> Stream:
    wanted = {type_.value for type_ in types} if types else None
    async with subscriber_of(info) as subscriber:
        live = subscriber.live
        subscriber.watch(live.events)
        await subscriber.rights.assets()
        resume, resumed = info.context.resume, None
        # Those that came while the rights were asked for, and where the cursor is too old all that are kept.
        changes = subscriber.news()
        if resume is not None:
            changes, resumed = subscriber.first(resume)
        while True:
            fitting = [change for change in changes if wanted is None or change.value.type in wanted]
            seen = {change.value.id: change for change in fitting if subscriber.rights.may_see(change.value)}
            for event in merged([change.value for change in seen.values()]):
                change = seen[event.id]
                yield Pushed(partial(_event_of, event), partial(live.cursor, change), change.position, resumed)
                resumed = None
            await subscriber.woken()
            changes = subscriber.news()


def _event_of(event: EventRecord) -> _EventRecord:
    return _EventRecord(event.id, event.type, to_rfc3339(event.timestamp), event.version, event.metadata, event.data)


@strawberry.type(
    description="Values that are pushed as they change, over server-sent events, graphql-transport-ws or multipart. A "
    "subscription can be resumed by the `extensions.id` of an answer."
)
class Subscription:
    occupancy = pushed_root(
        _occupancy,
        Occupancy,
        "The number of people in these rooms, zones and floors: the newest value of each at once, then each change. "
        "`every` is the shortest time between two updates.",
    )
    report = pushed_root(
        _report,
        Report,
        "A report: the whole span so far at once, then only windows that are new or have changed. Merge them by series "
        "and window.",
    )
    detections = pushed_root(
        _detections,
        Detection,
        "The positions of people: the newest of each sensor, then each change. `every` is the shortest time between "
        "two updates.",
    )
    events = pushed_root(_events, Event, "The events of Butlr's webhooks from now on. Each id is sent once.")
