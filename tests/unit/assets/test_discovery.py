from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facade.assets import Discovery
from facade.assets.sources.discovery import learn
from facade.auth import Passthrough
from facade.butlr import Butlr, Http, Row, UpstreamTimeout
from facade.cache import open_store
from facade.series import Label, Labels
from facade.upstream import ReadLog, Upstream


def presence(sensor: str, **more) -> Row:
    return Row(**{"sensor_id": sensor, "measurement": "presence", "time": "2025-10-14T00:00:00Z", **more})


async def test_a_sensor_is_merged_from_all_its_rows_and_the_latest_says_where_it_stands():
    assets = await learn(
        [
            presence("sensor_1", room_id="room_old", mac_address="00-17", time="2025-10-13T00:00:00Z"),
            presence("sensor_1", room_id="room_new", hive_id="hive_1", hive_serial="AB"),
        ]
    )
    [sensor] = assets.sensors.values()
    assert (sensor.room_id, sensor.hive_id, sensor.mac_address) == ("room_new", "hive_1", "00-17")
    assert assets.hive_by_serial["ab"].id == "hive_1"


async def test_places_are_learnt_with_their_names_and_what_they_stand_in():
    assets = await learn(
        [
            presence(
                "sensor_1",
                room_id="room_1",
                room_name="K",
                space_id="space_1",
                space_name="F",
                building_id="building_1",
                building_name="B",
                zone_id="zone_1",
                zone_name="Z",
                room_custom_id="R-1",
            )
        ]
    )
    assert (assets.rooms["room_1"].name, assets.rooms["room_1"].floor_id) == ("K", "space_1")
    assert assets.rooms["room_1"].customID == "R-1"
    assert (assets.floors["space_1"].name, assets.floors["space_1"].building_id) == ("F", "building_1")
    assert assets.buildings["building_1"].name == "B"
    assert assets.sensors_by_zone["zone_1"][0].id == "sensor_1"


@pytest.mark.parametrize(
    ("row", "mode"),
    [
        (presence("s"), "presence"),
        (presence("s", measurement="traffic", field="in"), "traffic"),
        (presence("s", measurement="aggregator_traffic", field="out"), "traffic"),
    ],
)
async def test_the_mode_is_told_by_the_measurement_or_the_field(row, mode):
    assert (await learn([row])).sensors["s"].mode == mode


async def test_a_row_without_a_sensor_still_teaches_its_places():
    assets = await learn([presence("", sensor_id=None, room_id="room_1")])
    assert not assets.sensors
    assert "room_1" in assets.rooms


NOW = datetime(2025, 10, 14, 13, 47, 12, tzinfo=UTC)


class Overloaded:
    """Answers `{}` until the ask is small enough: one measurement, and at most `days` of windows of half a day."""

    def __init__(self, days: float, *, tenants: str = "") -> None:
        self.days = days
        # Whose asks are too much; any where none are named.
        self.tenants = tenants
        self.asked: list[dict] = []
        self.now = NOW.timestamp()
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(Butlr(self.http), self.store, clock=lambda: self.now)

    async def handle(self, request):
        body = json.loads(request.content)
        self.asked.append(body)
        filter_ = body["filter"]
        days = (datetime.fromisoformat(filter_["stop"]) - datetime.fromisoformat(filter_["start"])) / timedelta(days=1)
        suffers = not self.tenants or request.headers["authorization"] == f"Bearer {self.tenants}"
        fits = not suffers or (len(filter_["measurements"]) == 1 and days <= self.days)
        rows = [{"sensor_id": "sensor_1", "measurement": "presence", "time": filter_["stop"]}]
        return httpx.Response(200, json={"data": rows if fits else {}})

    async def aclose(self):
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


@pytest.fixture
async def overloaded():
    made = []

    def make(days: float, **options):
        made.append(Overloaded(days, **options))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


def spans(over):
    return [(body["filter"]["start"], body["filter"]["stop"], body["window"]["every"]) for body in over.asked]


async def test_two_calls_hold_the_span_in_windows_that_close_and_land(overloaded):
    over = overloaded(99, tenants="nobody")
    assert "sensor_1" in (await Discovery(over.upstream, Labels()).assets(Passthrough("t"), ReadLog())).sensors
    assert spans(over) == [
        ("2025-10-07T12:00:00Z", "2025-10-14T00:00:00Z", "12h"),
        ("2025-10-14T00:00:00Z", "2025-10-14T13:30:00Z", "30m"),
    ]
    # An empty room has its sensor all the same.
    assert all(body["filter"]["value"] == {"gte": 0} for body in over.asked)


@pytest.mark.parametrize("hour", range(24))
async def test_no_moment_of_the_span_is_left_out_at_any_hour(overloaded, hour):
    over = overloaded(99, tenants="nobody")
    over.now = NOW.replace(hour=hour).timestamp()
    await Discovery(over.upstream, Labels()).assets(Passthrough("t"), ReadLog())
    [(start, landed, _), (since, stop, _)] = spans(over)
    assert since == landed
    assert datetime.fromisoformat(start).timestamp() <= over.now - 7 * 86_400
    # Half hours land within a quarter of an hour, half days within two hours.
    assert over.now - datetime.fromisoformat(stop).timestamp() < 1800
    assert over.now - datetime.fromisoformat(landed).timestamp() >= 7200


async def test_the_past_is_asked_once_and_the_hours_since_again(overloaded):
    over = overloaded(99, tenants="nobody")
    discovery = Discovery(over.upstream, Labels())
    await discovery.assets(Passthrough("t"), ReadLog())
    over.asked.clear()
    over.now += 601
    # Who asks shows that the token is still good, or nothing of it could be read from the cache.
    await over.upstream.dispatch(
        over.upstream.butlr.reporting,
        json.dumps(
            {"filter": {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T01:00:00Z", "measurements": ["presence"]}}
        ).encode(),
        Passthrough("t"),
    )
    over.asked.clear()
    await discovery.assets(Passthrough("t"), ReadLog())
    assert [every for _, _, every in spans(over)] == ["30m"]


async def test_a_short_span_is_one_call(overloaded):
    over = overloaded(99, tenants="nobody")
    await Discovery(over.upstream, Labels(), span=timedelta(hours=3)).assets(Passthrough("t"), ReadLog())
    assert spans(over) == [("2025-10-14T10:30:00Z", "2025-10-14T13:30:00Z", "30m")]


async def test_its_rows_tell_which_end_of_a_window_their_time_is(overloaded):
    over = overloaded(99, tenants="nobody")
    labels = Labels()
    await Discovery(over.upstream, labels).assets(Passthrough("t"), ReadLog())
    assert (labels.is_known, labels.current) == (True, Label.STOP)


async def test_overload_is_met_by_one_measurement_at_a_time_then_by_shorter_spans_and_remembered(overloaded):
    over = overloaded(4)
    discovery = Discovery(over.upstream, Labels())
    assert "sensor_1" in (await discovery.assets(Passthrough("t"), ReadLog())).sensors
    over.asked.clear()
    await discovery.assets(Passthrough("t"), ReadLog(fresh=True))
    assert [body["filter"]["measurements"] for body in over.asked] == [["presence"]] * 2 + [["traffic"]] * 2
    assert {start for start, _, every in spans(over) if every == "12h"} == {"2025-10-11T00:00:00Z"}


async def test_one_callers_overload_narrows_no_others_week_and_is_forgotten(overloaded):
    over = overloaded(4, tenants="large")
    seconds = [0.0]
    discovery = Discovery(over.upstream, Labels(), clock=lambda: seconds[0])
    await discovery.assets(Passthrough("large"), ReadLog())
    over.asked.clear()
    await discovery.assets(Passthrough("small"), ReadLog())
    week = [
        ("2025-10-07T12:00:00Z", "2025-10-14T00:00:00Z", "12h"),
        ("2025-10-14T00:00:00Z", "2025-10-14T13:30:00Z", "30m"),
    ]
    assert spans(over) == week

    seconds[0] = 3601
    over.tenants = "nobody"
    over.asked.clear()
    await discovery.assets(Passthrough("large"), ReadLog(fresh=True))
    assert spans(over) == week


async def test_an_upstream_that_bears_nothing_is_an_error_that_names_the_settings(overloaded):
    over = overloaded(0)
    with pytest.raises(UpstreamTimeout, match="FACADE_DISCOVERY_SPAN"):
        await Discovery(over.upstream, Labels()).assets(Passthrough("t"), ReadLog())
    assert len(over.asked) < 30


async def test_two_callers_never_share_what_was_discovered(overloaded):
    over = overloaded(99, tenants="nobody")
    discovery = Discovery(over.upstream, Labels())
    for token in ("a", "b", "a", "b"):
        await discovery.assets(Passthrough(token), ReadLog())
    assert len(set(discovery._known)) == 2
    assert len(over.asked) == 4
