"""Documents written for Butlr's own GraphQL API run here unchanged, on an estate of 5 sites and 10,000 sensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SITES, BUILDINGS, FLOORS, ROOMS, SENSORS = 5, 10, 50, 2_000, 10_000
TAGS = ["quiet", "video", "large"]


def estate() -> dict[str, list[dict[str, Any]]]:
    """An inventory whose every relation can be told from its numbers."""
    return {
        "sites": [
            {"id": f"site_{n}", "name": f"Site {n}", "customID": f"S-{n}", "timezone": "Europe/Berlin"}
            for n in range(SITES)
        ],
        "buildings": [
            {"id": f"building_{n}", "name": f"Building {n}", "customID": f"B-{n}", "site_id": f"site_{n % SITES}"}
            for n in range(BUILDINGS)
        ],
        "floors": [
            {
                "id": f"space_{n}",
                "name": f"Floor {n}",
                "customID": f"F-{n}",
                "building_id": f"building_{n % BUILDINGS}",
                "tag_ids": ["tag_large"] if n % 10 == 0 else [],
            }
            for n in range(FLOORS)
        ],
        "rooms": [
            {
                "id": f"room_{n}",
                "name": f"Room {n}",
                "customID": f"R-{n}",
                "floor_id": f"space_{n % FLOORS}",
                "capacity": {"max": n % 20, "mid": n % 10},
                "tag_ids": [f"tag_{tag}" for at, tag in enumerate(TAGS) if n % (at + 2) == 0],
            }
            for n in range(ROOMS)
        ],
        "zones": [
            {"id": f"zone_{n}", "name": f"Zone {n}", "customID": f"Z-{n}", "floor_id": f"space_{n % FLOORS}"}
            for n in range(100)
        ],
        "hives": [
            {"id": f"hive_{n}", "serialNumber": f"{n:016x}", "floor_id": f"space_{n % FLOORS}", "isOnline": n % 7 > 0}
            for n in range(200)
        ],
        "sensors": [
            {
                "id": f"sensor_{n}",
                "mac_address": f"00-17-0d-00-00-{n // 65536:02x}-{n // 256 % 256:02x}-{n % 256:02x}",
                "mode": "traffic" if n % 5 == 0 else "presence",
                "room_id": f"room_{n % ROOMS}",
                "floor_id": f"space_{n % FLOORS}",
                "hive_id": f"hive_{n % 200}",
                "hive_serial": f"{n % 200:016x}",
                "zone_ids": [f"zone_{n}"] if n < 100 else [],
                "is_online": n % 11 > 0,
            }
            for n in range(SENSORS)
        ],
        "tags": [{"id": f"tag_{tag}", "name": tag} for tag in TAGS],
    }


@pytest.fixture(scope="module")
def native(launch, sandbox_process, tmp_path_factory):
    """Ask a facade whose assets are the estate, under a token that its upstream takes."""
    path: Path = tmp_path_factory.mktemp("estate") / "inventory.json"
    path.write_text(json.dumps(estate()))
    facade = launch.facade(sandbox_process.url, FACADE_ASSETS="inventory", FACADE_INVENTORY=str(path))
    token = sandbox_process.login()

    def ask(document: str, **variables: Any) -> Any:
        return facade.data(document, variables, token=token, path="/api/v3/graphql")

    ask.facade = facade
    ask.token = token
    return ask


def test_the_topology_is_one_query(native):
    data = native("""
      query GetFullTopology {
        sites { data { id name buildings { id name floors { id name rooms { id name sensors { id } } } } } }
      }
    """)
    sites = data["sites"]["data"]
    floors = [floor for site in sites for building in site["buildings"] for floor in building["floors"]]
    assert (len(sites), len(floors)) == (SITES, FLOORS)
    assert sum(len(floor["rooms"]) for floor in floors) == ROOMS
    assert sum(len(room["sensors"]) for floor in floors for room in floor["rooms"]) == SENSORS


def test_all_sensors_with_where_they_hang(native):
    data = native("""
      query AllSensors {
        sensors { data { id name mac_address mode model floor_id room_id hive_serial is_online last_heartbeat
                         power_type floorID roomID hiveID sensor_id } }
      }
    """)["sensors"]["data"]
    assert len(data) == SENSORS
    assert all(sensor["floorID"] == sensor["floor_id"] == f"space_{int(sensor['id'][7:]) % FLOORS}" for sensor in data)


def test_all_hives_with_their_sensors(native):
    data = native("query AllHives { hives { data { id serialNumber isOnline floor { id } sensors { id } } } }")
    hives = data["hives"]["data"]
    assert len(hives) == 200
    assert all(len(hive["sensors"]) == 50 for hive in hives)
    assert sum(not hive["isOnline"] for hive in hives) == len([n for n in range(200) if n % 7 == 0])


def test_tags_with_what_has_them(native):
    tags = native("query TagsWithUsage { tags { id name organization_id rooms { id } zones { id } floors { id } } }")
    by_name = {tag["name"]: tag for tag in tags["tags"]}
    assert len(by_name["quiet"]["rooms"]) == ROOMS // 2
    assert len(by_name["large"]["floors"]) == FLOORS // 10
    assert by_name["video"]["zones"] == []


@pytest.mark.parametrize(("use_or", "fits"), [(False, all), (True, any), (None, all)])
def test_rooms_by_tag_with_and_and_or(native, use_or, fits):
    document = """
      query ByTag($tagIDs: [String!], $useOR: Boolean) {
        roomsByTag(tagIDs: $tagIDs, useOR: $useOR) { data { id } }
      }
    """
    variables = {"tagIDs": ["tag_quiet", "tag_video"], **({} if use_or is None else {"useOR": use_or})}
    rooms = native(document, **variables)["roomsByTag"]["data"]
    assert {room["id"] for room in rooms} == {f"room_{n}" for n in range(ROOMS) if fits([n % 2 == 0, n % 3 == 0])}


@pytest.mark.parametrize(
    ("field", "id_", "custom"),
    [
        ("site", "site_3", "S-3"),
        ("building", "building_7", "B-7"),
        ("floor", "space_42", "F-42"),
        ("room", "room_1999", "R-1999"),
        ("zone", "zone_99", "Z-99"),
    ],
)
def test_each_place_by_id_and_by_the_customers_own_id(native, field, id_, custom):
    document = f"query One($id: ID, $customID: ID) {{ {field}(id: $id, customID: $customID) {{ id customID }} }}"
    expected = {"id": id_, "customID": custom}
    assert native(document, id=id_)[field] == expected
    assert native(document, customID=custom)[field] == expected
    assert native(document, id="room_none")[field] is None


def test_sensors_and_hives_by_their_own_names(native):
    document = """
      query Devices($ids: [String!], $macs: [String!], $serials: [String!]) {
        byId: sensors(ids: $ids) { data { id } }
        byMac: sensors(mac_addresses: $macs) { data { id } }
        hives(serial_numbers: $serials, returnPlaceholders: false) { data { id } }
      }
    """
    data = native(document, ids=["sensor_5"], macs=["00:17:0D:00:00:00:00:05"], serials=[f"{9:016X}"])
    assert data["byId"] == data["byMac"] == {"data": [{"id": "sensor_5"}]}
    assert data["hives"]["data"] == [{"id": "hive_9"}]


def test_filters_that_the_native_api_ignores_work(native):
    document = """
      query Filtered($rooms: [String!], $floors: [String!], $hives: [String!], $serials: [String!]) {
        rooms: sensors(room_ids: $rooms) { data { room_id } }
        floors: sensors(floor_ids: $floors) { data { floor_id } }
        hives: sensors(hive_ids: $hives) { data { hive_id } }
        serials: sensors(hive_serials: $serials) { data { hive_serial } }
      }
    """
    data = native(document, rooms=["room_7"], floors=["space_8"], hives=["hive_9"], serials=[f"{10:016x}"])
    assert [len(data[name]["data"]) for name in ("rooms", "floors", "hives", "serials")] == [5, 200, 50, 50]
    assert {sensor["room_id"] for sensor in data["rooms"]["data"]} == {"room_7"}


def test_a_zones_sensors_come_from_the_sensors_zone_ids(native):
    zone = native('query Z { zone(id: "zone_4") { id floor { id } sensors { id zones { id } } } }')["zone"]
    assert zone["sensors"] == [{"id": "sensor_4", "zones": [{"id": "zone_4"}]}]


def test_relations_lead_up_as_well_as_down(native):
    sensor = native("""
      query Up { sensors(ids: ["sensor_123"]) { data {
        room { id floor { id building { id site { id timezone } } } } hive { id serialNumber }
      } } }
    """)["sensors"]["data"][0]
    assert sensor["room"]["floor"]["building"]["site"] == {"id": "site_3", "timezone": "Europe/Berlin"}
    assert sensor["hive"]["id"] == "hive_123"


def test_what_no_source_knows_is_null_and_no_error(native):
    data = native("""
      query Unknown { rooms(ids: ["room_1"]) { data { note metadata { created_at } pir_zero_enable area { value } } }
                      floors(ids: ["space_1"]) { data { timezone installation_date capacity { max } } } }
    """)
    assert data["rooms"]["data"] == [{"note": None, "metadata": None, "pir_zero_enable": None, "area": None}]
    assert data["floors"]["data"] == [{"timezone": None, "installation_date": None, "capacity": None}]


def test_a_made_up_token_sees_no_inventory(native):
    error = native.facade.error("{ sensors { data { id } } }", token="made-up")
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_node_is_found_by_its_prefix(native):
    document = "query N($id: ID!) { node(id: $id) { __typename id } }"
    for id_, type_ in {"space_1": "Floor", "hive_1": "Hive", "tag_video": "Tag", "sensor_0": "Sensor"}.items():
        assert native(document, id=id_)["node"] == {"__typename": type_, "id": id_}
    assert native(document, id="room_none")["node"] is None


def test_webhooks_are_null_where_the_native_api_is_no_source(native):
    assert native("{ webhooks { id endpoint_config { url } } }") == {"webhooks": None}


def test_what_is_known_from_the_file_alone_is_a_hit_that_a_client_may_keep(native):
    answers = [
        native.facade.post("{ sites { data { id } } }", token=native.token, path="/api/v3/graphql") for _ in range(2)
    ]
    assert answers[-1].headers["x-cache"] == "HIT"
    assert answers[-1].headers["cache-control"] in ("private, max-age=59", "private, max-age=60")
