"""Events of the campus as Butlr posts them, with the same values as the other calls."""

import asyncio
import contextlib
import itertools
from collections import Counter, defaultdict
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from facade.sandbox import SandboxConfig, create_app
from facade.sandbox.construction import build_campus
from facade.sandbox.events import Events
from facade.sandbox.people import People

from .conftest import NOON

TYPES = {
    *("DETECTIONS", "TRAFFIC", "PIR_MOTION", "PIR_NO_MOTION"),
    *("ROOM_OCCUPANCY", "FLOOR_OCCUPANCY", "ZONE_OCCUPANCY"),
    *("ROOM_OCCUPANCY_1MIN", "FLOOR_OCCUPANCY_1MIN", "ZONE_OCCUPANCY_1MIN"),
}
END = int(NOON)
EVENTS = Events(People(build_campus(60), 1))
HOUR = [event for end in range(END - 3540, END + 60, 60) for event in EVENTS.of_minute(end)]


def iso(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
async def api(sandbox, clock):
    """After all of the hour has landed."""
    clock.now += 7200
    return await sandbox(era="today")


def test_an_hour_at_work_has_events_of_every_type_in_butlrs_envelope():
    assert {event["type"] for event in HOUR} == TYPES
    assert len({event["id"] for event in HOUR}) == len(HOUR)
    for event in HOUR:
        assert list(event)[:5] == ["id", "type", "timestamp", "version", "metadata"]
        assert event["id"].startswith("event_")
        assert event["version"] == "v1.0.0"
        assert {"org_id", "site_id", "building_id", "floor_id", "floor_name"} <= event["metadata"].keys()
        assert event["metadata"]["floor_id"].startswith("space_")
        assert ("data" in event) == (not event["type"].startswith("PIR"))
        assert None not in event["metadata"].values()


async def test_traffic_is_what_reporting_counts_in_the_minute_that_ends_then(api):
    rows = await api.rows(
        start=iso((END - 3600) * 1000), stop=iso(END * 1000), measurements=["traffic"], window={"every": "1m"}
    )
    reported = {(row["sensor_id"], row["time"], row["field"]): row["value"] for row in rows}
    told = {
        (event["metadata"]["sensor_id"], iso(event["timestamp"]), field): count
        for event in HOUR
        if event["type"] == "TRAFFIC"
        for field, count in event["data"].items()
        if count
    }

    assert told == reported
    assert len(told) > 5


@pytest.mark.parametrize("level", ["room", "zone", "floor"])
@pytest.mark.parametrize(("suffix", "every", "edge"), [("_1MIN", "1m", 60), ("", "5m", 300)])
async def test_an_occupancy_is_the_value_of_its_window(api, level, suffix, every, edge):
    rows = await api.rows(
        start=iso((END - 3600) * 1000),
        stop=iso(END * 1000),
        measurements=[f"{level}_occupancy"],
        window={"every": every, "function": "median"},
        value={"gte": 0},
    )
    key = "space_id" if level == "floor" else f"{level}_id"
    reported = {(row[key], row["time"]): row["value"] for row in rows}
    told = {
        (event["metadata"][f"{level}_id"], iso(event["timestamp"])): event["data"]
        for event in HOUR
        if event["type"] == f"{level.upper()}_OCCUPANCY{suffix}" and event["timestamp"] % (edge * 1000) == 0
    }

    assert told
    assert told.items() <= reported.items()
    if suffix:
        # Nothing told: nothing changed.
        silent = reported.keys() - told.keys()
        before = {time: iso(datetime.fromisoformat(time).timestamp() * 1000 - 60_000) for _, time in silent}
        assert all(
            reported[asset, time] == reported.get((asset, before[time]), reported[asset, time])
            for asset, time in silent
        )


async def test_detections_are_those_of_the_window_that_begins_then(api):
    reply = await api.detections(
        data_types=["detections_local", "detections_world"],
        filter={"start": iso((END - 600) * 1000), "stop": iso((END + 60) * 1000)},
        window={"every": "1m", "function": "first"},
    )
    for frame in ("local", "world"):
        answered = {
            (entry["mac_address"], entry["sample_time"]): [tuple(point) for point in entry["value"]]
            for entry in reply.json()[f"detections_{frame}"]
        }
        told = {
            (event["metadata"]["mac_address"], event["timestamp"]): event["data"][frame]
            for event in HOUR
            if event["type"] == "DETECTIONS" and event["timestamp"] >= (END - 600) * 1000
        }
        assert len(told) > 10
        assert told.items() <= answered.items()
        assert all(told.get(key) == points for key, points in answered.items() if points)


def test_motion_and_no_motion_take_turns_at_each_sensor():
    turns = defaultdict(list)
    for event in sorted(HOUR, key=lambda event: event["timestamp"]):
        if event["type"].startswith("PIR"):
            turns[event["metadata"]["sensor_id"]].append(event["type"])

    assert any(len(types) > 2 for types in turns.values())
    assert all(one != other for types in turns.values() for one, other in itertools.pairwise(types))


class Subscriber:
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict, dict]] = []
        self.status = 204

    @property
    def app(self) -> Starlette:
        async def take(request):
            self.posts.append((dict(request.headers), await request.json()))
            return Response(status_code=self.status)

        return Starlette(routes=[Route("/hooks", take, methods=["POST"])])

    def events(self, since: int) -> list[dict]:
        return [event for _, event in self.posts if event["timestamp"] > since * 1000]


class Simulation:
    """A sandbox whose time stands still but for `advance`, and posts to a subscriber on a real socket."""

    def __init__(self, http, app):
        self._http = http
        self._app = app

    async def advance(self, minutes: int) -> dict:
        goal = (await self._http.put("/_sandbox/clock", json={"advance": f"{minutes}m"})).json()["time"]
        return await self.told(int(datetime.fromisoformat(goal).timestamp()) // 60 * 60)

    async def told(self, until: int) -> dict:
        while True:
            deliveries = (await self._http.get("/_sandbox/webhooks")).json()
            if deliveries["until"] == until:
                return deliveries
            await asyncio.sleep(0.01)


@pytest.fixture
def subscriber() -> Subscriber:
    return Subscriber()


@pytest.fixture
async def simulate(serve, subscriber, clock):

    url = f"{serve(subscriber.app)}/hooks"
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings) -> Simulation:
            app = create_app(SandboxConfig(sensors=60, sites=1, clock=clock, webhooks=url, **settings))
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://sandbox"))
            simulation = Simulation(http, app)
            await simulation.told(END)
            return simulation

        yield start


async def test_events_are_posted_as_minutes_pass_each_at_least_once(simulate, subscriber):
    simulation = await simulate()
    first = {event["type"] for _, event in subscriber.posts}
    deliveries = await simulation.advance(10)
    # What came late comes with the minute after.
    await simulation.advance(1)

    expected = {event["id"]: event for end in range(END + 60, END + 660, 60) for event in EVENTS.of_minute(end)}
    got = {event["id"]: event for event in subscriber.events(END - 60)}
    assert {"ROOM_OCCUPANCY", "FLOOR_OCCUPANCY_1MIN"} <= first
    assert all(_as_json(got[id_]) == _as_json(event) for id_, event in expected.items())
    assert deliveries["failed"] == 0
    assert deliveries["sent"] > len(expected)


def _as_json(event: dict) -> dict:
    return (
        {**event, "data": [[list(p) for p in points] for points in event["data"].values()]}
        if (event["type"] == "DETECTIONS")
        else event
    )


async def test_at_first_every_occupancy_is_told(simulate, subscriber):
    await simulate()
    await_ids = {
        event["metadata"].get("room_id") for event in subscriber.events(0) if event["type"] == "ROOM_OCCUPANCY"
    }

    seeing = {sensor.room_id for sensor in build_campus(60).sensors if sensor.mode == "presence"}
    # One in twenty is late.
    assert len(await_ids) > 0.7 * len(seeing)


async def test_some_events_come_twice_or_out_of_order(simulate, subscriber):
    simulation = await simulate()
    await simulation.advance(30)

    times = [event["timestamp"] for event in subscriber.events(END)]
    assert times != sorted(times)
    assert max(Counter(event["id"] for event in subscriber.events(END)).values()) == 2


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [("api-key", "x-api-key", "s3cret"), ("basic", "authorization", "Basic YnV0bHI6czNjcmV0")],
)
async def test_the_secret_goes_with_every_post(simulate, subscriber, auth, header, value):
    await simulate(webhook_secret="s3cret", webhook_auth=auth)

    assert subscriber.posts
    assert all(headers.get(header) == value for headers, _ in subscriber.posts)


async def test_a_subscriber_that_refuses_is_counted_and_posting_goes_on(simulate, subscriber):
    subscriber.status = 500
    simulation = await simulate()
    refused = await simulation.advance(1)
    subscriber.status = 204
    deliveries = await simulation.advance(2)

    assert refused["sent"] == 0 < refused["failed"]
    assert "500" in refused["last_failure"]
    assert deliveries["sent"] > 0
    assert deliveries["failed"] == refused["failed"]


async def test_without_a_subscriber_there_is_nothing_to_tell(sandbox):
    api = await sandbox()

    assert (await api.http.get("/_sandbox/webhooks")).json() is None
