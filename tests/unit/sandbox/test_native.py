import pytest
from graphql import GraphQLObjectType

from facade.sandbox.native import schema


async def test_the_whole_topology_comes_in_one_query(api):
    campus = await api.campus()

    reply = await api.graphql(
        """{ sites { data { id name timezone buildings { id site { id } floors { id building { id }
             rooms { id floorID sensors { id } } zones { id room_id sensors { id } }
             sensors { id mac_address } hives { id serialNumber sensors { id } } } } } } }"""
    )

    assert "errors" not in reply
    floors = [
        floor
        for site in reply["data"]["sites"]["data"]
        for building in site["buildings"]
        for floor in building["floors"]
    ]
    assert {floor["id"] for floor in floors} == {floor["id"] for floor in campus["floors"]}
    for place in ("rooms", "zones", "sensors", "hives"):
        found = [asset["id"] for floor in floors for asset in floor[place]]
        assert sorted(found) == sorted(asset["id"] for asset in campus[place])


@pytest.mark.parametrize("type_name", ["Site", "Building", "Floor", "Room", "Zone", "Hive", "Sensor", "Tag"])
async def test_every_plain_field_of_every_asset_can_be_read(api, type_name):
    def plain(field):
        return not isinstance(getattr(field.type, "of_type", field.type), GraphQLObjectType) and not field.args

    root = f"{type_name.lower()}s"
    fields = schema().type_map[type_name].fields
    names = [name for name, field in fields.items() if plain(field) and "[" not in str(field.type)]

    body = " ".join(names)
    reply = await api.graphql(
        f"{{ {root} {{ {body} }} }}" if root == "tags" else f"{{ {root} {{ data {{ {body} }} }} }}"
    )

    assert "errors" not in reply
    found = reply["data"][root] if root == "tags" else reply["data"][root]["data"]
    assert found


async def test_sensors_are_found_by_id_and_mac_and_other_filters_are_ignored(api):
    sensors = (await api.campus())["sensors"]
    query = """query ($ids: [String!], $macs: [String!], $rooms: [String!], $floors: [String!]) {
      sensors(ids: $ids, mac_addresses: $macs, room_ids: $rooms, floor_ids: $floors) { data { id } } }"""

    async def found(**variables):
        return [sensor["id"] for sensor in (await api.graphql(query, **variables))["data"]["sensors"]["data"]]

    assert await found(ids=[sensors[3]["id"]]) == [sensors[3]["id"]]
    assert await found(macs=[sensors[4]["mac_address"]]) == [sensors[4]["id"]]
    assert await found(ids=[]) == []
    assert len(await found(rooms=["room_none"], floors=["space_none"])) == len(sensors)


async def test_single_assets_come_by_id_and_by_custom_id_or_not_at_all(api):
    room = next(room for room in (await api.campus())["rooms"] if room["customID"])
    query = "query ($id: ID, $customID: ID) { room(id: $id, customID: $customID) { id } }"

    assert (await api.graphql(query, id=room["id"]))["data"]["room"] == {"id": room["id"]}
    assert (await api.graphql(query, customID=room["customID"]))["data"]["room"] == {"id": room["id"]}
    assert (await api.graphql(query, id="room_none"))["data"]["room"] is None
    assert (await api.graphql(query))["data"]["room"] is None


async def test_rooms_by_tag_means_all_of_them_unless_or_is_asked_for(api):
    campus = await api.campus()
    tags = {tag["name"]: tag["id"] for tag in campus["tags"]}
    asked = {tags["Collaboration"], tags["Executive"]}
    query = """query ($ids: [String!], $or: Boolean) { roomsByTag(tagIDs: $ids, useOR: $or) { data { id } } }"""

    async def found(ids, use_or=None):
        reply = await api.graphql(query, ids=ids, **{"or": use_or})
        return {room["id"] for room in reply["data"]["roomsByTag"]["data"]}

    both = {room["id"] for room in campus["rooms"] if asked <= set(room["tag_ids"])}
    either = {room["id"] for room in campus["rooms"] if asked & set(room["tag_ids"])}
    assert both < either
    assert await found(list(asked)) == await found(list(asked), use_or=False) == both
    assert await found(list(asked), use_or=True) == either
    assert await found(["Collaboration"]) == set()


async def test_tags_know_what_they_are_on(api):
    campus = await api.campus()

    reply = await api.graphql("{ tags { id name rooms { id } zones { id } floors { id } } }")

    for tag in reply["data"]["tags"]:
        for place in ("rooms", "zones", "floors"):
            assert {asset["id"] for asset in tag[place]} == {
                asset["id"] for asset in campus[place] if tag["id"] in asset["tag_ids"]
            }


@pytest.mark.parametrize("field", ["floorID", "roomID"])
async def test_the_floor_id_of_a_device_without_a_floor_is_an_error(sandbox, field):
    api = await sandbox(unplaced=1)

    broken = await api.graphql(f"{{ sensors {{ data {{ {field} }} }} }}")
    safe = await api.graphql("{ sensors { data { floor_id room_id floor { id } room { id } hiveID } } }")

    assert broken["data"] is None
    assert field in broken["errors"][0]["path"]
    assert "errors" not in safe
    assert safe["data"]["sensors"]["data"][-1] == {
        "floor_id": None,
        "room_id": None,
        "floor": None,
        "room": None,
        "hiveID": "",
    }


async def test_heartbeats_are_recent_epoch_seconds_unless_the_device_is_offline(sandbox, clock):
    api = await sandbox(unplaced=1)

    reply = await api.graphql("{ sensors { data { is_online last_heartbeat } } }")

    for sensor in reply["data"]["sensors"]["data"]:
        assert (clock.now - sensor["last_heartbeat"] < 120) == sensor["is_online"]


async def test_only_batteries_have_battery_dates(api):
    reply = await api.graphql("{ sensors { data { power_type last_battery_change_date next_battery_change_date } } }")

    sensors = reply["data"]["sensors"]["data"]
    assert {sensor["power_type"] for sensor in sensors} == {"Battery", "Wired"}
    for sensor in sensors:
        if sensor["power_type"] == "Wired":
            assert sensor["last_battery_change_date"] is None
        else:
            assert sensor["last_battery_change_date"] < "2025-10-15" < sensor["next_battery_change_date"]


async def test_introspection_works(api):
    reply = await api.graphql("{ __schema { queryType { fields { name } } } }")

    names = {field["name"] for field in reply["data"]["__schema"]["queryType"]["fields"]}
    assert {"sites", "site", "floorsByTag", "sensors", "hives", "tags", "webhooks"} <= names


async def test_without_a_token_the_error_is_unauthenticated(sandbox):
    api = await sandbox(log_in=False)

    reply = await api.graphql("{ sites { data { id } } }")

    assert reply["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_without_the_scope_the_error_is_forbidden(api):
    await api.log_in(client_id="limited-client", client_secret="limited-secret")

    reply = await api.graphql("{ sites { data { id } } }")

    assert reply["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ sites {"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($id: ID!) { site(id: $id) { id } }"}, "BAD_USER_INPUT"),
        ({"query": "query A { tags { id } } query B { tags { id } }"}, "BAD_USER_INPUT"),
        ({"operation": "{ tags { id } }"}, "BAD_USER_INPUT"),
    ],
)
async def test_a_request_that_cannot_run_is_400_with_errors(api, body, code):
    reply = await api.http.post("/api/v3/graphql", json=body)

    assert reply.status_code == 400
    assert reply.json()["errors"][0]["extensions"]["code"] == code
