"""The v2 reads, served from the graph: their shapes, notices and errors."""

import json

import pytest

from facade.assets import load_inventory

PLACE = {"id", "name"}
SENSOR = {"id", "mac_address", "mode", "hive", "space", "room", "orientation", "height", "coordinates"}
HIVE_ROW = {"id", "serial_number", "num_sensors"}
HIVE = {*HIVE_ROW, "sensors", "gateways", "space", "mqtt"}
SPACE = {
    *("id", "name", "address", "capacity", "mid_capacity", "area", "timezone", "installation_date"),
    *("sensors", "hives", "rooms", "gateways"),
}
ROOM = {
    *("id", "name", "type", "area", "capacity", "mid_capacity", "maxCapacity", "color", "coordinates", "height"),
    *("door_line", "in_direction", "parallel_to_door", "sensitivity", "sensors", "space"),
}
LISTS = {
    "sensors": SENSOR,
    "hives": HIVE_ROW,
    "spaces": SPACE,
    "spaces/{floor}/rooms": ROOM,
    "spaces/{floor}/sensors": SENSOR,
    "spaces/{floor}/hives": HIVE_ROW,
}
DETAILS = {
    "sensors/{sensor}": SENSOR,
    "sensors/{mac}": SENSOR,
    "hives/{hive}": HIVE,
    "hives/{serial}": HIVE,
    "spaces/{floor}": SPACE,
    "spaces/{floor}/rooms/{room}": ROOM,
    "spaces/{floor}/sensors/{sensor}": SENSOR,
    "spaces/{floor}/sensors/{mac}": SENSOR,
    "spaces/{floor}/hives/{hive}": HIVE,
    "spaces/{floor}/hives/{serial}": HIVE,
}
OPERATIONS = {
    "sensors": "SensorsV2",
    "sensors/{sensor}": "SensorV2",
    "sensors/{mac}": "SensorByMacV2",
    "hives/{serial}": "HiveBySerialV2",
    "spaces/{floor}/hives/{hive}": "SpaceHiveV2",
}
REPORTING = "/api/v3/reporting"


@pytest.fixture(scope="session")
def native_facade(launch, sandbox_process):
    """Knows all that a campus has to tell."""
    return launch.facade(sandbox_process.url, FACADE_ASSETS="native")


@pytest.fixture
def known(sandbox):
    """A sensor with the places and the hive about it."""
    campus = sandbox.campus()
    by_id = {record["id"]: record for kind in ("floors", "rooms", "hives") for record in campus[kind]}
    sensor = next(one for one in campus["sensors"] if one["mode"] == "presence" and one["room_id"])
    hive = by_id[sensor["hive_id"]]
    return {
        "sensor": sensor["id"],
        "mac": sensor["mac_address"].upper().replace("-", ":"),
        "hive": hive["id"],
        "serial": hive["serialNumber"].upper(),
        "floor": sensor["floor_id"],
        "room": sensor["room_id"],
        "other_floor": next(floor["id"] for floor in campus["floors"] if floor["id"] != sensor["floor_id"]),
    }


@pytest.fixture
def get(facade, known, token):
    def get(path, *, of=facade, prefix="/api/v2/", method="GET", token=token, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return of.request(method, prefix + path.format(**known), headers=sent)

    return get


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_the_rows_of_its_time(get, path):
    rows = get(path).raise_for_status().json()["data"]
    assert rows
    assert all(row.keys() == LISTS[path] for row in rows)


@pytest.mark.parametrize("path", DETAILS)
def test_a_detail_has_the_fields_of_its_time(get, known, path):
    answer = get(path).raise_for_status().json()
    assert answer.keys() == {"data"}
    assert answer["data"].keys() == DETAILS[path]
    noun = path.split("/")[-2].removesuffix("s").replace("space", "floor")
    assert answer["data"]["id"] == known[noun]


def test_a_detail_says_what_its_row_in_the_list_says(get, known):
    for path, detail in {"sensors": "sensor", "spaces": "floor", "spaces/{floor}/rooms": "room"}.items():
        (row,) = (row for row in get(path).json()["data"] if row["id"] == known[detail])
        assert get(f"{path}/{{{detail}}}").json()["data"] == row
    (row,) = (row for row in get("hives").json()["data"] if row["id"] == known["hive"])
    assert row.items() <= get("hives/{hive}").json()["data"].items()


def test_values_are_those_that_the_source_of_assets_knows(get, native_facade, sandbox, known):
    campus = sandbox.campus()
    floor, room, sensor = (
        next(record for record in campus[f"{kind}s"] if record["id"] == known[kind])
        for kind in ("floor", "room", "sensor")
    )
    building = next(one for one in campus["buildings"] if one["id"] == floor["building_id"])
    site = next(one for one in campus["sites"] if one["id"] == building["site_id"])
    here = [one for one in campus["sensors"] if one["floor_id"] == floor["id"]]

    space = get("spaces/{floor}", of=native_facade).json()["data"]
    assert {name: space[name] for name in space if name not in ("sensors", "hives", "rooms")} == {
        "id": floor["id"],
        "name": floor["name"],
        "address": ", ".join(building["address"]["lines"]),
        "capacity": floor["capacity"]["max"],
        "mid_capacity": floor["capacity"]["mid"],
        "area": floor["area"]["value"],
        "timezone": site["timezone"],
        "installation_date": floor["installation_date"],
        "gateways": [],
    }
    assert {one["id"]: one["mac_address"] for one in space["sensors"]} == {
        one["id"]: one["mac_address"] for one in here
    }
    assert {one["id"] for one in space["hives"]} == {
        one["id"] for one in campus["hives"] if one["floor_id"] == floor["id"]
    }
    assert {"id": room["id"], "name": room["name"]} in space["rooms"]

    told = get("spaces/{floor}/rooms/{room}", of=native_facade).json()["data"]
    assert told["capacity"] == told["maxCapacity"] == room["capacity"]["max"]
    assert told["mid_capacity"] == room["capacity"]["mid"]
    assert told["area"] == room["area"]["value"]
    assert told["type"] == room["roomType"]
    assert told["coordinates"] == room["coordinates"]
    assert told["space"] == {"id": floor["id"], "name": floor["name"]}
    assert known["sensor"] in [one["id"] for one in told["sensors"]]

    assert get("sensors/{mac}", of=native_facade).json()["data"] == {
        "id": sensor["id"],
        "mac_address": sensor["mac_address"],
        "mode": "presence",
        "hive": {"id": sensor["hive_id"], "serial_number": sensor["hive_serial"]},
        "space": {"id": floor["id"], "name": floor["name"]},
        "room": {"id": room["id"], "name": room["name"]},
        "orientation": sensor["orientation"],
        "height": sensor["height"],
        "coordinates": sensor["center"],
    }

    hive = get("hives/{serial}", of=native_facade).json()["data"]
    on_hive = {one["id"] for one in campus["sensors"] if one["hive_id"] == known["hive"]}
    assert {one["id"] for one in hive["sensors"]} == on_hive
    assert hive["num_sensors"] == len(on_hive)
    assert (hive["mqtt"], hive["gateways"]) == (None, [])


def test_what_no_source_knows_is_null_and_an_unknown_id_is_empty(get, sandbox):
    space = get("spaces/{floor}").json()["data"]
    assert space["name"]
    assert [space[name] for name in ("address", "capacity", "mid_capacity", "area", "installation_date")] == [None] * 5
    doors = {one["id"] for one in sandbox.campus()["sensors"] if not one["room_id"]}
    in_no_room = [row["room"] for row in get("sensors").json()["data"] if row["id"] in doors]
    assert in_no_room
    assert all(room == {"id": "", "name": None} for room in in_no_room)


def test_answers_saved_to_files_are_an_inventory_that_says_the_same(get, native_facade, sandbox, tmp_path):
    for noun in ("sensors", "hives", "spaces"):
        (tmp_path / f"{noun}.json").write_text(json.dumps(get(noun, of=native_facade).json()))
    assets = load_inventory(tmp_path)
    campus = sandbox.campus()
    assert {id_: sensor.room_id or "" for id_, sensor in assets.sensors.items()} == {
        one["id"]: one["room_id"] for one in campus["sensors"]
    }
    assert {id_: hive.serialNumber for id_, hive in assets.hives.items()} == {
        one["id"]: one["serialNumber"] for one in campus["hives"]
    }
    assert {id_: floor.name for id_, floor in assets.floors.items()} == {
        one["id"]: one["name"] for one in campus["floors"]
    }
    assert {id_: room.floor_id for id_, room in assets.rooms.items()} == {
        one["id"]: one["floor_id"] for one in campus["rooms"]
    }


@pytest.mark.parametrize("path", ["sensors", "sensors/{mac}", "spaces/{floor}/rooms"])
def test_paths_without_api_answer_the_same(get, path):
    assert get(path, prefix="/v2/").json() == get(path).json()


@pytest.mark.parametrize(
    "path",
    [
        "sensors/sensor_none",
        "sensors/00-60-2F-57-04-BC",
        "hives/hive_none",
        "hives/ffff",
        "spaces/space_none",
        "spaces/space_none/rooms",
        "spaces/space_none/sensors",
        "spaces/space_none/hives",
        "spaces/{floor}/rooms/room_none",
        "spaces/{other_floor}/rooms/{room}",
        "spaces/{other_floor}/sensors/{sensor}",
        "spaces/{other_floor}/sensors/{mac}",
        "spaces/{other_floor}/hives/{hive}",
        "spaces/{other_floor}/hives/{serial}",
    ],
)
def test_what_is_not_there_is_404_with_a_message(get, path, known):
    answer = get(path)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"message": f"There is no /v2/{path.format(**known)} that this token may see."}


class TestNotices:
    @pytest.mark.parametrize("path", ["sensors", "spaces/{floor}/hives", "sensors/sensor_none"])
    def test_every_answer_says_when_it_ended_and_what_came_after(self, get, path):
        headers = get(path).headers
        # RFC 9745: a structured date, 2024-10-11T00:00:00Z.
        assert headers["deprecation"] == "@1728604800"
        assert headers["sunset"] == "Fri, 11 Oct 2024 00:00:00 GMT"
        assert headers["link"] == '</graphql>; rel="successor-version"'

    @pytest.mark.parametrize("path", OPERATIONS)
    def test_a_header_names_the_operation(self, get, path):
        assert get(path).headers["x-successor-operation"] == OPERATIONS[path]

    @pytest.mark.parametrize("path", ["spaces/{floor}/fixtures", "spaces/{floor}/fixtures/fixture_1"])
    def test_fixtures_are_gone_since_their_own_day(self, get, sandbox, token, path):
        answer = get(path)
        assert answer.status_code == 410
        assert "20 September 2024" in answer.json()["message"]
        assert answer.headers["deprecation"] == "@1726790400"
        assert answer.headers["sunset"] == "Fri, 20 Sep 2024 00:00:00 GMT"
        assert sandbox.calls(token) == []

    @pytest.mark.parametrize(
        ("method", "path", "says"),
        [
            ("PUT", "spaces/{floor}", "updateFloorInfo"),
            ("POST", "sensors", "createSensors"),
            ("PUT", "sensors/{sensor}", "updateSensors"),
            ("PATCH", "spaces/{floor}/sensors/{mac}", "updateSensors"),
            ("DELETE", "sensors/{sensor}", "no public source names its mutation"),
            ("POST", "hives", "no public source names its mutation"),
            ("PUT", "spaces/{floor}/rooms/{room}", "no public source names its mutation"),
            ("DELETE", "spaces/{floor}/fixtures/fixture_1", "no public source names its mutation"),
        ],
    )
    def test_a_write_is_405_and_told_where_to_write(self, get, sandbox, token, method, path, says):
        answer = get(path, method=method)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert says in answer.json()["message"]
        assert sandbox.calls(token) == []


class TestCaching:
    def test_the_second_read_makes_no_call(self, get, sandbox, token):
        first, second = get("sensors"), get("hives")
        assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
        assert first.headers["cache-control"].startswith("private, max-age=")
        assert "Authorization" in first.headers["vary"]
        assert int(second.headers["age"]) >= 0
        made = len(sandbox.calls(token))
        get("spaces/{floor}/sensors")
        assert len(sandbox.calls(token)) == made

    def test_an_answer_that_is_known_already_is_304(self, get):
        first = get("spaces/{floor}/rooms")
        again = get("spaces/{floor}/rooms", If_None_Match=first.headers["etag"])
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["sunset"]
        assert get("spaces/{floor}/rooms", If_None_Match='"another"').status_code == 200

    def test_no_cache_reads_anew(self, get, sandbox, token):
        get("sensors")
        made = len(sandbox.calls(token))
        assert get("sensors", Cache_Control="no-cache").headers["x-cache"] == "BYPASS"
        assert len(sandbox.calls(token)) > made

    def test_head_answers_without_a_body(self, get):
        answer = get("sensors", method="HEAD")
        assert answer.status_code == 200
        assert answer.content == b""
        assert answer.headers["etag"] == get("sensors").headers["etag"]

    def test_two_tokens_never_share(self, get, sandbox):
        other = sandbox.login("other")
        mine = {row["id"] for row in get("sensors").json()["data"]}
        theirs = {row["id"] for row in get("sensors", token=other).json()["data"]}
        assert mine
        assert theirs
        assert not mine & theirs


class TestFailures:
    def test_without_a_token_it_is_401(self, get):
        answer = get("sensors", token=None)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "token" in answer.json()["message"]

    def test_a_refused_token_is_401(self, get):
        assert get("sensors", token="made.up.token").status_code == 401

    def test_a_token_that_may_not_is_403(self, get, sandbox):
        answer = get("sensors", token=sandbox.login("limited"))
        assert answer.status_code == 403
        assert answer.json().keys() == {"message"}

    @pytest.mark.parametrize(
        ("fault", "status", "retry_after"),
        [
            ({"status": 429, "headers": {"Retry-After": "120"}}, 429, "120"),
            ({"status": 504}, 504, None),
            ({"status": 500}, 502, None),
            ({"status": 200, "body": "<html></html>", "content_type": "text/html"}, 502, None),
        ],
    )
    def test_a_failing_upstream_is_told_by_its_status(self, get, sandbox, fault, status, retry_after):
        sandbox.fault("*", **fault)
        answer = get("sensors")
        assert answer.status_code == status
        assert answer.json().keys() == {"message"}
        assert answer.headers.get("retry-after") == retry_after
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["sunset"]

    def test_a_page_of_another_site_may_not_spend(self, get, sandbox, token):
        answer = get("sensors", token=None, Sec_Fetch_Site="cross-site", Origin="https://evil.example")
        assert answer.status_code == 403
        assert sandbox.calls(token) == []
