"""Unknown is not none: fields that no source of assets knows are null, and the answer names a source that would."""

import pytest

UNKNOWN = "{ sites { data { id } } tags { id } more: tags { id } rooms { data { id tags { id } } } }"


@pytest.fixture(scope="module")
def discovering(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_ASSETS="discovery")


@pytest.fixture(scope="module")
def knowing(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_ASSETS="native,discovery")


def test_unknown_lists_are_null_with_one_note_a_cause_hot_and_cold(discovering, token):
    cold, hot = (discovering.post(UNKNOWN, token=token) for _ in range(2))
    data, notes = cold.json()["data"], cold.json()["extensions"]["notes"]

    assert data["sites"] == {"data": None}
    assert data["tags"] is data["more"] is None
    assert {room["tags"] for room in data["rooms"]["data"]} == {None}
    assert sorted(note["kind"] for note in notes) == ["sites", "tags"]
    assert all("FACADE_ASSETS=native,discovery" in note["message"] for note in notes)
    assert hot.headers["X-Cache"] == "HIT"
    assert hot.content == cold.content


@pytest.mark.parametrize(
    "query",
    [
        '{ site(id: "site_1") { id } }',
        '{ node(id: "tag_1") { id } }',
        '{ roomsByTag(tagIDs: ["tag_1"]) { data { id } } }',
    ],
)
def test_look_ups_of_what_is_unknown_say_so(discovering, token, query):
    answer = discovering.post(query, token=token).json()
    assert len(answer["extensions"]["notes"]) == 1


def test_whether_a_device_is_online_is_null_where_nobody_knows(discovering, token):
    data = discovering.data("{ sensors { data { is_online } } hives { data { is_online isOnline } } }", token=token)
    assert {sensor["is_online"] for sensor in data["sensors"]["data"]} == {None}
    assert {hive["is_online"] for hive in data["hives"]["data"]} == {None}


def test_a_source_that_knows_needs_no_note(knowing, token):
    answer = knowing.post(UNKNOWN, token=token).json()
    assert answer["data"]["sites"]["data"]
    assert answer["data"]["tags"] is not None
    assert "extensions" not in answer


NATIVE = "/api/v3/graphql"
LISTS = ("sites", "buildings", "floors", "rooms", "zones", "sensors", "hives")


@pytest.fixture(scope="module")
def native_alone(launch, stand_in_server):
    return launch.facade(stand_in_server.url, FACADE_ASSETS="native")


def test_lists_that_the_native_api_failed_to_give_are_errors_and_not_empty(native_alone, stand_in, any_token):
    floor = {"id": "space_1", "name": "Ground"}
    data = {**{name: {"data": []} for name in LISTS}, "tags": [], "floors": {"data": [floor]}, "rooms": None}
    stand_in.answers(NATIVE, {"data": data, "errors": [{"message": "boom", "path": ["rooms"]}]})

    answer = native_alone.ask(
        """{ floors { data { id rooms { id } zones { id } } } rooms { data { id } } room(id: "room_1") { id }
             hives { data { id } } }""",
        token=any_token,
    )

    assert answer["data"] == {
        "floors": {"data": [{"id": "space_1", "rooms": None, "zones": []}]},
        "rooms": None,
        "room": None,
        "hives": {"data": []},
    }
    paths = [".".join(map(str, error["path"])) for error in answer["errors"]]
    assert sorted(paths) == ["floors.data.0.rooms", "room", "rooms"]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_UNAVAILABLE"}
    assert all("did not list the rooms" in error["message"] for error in answer["errors"])
