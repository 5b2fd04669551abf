import asyncio
import re

import orjson
import pytest
from graphql import build_schema, parse, validate
from structlog.testing import capture_logs

from facade.assets import Native, TokenProbe
from facade.assets.records import CapacityRecord
from facade.assets.sources.native import decode
from facade.assets.sources.native_query import query_without
from facade.auth import Passthrough
from facade.butlr import Forbidden, InvalidResponse, Unauthenticated, UpstreamUnavailable
from facade.upstream import ReadLog

NATIVE = "/api/v3/graphql"
LISTS = ("sites", "buildings", "floors", "rooms", "zones", "sensors", "hives")


def answer(*, errors=None, tags=(), **lists):
    data = {name: {"data": lists.get(name, [])} for name in LISTS}
    return {"data": {**data, "tags": tags}, **({"errors": errors} if errors else {})}


def decoded(body):
    return decode(orjson.dumps(body))


SENSOR = {"id": "sensor_1", "name": "S", "floor_id": "space_1", "room_id": "", "zone_ids": ["zone_1"], "height": 2}


@pytest.fixture
def native(upstream):
    return Native(upstream)


async def test_everything_comes_in_one_call_and_stays_for_minutes(native, wire, good):
    wire.replies[NATIVE] = (200, answer(sensors=[SENSOR]))
    first, second = ReadLog(), ReadLog()
    assets = await native.assets(good, first)
    assert await native.assets(good, second) is assets
    assert wire.paths == [NATIVE]
    assert (first.calls, second.calls) == (1, 0)
    sensor = assets.sensors["sensor_1"]
    assert (sensor.floor_id, sensor.room_id, sensor.zone_ids, sensor.height) == ("space_1", None, ("zone_1",), 2)


async def test_fifty_at_once_are_one_call(native, wire, good, read_log):
    wire.replies[NATIVE] = (200, answer(sensors=[SENSOR]))
    await asyncio.gather(*(native.assets(good, read_log) for _ in range(50)))
    assert len(wire.asked) == 1


async def test_it_is_renewed_in_the_background_after_five_minutes(native, wire, good):
    wire.replies[NATIVE] = (200, answer(rooms=[{"id": "room_1"}]))
    await native.assets(good, ReadLog())
    wire.replies[NATIVE] = (200, answer(rooms=[{"id": "room_2"}]))
    wire.now += 299
    assert (await native.assets(good, ReadLog())).rooms.keys() == {"room_1"}
    wire.now += 2
    wire.upstream.rights.note_taken(good, 0.0)
    assert (await native.assets(good, ReadLog())).rooms.keys() == {"room_1"}
    await wire.upstream.background.ended()
    assert (await native.assets(good, ReadLog())).rooms.keys() == {"room_2"}


def test_the_query_avoids_the_fields_and_filters_that_fail():
    query = query_without()
    assert not re.search(r"floorID|roomID|hiveID|\(|\$|last_seen|tag_ids", query)
    for name in (*LISTS, "tags"):
        assert query.count(f" {name} {{") >= 1
    parse(query)


def test_tags_of_places_are_known_by_id_and_by_name():
    rooms = [{"id": "room_1", "tags": [{"id": "tag_1", "name": "Quiet"}, {"id": None, "name": "x"}]}]
    zones = [{"id": "zone_1", "tags": None}, {"id": "zone_2", "tags": []}]
    tags = [{"id": "tag_1", "name": "Quiet", "organization_id": "org_1"}]
    assets = decoded(answer(rooms=rooms, zones=zones, tags=tags))
    assert assets.rooms["room_1"].tag_ids == ("tag_1",)
    assert (assets.zones["zone_1"].tag_ids, assets.zones["zone_2"].tag_ids) == (None, ())
    assert (assets.tags["tag_1"].name, assets.tags["tag_1"].organization_id) == ("Quiet", "org_1")


def test_failed_tags_cost_the_tags_alone():
    rooms = [{"id": "room_1", "tags": [{"id": "tag_1", "name": "Quiet"}]}]
    assets = decoded(answer(rooms=rooms, tags=None, errors=[{"message": "x", "path": ["tags"]}]))
    assert assets.rooms["room_1"].tag_ids == ("tag_1",)
    assert assets.tags["tag_1"].name == "Quiet"


def test_what_has_no_id_is_passed_over():
    assets = decoded(answer(sensors=[{"id": None, "name": "x"}, None, {"id": ""}, SENSOR, 3]))
    assert assets.sensors.keys() == {"sensor_1"}


def test_a_value_of_another_type_costs_that_value():
    with capture_logs() as logs:
        assets = decoded(answer(sensors=[{**SENSOR, "height": "high"}, {**SENSOR, "id": "sensor_2"}]))
    assert (assets.sensors["sensor_1"].height, assets.sensors["sensor_1"].name) == (None, "S")
    assert assets.sensors["sensor_2"].height == 2
    assert logs[0]["fields"] == ["height"]


def test_parts_are_read_whole():
    assets = decoded(answer(floors=[{"id": "space_1", "capacity": {"max": 5, "mid": None}, "metadata": None}]))
    assert assets.floors["space_1"].capacity == CapacityRecord(max=5)


def test_partial_data_is_kept_and_its_errors_are_logged_by_code():
    errors = [{"message": "secret detail", "path": ["hives"], "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]
    body = answer(sensors=[SENSOR], errors=errors)
    body["data"]["hives"] = None
    with capture_logs() as logs:
        assets = decoded(body)
    assert assets.sensors.keys() == {"sensor_1"}
    assert (logs[0]["codes"], logs[0]["missing"]) == (["INTERNAL_SERVER_ERROR"], ["hives"])
    assert "secret" not in str(logs)


async def test_a_refused_token_is_no_token_though_the_status_is_200(native, wire, upstream, bad, read_log):
    wire.replies[NATIVE] = (200, answer())
    with pytest.raises(Unauthenticated):
        await native.assets(bad, read_log)
    assert not upstream.rights.is_proven(bad)
    with pytest.raises(Unauthenticated):
        await TokenProbe(upstream).require(bad, read_log)


async def test_a_refused_token_loses_what_it_had_read(native, wire, good):
    wire.replies[NATIVE] = (200, answer(sensors=[SENSOR]))
    await native.assets(good, ReadLog())
    wire.tokens.clear()
    wire.now += 1
    with pytest.raises(Unauthenticated):
        await native.assets(good, ReadLog(fresh=True))
    with pytest.raises(Unauthenticated):
        await native.assets(good, ReadLog())


async def test_what_is_forbidden_altogether_is_forbidden(native, wire, good, read_log):
    error = {"message": "no", "extensions": {"code": "FORBIDDEN"}}
    for reply in ({"data": None, "errors": [error]}, answer(errors=[error])):
        wire.replies[NATIVE] = (200, reply)
        with pytest.raises(Forbidden):
            await native.assets(good, read_log)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"data": None, "errors": [{"message": "database down"}]}, UpstreamUnavailable),
        ({"errors": [{"message": "invalid token"}]}, UpstreamUnavailable),
        ({"data": None}, InvalidResponse),
        ({"data": []}, InvalidResponse),
        ([], InvalidResponse),
        (b"<html>", InvalidResponse),
    ],
)
async def test_an_answer_without_data_is_an_error_that_proves_no_token(
    native, wire, upstream, good, read_log, body, error
):
    wire.replies[NATIVE] = (200, body)
    with pytest.raises(error):
        await native.assets(good, read_log)
    assert not upstream.rights.is_proven(good)


async def test_a_stale_answer_stands_in_while_the_upstream_fails(native, wire, good):
    wire.replies[NATIVE] = (200, answer(sensors=[SENSOR]))
    first = await native.assets(good, ReadLog())
    wire.replies[NATIVE] = (200, {"data": None, "errors": [{"message": "database down"}]})
    wire.now += 601
    wire.upstream.rights.note_taken(good, 0.0)
    read_log = ReadLog()
    assert await native.assets(good, read_log) is first
    assert read_log.stale


OLD = build_schema(
    """
    type Query { sites: Sites! rooms: Rooms! sensors: Sensors! }
    type Sites { data: [Site!]! } type Rooms { data: [Room!]! } type Sensors { data: [Sensor!]! }
    type Site { id: ID! name: String }
    type Room { id: ID! area: Float capacity: Capacity tags: [Tag!] } type Capacity { max: Int }
    type Tag { id: ID! name: String }
    type Sensor { id: ID! note: Note mode: String } type Note { text: String }
    """
)


async def test_an_older_schema_is_asked_for_what_it_has_and_remembered(native, wire, good):
    def reply(body):
        errors = validate(OLD, parse(body["query"]), max_errors=None)
        if errors:
            return 400, {"errors": [error.formatted for error in errors]}
        return 200, {"data": {"sensors": {"data": [{"id": "sensor_1", "mode": "traffic"}]}}}

    wire.replies[NATIVE] = reply
    with capture_logs():
        assets = await native.assets(good, ReadLog())
        assert assets.sensors["sensor_1"].mode == "traffic"
        calls = len(wire.asked)
        assert calls <= 3
        wire.tokens.add("other")
        await native.assets(Passthrough("other"), ReadLog())
    # Another caller's ask is right at once.
    assert len(wire.asked) == calls + 1
    asked = wire.asked[-1][1]["query"]
    assert "capacity { max }" in asked
    assert "tags { id name }" in asked
    assert not re.search(r"hives|note|area", asked)


async def test_a_field_that_takes_the_whole_answer_with_it_is_left_out_for_a_while(native, wire, good):
    def reply(body):
        if "battery_change_by_date" in body["query"]:
            path = ["sensors", "data", 3, "battery_change_by_date"]
            return 200, {"data": None, "errors": [{"message": "cannot be null", "path": path}]}
        return 200, answer(sensors=[SENSOR])

    wire.replies[NATIVE] = reply
    with capture_logs() as logs:
        assert (await native.assets(good, ReadLog())).sensors.keys() == {"sensor_1"}
        assert logs[0]["fields"] == ["Sensor.battery_change_by_date"]
        await native.assets(good, ReadLog(fresh=True))
        assert len(wire.asked) == 3
        wire.now += 601
        await native.assets(good, ReadLog(fresh=True))
    assert len(wire.asked) == 5


async def test_a_list_that_fails_whole_is_not_done_without(native, wire, good, read_log):
    errors = [{"message": "database down", "path": ["sensors"]}]
    wire.replies[NATIVE] = (200, {"data": None, "errors": errors})
    with pytest.raises(UpstreamUnavailable, match="database down"):
        await native.assets(good, read_log)
    assert len(wire.asked) == 1


async def test_a_schema_that_nothing_can_be_asked_of_ends_in_an_error(native, wire, good, read_log):
    wire.replies[NATIVE] = (400, {"errors": [{"message": 'Cannot query field "id" on type "Room".'}]})
    with pytest.raises(InvalidResponse, match="Cannot query field"):
        await native.assets(good, read_log)
    assert len(wire.asked) == 1


async def test_an_upstream_that_always_finds_another_fault_is_asked_five_times_at_most(native, wire, good, read_log):
    def reply(body):
        field = re.search(r"sensors { data { id (\w+)", body["query"])[1]
        return 400, {"errors": [{"message": f'Cannot query field "{field}" on type "Sensor".'}]}

    wire.replies[NATIVE] = reply
    with capture_logs(), pytest.raises(InvalidResponse):
        await native.assets(good, read_log)
    assert len(wire.asked) == 5


def test_a_list_that_failed_is_unknown_and_not_empty():
    whole = answer(sensors=[SENSOR])
    assert decoded(whole).failed == {}
    whole["data"]["rooms"] = None
    del whole["data"]["tags"]
    assets = decoded({**whole, "errors": [{"message": "rooms: boom", "path": ["rooms"]}]})
    assert assets.failed.keys() == {"rooms", "tags"}
    assets.require("sensors")
    with pytest.raises(UpstreamUnavailable, match="did not list the rooms"):
        assets.require("rooms")
