"""Events, topics and who may see what, without a server."""

import asyncio
import os
import random
from typing import Any

import pytest

from facade.assets import Assets
from facade.assets.records import RoomRecord, SiteRecord
from facade.auth import Passthrough
from facade.butlr import UpstreamUnavailable
from facade.cache import MemoryStore
from facade.live import BadEvent, Live, Log, Rights, WebhookEvent, event_of
from facade.live.log import read_cursor
from facade.live.subscriber import merged

# Events of a storm; 100000 is what a release is tested with.
STORM = int(os.environ.get("FACADE_TEST_STORM", "10000"))


def an_event(number: int, *, org: str = "org_1", room: str = "room_1", type_: str = "ROOM_OCCUPANCY") -> WebhookEvent:
    return WebhookEvent(f"e{number}", type_, number, metadata={"org_id": org, "room_id": room}, data=number)


def assets_of(org: str | None) -> Assets:
    return Assets(
        sites={"site_1": SiteRecord(id="site_1", org_id=org)} if org else {},
        rooms={f"room_{n}": RoomRecord(id=f"room_{n}") for n in range(80)},
    )


class Source:
    """Of one caller's assets."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def assets(self, _caller: Any, _read_log: Any) -> Assets:
        return self._assets


def rights_of(assets: Assets, orgs: Any = None) -> Rights:
    source: Any = Source(assets)
    return Rights(source, Passthrough("token"), orgs=orgs, recheck=300, clock=lambda: 1.0)


def reads(*orgs: str) -> Any:
    async def read(_caller: Any, _read_log: Any) -> frozenset[str]:
        return frozenset(orgs)

    return read


@pytest.mark.parametrize("source", ["native", "discovery"])
async def test_two_tenants_storms_over_the_same_ids_do_not_cross(source: str) -> None:
    live = Live(MemoryStore(1 << 20), None, every=60, most=10, recheck=300, wall=lambda: 1.0)  # type: ignore[arg-type]
    lot = random.Random(1)
    tenants = {}
    for org in ("org_1", "org_2"):
        assets = assets_of(org if source == "native" else None)
        tenants[org] = rights_of(assets, None if source == "native" else reads(org))
        await tenants[org].assets()
    positions = dict.fromkeys(tenants, 0)
    newest: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], int] = {}
    for number in range(STORM):
        org, room = lot.choice(list(tenants)), f"room_{lot.randrange(80)}"
        await live.publish(an_event(number, org=org, room=room))
        newest[org, room] = number
        if not lot.randrange(500) or number == STORM - 1:
            for tenant, rights in tenants.items():
                changes = live.occupancy.since(positions[tenant])
                positions[tenant] = live.log.position
                for event, value in (change.value for change in changes):
                    if rights.may_see(event):
                        assert event.org == tenant
                        seen[tenant, event.place("room_id")] = value
    # Merged, and none lost: each has the newest of all of its rooms.
    assert seen == newest
    for rights in tenants.values():
        rights.close()


async def refuses(_caller: Any, _read_log: Any) -> frozenset[str]:
    raise UpstreamUnavailable("no such API")


@pytest.mark.parametrize(
    ("orgs", "is_seen"), [(None, False), (refuses, False), (reads("org_2"), False), (reads("org_1"), True)]
)
async def test_an_organisations_first_event_reaches_nobody_of_whom_it_is_not_known_that_they_are_of_it(
    orgs: Any, is_seen: bool
) -> None:
    # As discovery finds them: nothing but ids, which another organisation may have too.
    rights = rights_of(assets_of(None), orgs)
    assert not rights.may_see(an_event(1))
    await rights.assets()
    assert rights.may_see(an_event(1)) is is_seen
    assert not rights.may_see(an_event(1, room="room_of_another"))
    rights.close()


def test_a_reader_of_any_schedule_has_the_newest_of_each_key() -> None:
    lot = random.Random(2)
    log = Log(wall=lambda: 1.0)
    topic = log.topic("t")
    state: dict[str, int] = {}
    position = 0
    for value in range(5000):
        log.put(topic, str(lot.randrange(50)), value)
        if not lot.randrange(40):
            changes = topic.since(position)
            assert [change.position for change in changes] == sorted(change.position for change in changes)
            position = log.position
            state |= {change.key: change.value for change in changes}
    state |= {change.key: change.value for change in topic.since(position)}
    assert state == {change.key: change.value for change in topic.since(0)}
    assert len(topic) == 50


async def test_what_comes_twice_or_late_takes_nothings_place() -> None:
    live = Live(MemoryStore(1 << 20), None, every=60, most=10, recheck=300, wall=lambda: 1.0)  # type: ignore[arg-type]
    events = [an_event(number) for number in range(50)] * 2
    random.Random(3).shuffle(events)
    for event in events:
        await live.publish(event)
    assert len(live.events) == 50
    assert [change.value[1] for change in live.occupancy.since(0)] == [49]


def test_events_beyond_the_bound_are_merged_by_type_and_asset() -> None:
    events = [an_event(number, room=f"room_{number % 3}") for number in range(2000)]
    assert merged(events[:10]) == events[:10]
    assert [event.data for event in merged(events)] == [1997, 1998, 1999]


@pytest.mark.parametrize("text", ["", "1", "1-2", "a-b-c", "1-2-3-4", "-1-2-3", "9" * 30 + "-1-x", "\u0661-1-x"])
def test_what_is_no_cursor(text: str) -> None:
    assert read_cursor(text) is None


@pytest.mark.parametrize("given", [{}, {"id": "e"}, {"id": "e", "type": "T", "timestamp": True}])
def test_what_is_no_event(given: dict[str, object]) -> None:
    with pytest.raises(BadEvent):
        event_of(given)


async def test_a_cursor_of_another_process_is_a_time() -> None:
    now = [100.0]
    live = Live(MemoryStore(1 << 20), None, every=60, most=10, recheck=300, wall=lambda: now[0])  # type: ignore[arg-type]
    now[0] = 200.0
    await live.publish(an_event(1))
    await asyncio.sleep(0)
    assert [change.key for change in live.missed(live.events, "150000-7-other") or ()] == ["e1"]
    assert live.missed(live.events, "90000-7-other") is None
