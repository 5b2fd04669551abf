from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from facade.assets import Discovery
from facade.assets.discovery import learn
from facade.butlr import Butlr, Http, Row, UpstreamTimeout
from facade.cache import open_store
from facade.upstream import Ledger, Passthrough, Upstream


def presence(sensor: str, **more) -> Row:
    return Row(**{"sensor_id": sensor, "measurement": "presence", "time": "2025-10-14T00:00:00Z", **more})


def test_a_sensor_is_merged_from_all_its_rows_and_the_latest_says_where_it_stands():
    assets = learn(
        [
            presence("sensor_1", room_id="room_old", mac_address="00-17", time="2025-10-13T00:00:00Z"),
            presence("sensor_1", room_id="room_new", hive_id="hive_1", hive_serial="AB"),
        ]
    )
    [sensor] = assets.sensors.values()
    assert (sensor.room_id, sensor.hive_id, sensor.mac_address) == ("room_new", "hive_1", "00-17")
    assert assets.hive_by_serial["ab"].id == "hive_1"


def test_places_are_learnt_with_their_names_and_what_they_stand_in():
    assets = learn(
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
def test_the_mode_is_told_by_the_measurement_or_the_field(row, mode):
    assert learn([row]).sensors["s"].mode == mode


def test_a_row_without_a_sensor_still_teaches_its_places():
    assets = learn([presence("", sensor_id=None, room_id="room_1")])
    assert not assets.sensors
    assert "room_1" in assets.rooms


class Overloaded:
    """Answers `{}` until the ask is small enough: one measurement, and a span of `bears` at most."""

    def __init__(self, bears: str) -> None:
        self.bears = bears
        self.asked = []
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(Butlr(self.http), self.store)

    async def handle(self, request):
        body = json.loads(request.content)
        self.asked.append((tuple(body["filter"]["measurements"]), body["window"]["every"]))
        fits = len(body["filter"]["measurements"]) == 1 and body["window"]["every"] == self.bears
        rows = [{"sensor_id": "sensor_1", "measurement": "presence", "time": "2025-10-14T00:00:00Z"}]
        return httpx.Response(200, json={"data": rows if fits else {}})

    async def aclose(self):
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


async def test_one_ask_is_a_row_a_sensor_over_an_absolute_week_with_zeros():
    over = Overloaded("1w")
    bodies = []

    async def handle(request):
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"data": []})

    over.http = Http("http://butlr.test", transport=httpx.MockTransport(handle))
    over.upstream = Upstream(Butlr(over.http), over.store, clock=lambda: 1_760_400_000.5)
    await Discovery(over.upstream).assets(Passthrough("t"), Ledger())
    await over.aclose()
    assert bodies == [
        {
            "filter": {
                "measurements": ["presence", "traffic"],
                "start": "2025-10-07T00:00:00Z",
                "stop": "2025-10-14T00:00:00Z",
                "value": {"gte": 0},
            },
            "window": {"every": "1w", "function": "last"},
        }
    ]


async def test_overload_is_met_by_one_measurement_at_a_time_then_by_shorter_spans_and_remembered():
    over = Overloaded("84h")
    discovery = Discovery(over.upstream, span=timedelta(days=7))
    assert "sensor_1" in (await discovery.assets(Passthrough("t"), Ledger())).sensors
    over.asked.clear()
    await discovery.assets(Passthrough("another"), Ledger())
    await over.aclose()
    assert over.asked == [(("presence",), "84h"), (("traffic",), "84h")]


async def test_an_upstream_that_bears_nothing_is_an_error_that_names_the_settings():
    over = Overloaded("never")
    with pytest.raises(UpstreamTimeout, match="FACADE_DISCOVERY_SPAN"):
        await Discovery(over.upstream).assets(Passthrough("t"), Ledger())
    assert len(over.asked) < 20
    await over.aclose()


async def test_two_callers_never_share_what_was_discovered():
    over = Overloaded("1w")
    discovery = Discovery(over.upstream)
    for token in ("a", "b", "a", "b"):
        await discovery.assets(Passthrough(token), Ledger())
    tokens = {caller for caller, _ in discovery._known.items()}
    await over.aclose()
    assert len(tokens) == 2
