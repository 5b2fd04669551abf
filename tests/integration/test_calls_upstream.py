"""The upstream calls of operations, counted at the upstream."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.both_eras

DETECTIONS = """
query ($start: Time!, $stop: Time) {
  sensors { data {
    id mac_address mode
    detections(start: $start, stop: $stop) { detections_local { start_time mac_address value } }
  } }
}
"""
ROOM_REPORTS = """
query ($start: Time!, $stop: Time) {
  rooms { data {
    id
    report(measurements: [room_occupancy], start: $start, stop: $stop, window: {every: "5m", function: max}) {
      rows { time room_id value }
    }
  } }
}
"""

# Windows of half a day up to the last that has landed, and half hours since.
DISCOVERY = ["reporting", "reporting"]


def paths(calls):
    return [call["path"].rpartition("/")[2] for call in calls]


def watched_rooms(sandbox):
    """The rooms with a presence sensor, in order."""
    sensors = sandbox.campus()["sensors"]
    return sorted({sensor["room_id"] for sensor in sensors if sensor["mode"] == "presence"} - {""})


def test_200_sensors_with_detections_cost_two_calls_cold_and_none_hot(facade, sandbox, token, at_work):
    cold = facade.post(DETECTIONS, at_work(), token=token)
    assert len(cold.json()["data"]["sensors"]["data"]) == 200
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "detections"]
    assert cold.headers["X-Cache"] == "MISS"

    hot = facade.post(DETECTIONS, at_work(), token=token)
    assert len(sandbox.calls(token)) == 3
    assert hot.headers["X-Cache"] == "HIT"
    assert hot.json() == cold.json()


def test_every_point_is_dealt_to_its_own_sensor(facade, sandbox, token, at_work):
    span = at_work(minutes=5)
    sensors = facade.data(DETECTIONS, span, token=token)["sensors"]["data"]
    points = 0
    for sensor in sensors:
        body = {
            "data_types": ["detections_local"],
            "filter": {**span, "mac_addresses": [sensor["mac_address"]]},
        }
        alone = sandbox.ask("/api/v3/detections", body, token)["detections_local"]
        dealt = sensor["detections"]["detections_local"]
        assert [(entry["mac_address"], entry["value"]) for entry in dealt] == [
            (entry["mac_address"], entry["value"]) for entry in alone
        ]
        points += sum(len(entry["value"]) for entry in dealt)
    assert points > 100


def test_every_sensor_of_the_campus_that_measures_is_found(facade, sandbox, token):
    sensors = facade.data(
        "{ sensors { data { id mac_address mode floor_id room_id hive_id hive_serial } } }", token=token
    )
    campus = {sensor["id"]: sensor for sensor in sandbox.campus()["sensors"]}
    for sensor in sensors["sensors"]["data"]:
        known = campus.pop(sensor["id"])
        # Butlr writes an absent id as an empty one.
        assert sensor == {name: known[name] or None for name in sensor}
    assert not campus


def test_any_number_of_rooms_with_a_report_cost_one_call_and_one(facade, sandbox, token, at_work):
    rooms = facade.data(ROOM_REPORTS, at_work(), token=token)["rooms"]["data"]
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "reporting"]
    watched = watched_rooms(sandbox)
    assert len(watched) >= 40
    for room in rooms:
        # The 10 minutes are two windows; a room without a presence sensor has no occupancy.
        expected = [room["id"]] * 2 if room["id"] in watched else []
        assert [row["room_id"] for row in room["report"]["rows"]] == expected


def test_sensors_below_hives_are_one_batch(facade, sandbox, token, at_work):
    data = facade.data(
        """query ($start: Time!, $stop: Time) { hives { data { id sensors {
             id hive_id detections(start: $start, stop: $stop) { detections_local { mac_address } }
        } } } }""",
        at_work(),
        token=token,
    )
    hives = data["hives"]["data"]
    assert len(hives) > 1
    assert sum(len(hive["sensors"]) for hive in hives) == 200
    assert all(sensor["hive_id"] == hive["id"] for hive in hives for sensor in hive["sensors"])
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "detections"]


def test_sensors_below_rooms_are_one_batch(facade, sandbox, token, at_work):
    data = facade.data(
        """query ($start: Time!, $stop: Time) { rooms { data { id sensors {
             id report(measurements: [presence], start: $start, stop: $stop, value: {gte: 0}) {
               rows { sensor_id value }
             }
        } } } }""",
        at_work(),
        token=token,
    )
    reports = [(sensor["id"], sensor["report"]["rows"]) for room in data["rooms"]["data"] for sensor in room["sensors"]]
    assert sum(len(rows) for _, rows in reports) > 1000
    assert all(row["sensor_id"] == id_ for id_, rows in reports for row in rows)
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "reporting"]


def test_local_and_world_are_one_call_and_heatmap_v2_one_more(facade, sandbox, token, at_work):
    data = facade.data(
        """query ($start: Time!, $stop: Time) {
          detections(filter: {start: $start, stop: $stop}) {
            detections_local { value } detections_world { value } heatmap_v2(grid_resolution: 1.0)
          }
        }""",
        at_work(),
        token=token,
    )["detections"]
    assert len(data["detections_local"]) == len(data["detections_world"]) > 0
    assert data["heatmap_v2"]
    types = sorted(call["body"]["data_types"] for call in sandbox.calls(token))
    assert types == [["detections_local", "detections_world"], ["heatmap_v2"]]


def test_local_and_world_of_many_sensors_are_one_call(facade, sandbox, token, at_work):
    facade.data(
        """query ($start: Time!, $stop: Time) { sensors { data {
          local: detections(start: $start, stop: $stop) { detections_local { value } }
          world: detections(start: $start, stop: $stop) { detections_world { value } }
        } } }""",
        at_work(),
        token=token,
    )
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "detections"]


def test_aliases_with_other_spans_stay_apart_and_are_right(facade, sandbox, token, at_work):
    morning, noon = at_work(minutes=5), at_work(minutes=5, after=60)
    data = facade.data(
        """query ($a: Time!, $b: Time!, $c: Time!, $d: Time!) { sensors(mode: "presence") { data {
          mac_address
          first: detections(start: $a, stop: $b) { detections_local { start_time value } }
          second: detections(start: $c, stop: $d) { detections_local { start_time value } }
        } } }""",
        {"a": morning["start"], "b": morning["stop"], "c": noon["start"], "d": noon["stop"]},
        token=token,
    )["sensors"]["data"]
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "detections", "detections"]
    for alias, span in (("first", morning), ("second", noon)):
        whole = sandbox.ask("/api/v3/detections", {"data_types": ["detections_local"], "filter": span}, sandbox.login())
        expected = defaultdict(list)
        for entry in whole["detections_local"]:
            expected[entry["mac_address"]].append(entry["value"])
        assert {
            sensor["mac_address"]: [entry["value"] for entry in sensor[alias]["detections_local"]] for sensor in data
        } == expected


def test_aliases_with_other_windows_stay_apart_and_are_right(facade, sandbox, token, at_work):
    span = at_work(minutes=60)
    rooms = facade.data(
        """query ($start: Time!, $stop: Time) { rooms { data { id
          fine: report(measurements: [room_occupancy], start: $start, stop: $stop,
                       window: {every: "10m", function: max}) { rows { value } }
          coarse: report(measurements: [room_occupancy], start: $start, stop: $stop,
                         window: {every: "1h", function: max}) { rows { value } }
        } } }""",
        span,
        token=token,
    )["rooms"]["data"]
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "reporting", "reporting"]
    watched = watched_rooms(sandbox)
    rooms = [room for room in rooms if room["id"] in watched]
    for room in rooms:
        fine = [row["value"] for row in room["fine"]["rows"]]
        assert len(fine) == 6
        assert [row["value"] for row in room["coarse"]["rows"]] == [max(fine)]
    assert any(room["coarse"]["rows"][0]["value"] > 0 for room in rooms)


def test_fifty_concurrent_cold_callers_make_as_many_calls_as_one(facade, sandbox, token, at_work):
    document = DETECTIONS.replace("start_time mac_address value", "value")
    span = at_work(minutes=3)
    # Slow enough that all fifty have come before the first is answered.
    sandbox.configure(latency_ms=400)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: facade.data(document, span, token=token), range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert paths(sandbox.calls(token)) == [*DISCOVERY, "detections"]


def test_a_report_without_its_sensors_costs_no_call_for_assets(facade, sandbox, token, at_work):
    document = """query ($filter: ReportFilter!) { report(filter: $filter) { rows { sensor_id %s } } }"""
    variables = {"filter": {**at_work(), "measurements": ["presence"]}}
    facade.data(document % "", variables, token=token)
    assert len(sandbox.calls(token)) == 1

    rows = facade.data(document % "sensor { id mode }", variables, token=token)["report"]["rows"]
    assert len(sandbox.calls(token)) == 1 + len(DISCOVERY)
    assert rows
    assert all(row["sensor"] == {"id": row["sensor_id"], "mode": "presence"} for row in rows)


def test_a_sensor_is_found_by_a_mac_address_in_any_spelling(facade, sandbox, token):
    known = sandbox.campus()["sensors"][0]
    mac = known["mac_address"]
    for spelling in (mac, mac.upper(), mac.replace("-", ":"), mac.upper().replace("-", ":")):
        found = facade.data("query ($mac: String) { sensor(mac_address: $mac) { id } }", {"mac": spelling}, token=token)
        assert found == {"sensor": {"id": known["id"]}}
    assert paths(sandbox.calls(token)) == DISCOVERY


@pytest.fixture(scope="module")
def large_campus_process(launch, era):
    return launch.sandbox(sensors=1100, era=era)


@pytest.fixture
def large_campus(large_campus_process):
    yield large_campus_process
    large_campus_process.reset()


@pytest.fixture(scope="module")
def facade_of_large_campus(launch, large_campus_process):
    return launch.facade(large_campus_process.url)


def test_each_500_mac_addresses_are_a_chunk(large_campus, facade_of_large_campus, at_work):
    token = large_campus.login()
    data = facade_of_large_campus.data(DETECTIONS, at_work(minutes=2), token=token)
    sensors = data["sensors"]["data"]
    assert len(sensors) == 1100
    assert all(
        entry["mac_address"] == sensor["mac_address"]
        for sensor in sensors
        for entry in sensor["detections"]["detections_local"]
    )
    asked = [call["body"]["filter"].get("mac_addresses", ()) for call in large_campus.calls(token)]
    assert sorted(map(len, asked)) == [0, 0, 100, 500, 500]


def test_an_error_in_one_chunk_fails_its_own_fields_alone(large_campus, facade_of_large_campus, at_work):
    token = large_campus.login()
    large_campus.fault("/api/v3/detections", times=1, status=400, body='{"message": "not this chunk"}')
    answer = facade_of_large_campus.ask(DETECTIONS, at_work(minutes=3), token=token)
    sensors = answer["data"]["sensors"]["data"]
    failed = [at for at, sensor in enumerate(sensors) if sensor["detections"] is None]
    assert len(failed) in (100, 500)
    assert sorted(error["path"] for error in answer["errors"]) == [
        ["sensors", "data", at, "detections"] for at in failed
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert all(sensor["mac_address"] for sensor in sensors)


@pytest.fixture(scope="module")
def learner(launch, sandbox_process):
    # A process of its own: what it learns would change what the others' operations cost.
    return launch.facade(sandbox_process.url)


def test_40_rooms_that_are_too_many_for_a_call_are_answered_whole_and_next_time_without_a_wasted_call(
    learner, sandbox, token, at_work
):
    document = """query ($ids: [String!], $start: Time!, $stop: Time) { rooms(ids: $ids) { data { id
      report(measurements: [room_occupancy], start: $start, stop: $stop, window: {every: "5m", function: max}) {
        rows { room_id value }
      } } } }"""
    asked = watched_rooms(sandbox)[:40]
    assert len(asked) == 40
    sandbox.configure(max_ids=10)
    for days in (0, 1):
        before = len(sandbox.calls(token))
        rooms = learner.data(document, {"ids": asked, **at_work(days=days)}, token=token)["rooms"]["data"]
        assert sorted(room["id"] for room in rooms) == asked
        assert all([row["room_id"] for row in room["report"]["rows"]] == [room["id"]] * 2 for room in rooms)
    made = sandbox.calls(token)[before:]
    assert [len(call["body"]["filter"]["rooms"]["eq"]) for call in made] == [10, 10, 10, 10]


def test_a_report_of_the_root_that_is_too_much_is_halved_and_merged(learner, sandbox, token, at_work):
    asked = watched_rooms(sandbox)[:40]
    body = {
        "filter": {**at_work(minutes=60), "measurements": ["room_occupancy"], "value": {"gte": 0}},
        "window": {"every": "10m", "function": "max"},
        "group_by": {"order": ["room_id", "time"]},
    }
    body["filter"]["rooms"] = {"eq": asked}
    whole = sandbox.ask("/api/v3/reporting", body, sandbox.login())["data"]
    sandbox.configure(max_ids=10)
    document = """query ($filter: ReportFilter!, $group_by: ReportGroupBy, $window: ReportWindow) {
      report(filter: $filter, group_by: $group_by, window: $window) { data } }"""
    assert learner.data(document, body, token=token)["report"]["data"] == whole
