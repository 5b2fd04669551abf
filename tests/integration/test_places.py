"""Time series on places: as few calls as measurements demand."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.both_eras


@pytest.fixture(scope="module")
def whole(launch, sandbox_process):
    """A facade that knows all assets from the native API of the sandbox."""
    return launch.facade(sandbox_process.url, FACADE_ASSETS="native,discovery")


def test_rooms_with_reports_and_their_sensors_detections_are_at_most_four_calls(facade, sandbox, token, at_work):
    span = at_work()
    document = """
      query Page($start: Time!, $stop: Time!) { rooms { data {
        id
        report(measurements: [room_occupancy], start: $start, stop: $stop, window: {every: "5m", function: max}) {
          rows { time value room_id }
        }
        sensors { mac_address detections(start: $start, stop: $stop) { detections_local { mac_address } } }
      } } }
    """
    rooms = facade.data(document, span, token=token)["rooms"]["data"]
    assert len(sandbox.calls(token)) <= 4
    assert len(rooms) > 40
    assert sum(len(room["sensors"]) for room in rooms) > 150
    for room in rooms:
        assert {row["room_id"] for row in room["report"]["rows"]} <= {room["id"]}
        for sensor in room["sensors"]:
            assert {each["mac_address"] for each in sensor["detections"]["detections_local"]} <= {sensor["mac_address"]}


def test_occupancy_now_is_presence_and_traffic_where_presence_is_silent(whole, sandbox, token):
    data = whole.data(
        "{ rooms { data { id occupancy { item measurement value time } } } floors { data { occupancy { value } } } }",
        token=token,
    )
    for room in data["rooms"]["data"]:
        assert room["occupancy"]["item"] == room["id"]
        assert room["occupancy"]["measurement"] in ("room_occupancy", "traffic_room_occupancy")
    assert all(floor["occupancy"]["value"] is not None for floor in data["floors"]["data"])
    # Assets of both sources; rooms and floors by presence; and by traffic those where presence said nothing.
    assert len(sandbox.calls(token)) <= 7


def test_stats_of_all_rooms_are_one_call_and_those_of_the_upstream(whole, sandbox, token, at_work):
    span = at_work(minutes=600)
    document = """
      query Stats($start: Time!, $stop: Time!) { rooms { data { id
        stats(measurements: [occupancy_avg_presence, occupancy_median_presence], start: $start, stop: $stop) {
          item values { measurement value }
        }
      } } }
    """
    rooms = whole.data(document, span, token=token)["rooms"]["data"]
    asked = [call for call in sandbox.calls(token) if call["path"].endswith("/stats")]
    assert len(asked) == 1
    body = {**span, "measurements": ["occupancy_avg_presence"], "items": [rooms[0]["id"]]}
    expected = sandbox.ask("/api/v4/reporting/stats", body, token)["data"][rooms[0]["id"]]
    values = {value["measurement"]: value["value"] for value in rooms[0]["stats"]["values"]}
    assert values["occupancy_avg_presence"] == expected["occupancy_avg_presence"]


def test_the_stats_call_is_a_root_field_with_the_rest_body_as_variables(facade, sandbox, token, at_work):
    items = [room["id"] for room in sandbox.campus()["rooms"][:3]]
    body = {
        "measurements": ["occupancy_avg_presence"],
        "items": items,
        **at_work(minutes=300),
        "filters": {"exclude_days_of_week": ["Sunday"], "time_ranges": [{"start": "08:00", "stop": "18:00"}]},
    }
    document = """
      query Stats($measurements: [StatsMeasurement!]!, $items: [ID!]!, $start: Time!, $stop: Time!,
                  $filters: StatsFilter) {
        stats(measurements: $measurements, items: $items, start: $start, stop: $stop, filters: $filters) {
          item values { measurement value }
        }
      }
    """
    answer = facade.data(document, body, token=token)["stats"]
    assert sandbox.calls(token)[-1]["body"] == body
    expected = sandbox.ask("/api/v4/reporting/stats", body, token)["data"]
    assert {each["item"]: {v["measurement"]: v["value"] for v in each["values"]} for each in answer} == expected


def test_detections_of_rooms_floors_and_hives_are_those_of_their_sensors_in_one_call(whole, sandbox, token, at_work):
    document = """
      query Where($start: Time!, $stop: Time!) {
        floors { data { id
          detections(start: $start, stop: $stop) { detections_world { mac_address floor { id } points { x y } } }
          rooms { id detections(start: $start, stop: $stop) { detections_world { mac_address room { id } } } }
        } }
        hives { data { id detections(start: $start, stop: $stop) { detections_world { hive { id } } } } }
      }
    """
    data = whole.data(document, at_work(minutes=3), token=token)
    for floor in data["floors"]["data"]:
        seen = floor["detections"]["detections_world"]
        assert {each["floor"]["id"] for each in seen} <= {floor["id"]}
        for room in floor["rooms"]:
            assert {each["room"]["id"] for each in room["detections"]["detections_world"]} <= {room["id"]}
    assert any(floor["detections"]["detections_world"] for floor in data["floors"]["data"])
    for hive in data["hives"]["data"]:
        assert {each["hive"]["id"] for each in hive["detections"]["detections_world"]} <= {hive["id"]}
    assert len([call for call in sandbox.calls(token) if call["path"].endswith("/detections")]) == 1


def test_points_of_the_local_frame_turned_to_the_world_are_the_upstreams_own(whole, sandbox, token, at_work):
    document = """
      query Frames($start: Time!, $stop: Time!) { sensors(mode: "presence") { data { detections(start: $start,
        stop: $stop, omit_empty_value: true) {
          detections_local { points(frame: WORLD) { x y } }
          detections_world { points { x y } }
      } } } }
    """
    sensors = whole.data(document, at_work(minutes=3), token=token)["sensors"]["data"]
    pairs = [
        (turned, given)
        for sensor in sensors
        for local, world in zip(
            sensor["detections"]["detections_local"], sensor["detections"]["detections_world"], strict=True
        )
        for turned, given in zip(local["points"], world["points"], strict=True)
    ]
    assert len(pairs) > 20
    # The upstream rounds local points to a few digits.
    for turned, given in pairs:
        assert turned["x"] == pytest.approx(given["x"], abs=0.05)
        assert turned["y"] == pytest.approx(given["y"], abs=0.05)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_heat_map_of_more_than_a_week_is_the_sum_of_its_weeks(facade, sandbox, token, normalize):
    room = sandbox.campus()["rooms"][5]["id"]
    document = """
      query Heat($filter: DetectionFilter!, $normalize: Boolean) {
        detections(filter: $filter) { heatmap_v2(grid_resolution: 1.0, normalize: $normalize) }
      }
    """
    span = {"start": "2025-10-01T00:00:00Z", "stop": "2025-10-11T00:00:00Z", "room_id": room}
    answer = facade.data(document, {"filter": span, "normalize": normalize}, token=token)["detections"]["heatmap_v2"]
    expected: dict[tuple[float, float], float] = {}
    for start, stop in (("2025-10-01", "2025-10-08"), ("2025-10-08", "2025-10-11")):
        body = {
            "data_types": ["heatmap_v2"],
            "filter": {"start": f"{start}T00:00:00Z", "stop": f"{stop}T00:00:00Z", "room_id": room},
            "window": {"heatmap_v2_options": {"grid_resolution": 1}},
        }
        for x, y, value in sandbox.ask("/api/v3/detections", body, token)["heatmap_v2"]["array_cells"]:
            expected[x, y] = expected.get((x, y), 0) + value
    most = max(expected.values()) if normalize else 1
    cells = {(x, y): value for x, y, value in answer["array_cells"]}
    assert cells == pytest.approx({place: value / most for place, value in expected.items()}, abs=1e-6)
    assert len(cells) > 3


def test_a_heat_map_of_a_week_is_as_the_upstream_gives_it(facade, sandbox, token):
    span = {"start": "2025-10-01T00:00:00Z", "stop": "2025-10-08T00:00:00Z"}
    document = "query Heat($filter: DetectionFilter!) { detections(filter: $filter) { heatmap_v2 } }"
    answer = facade.data(document, {"filter": span}, token=token)["detections"]["heatmap_v2"]

    assert (
        answer == sandbox.ask("/api/v3/detections", {"data_types": ["heatmap_v2"], "filter": span}, token)["heatmap_v2"]
    )
    assert answer["array_cells"]


def test_rows_are_paged_upstream_as_the_client_pages(facade, sandbox, token, at_work):
    span = at_work(minutes=60)
    document = """
      query Pages(
        $filter: ReportFilter!, $window: ReportWindow, $first: Int, $after: String, $last: Int, $before: String
      ) {
        report(filter: $filter, window: $window) {
        rows_connection(first: $first, after: $after, last: $last, before: $before) {
          total_count edges { cursor node { sensor_id time value } }
          pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
        } }
      }
    """
    variables = {
        "filter": {**span, "measurements": ["presence"], "value": {"gte": 0}},
        "window": {"every": "10m", "function": "max"},
        "first": 300,
    }
    rows, after, total = [], None, None
    while True:
        page = facade.data(document, {**variables, "after": after}, token=token)["report"]["rows_connection"]
        rows += [tuple(edge["node"].values()) for edge in page["edges"]]
        total = page["total_count"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    body = {"filter": variables["filter"], "window": variables["window"]}
    expected = sandbox.ask("/api/v3/reporting", body, token)["data"]
    assert total == len(expected) == len(rows)
    assert rows == [(row["sensor_id"], row["time"], row["value"]) for row in expected]

    # And back from the last page.
    backwards = [tuple(edge["node"].values()) for edge in page["edges"]]
    while page["pageInfo"]["hasPreviousPage"]:
        asked = {**variables, "first": None, "last": 300, "before": page["pageInfo"]["startCursor"]}
        page = facade.data(document, asked, token=token)["report"]["rows_connection"]
        backwards = [tuple(edge["node"].values()) for edge in page["edges"]] + backwards
    assert backwards == rows
    for asked in ({"first": None, "last": 5}, {"before": page["pageInfo"]["startCursor"]}, {"first": 1, "last": 1}):
        error = facade.error(document, {**variables, **asked}, token=token)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "last needs before" in error["message"]


def test_a_subgraph_says_what_it_is_and_gives_entities_by_key(whole, sandbox, token):
    campus = sandbox.campus()
    wanted = {
        "Site": campus["sites"][0],
        "Building": campus["buildings"][0],
        "Floor": campus["floors"][0],
        "Room": campus["rooms"][0],
        "Zone": campus["zones"][0],
        "Sensor": campus["sensors"][0],
        "Hive": campus["hives"][0],
    }
    selections = " ".join(f"... on {name} {{ id name }}" for name in wanted)
    data = whole.data(
        f"query E($r: [_Any!]!) {{ _entities(representations: $r) {{ __typename {selections} }} _service {{ sdl }} }}",
        {"r": [{"__typename": name, "id": record["id"]} for name, record in wanted.items()]},
        token=token,
    )
    assert data["_entities"] == [
        {"__typename": name, "id": record["id"], "name": record["name"]} for name, record in wanted.items()
    ]
    assert '@key(fields: "id")' in data["_service"]["sdl"]
