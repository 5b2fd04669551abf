"""The operations that `translate` makes from a collection of all REST calls give the answers of those calls."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from facade.cli.app import run
from facade.legacy import translate
from facade.legacy.pasted import read

COLLECTION = Path(__file__).parents[1] / "butlr.postman_collection.json"

# Why what has no equal has none, and what to do instead.
REASONS = {
    "Auth / Make a client": "Tokens are made in Butlr's web app",
    "Auth / List clients": "Tokens are made in Butlr's web app",
    "Auth / One client": "Tokens are made in Butlr's web app",
    "Auth / Delete a client": "Tokens are made in Butlr's web app",
    "Reporting / Calibration points both ways": "Its body has `calibrationPoints`",
    "Detections / Streams, as a read": "Streams were replaced by POST /api/v3/detections",
    "v2 / Spaces / Create": "no public source names its mutation",
    "v2 / Spaces / Change": "Use the mutation updateFloorInfo of Butlr's own GraphQL API",
    "v2 / Spaces / Change a room": "no public source names its mutation",
    "v2 / Spaces / Delete a room": "no public source names its mutation",
    "v2 / Spaces / Change a sensor there": "Use the mutation updateSensors of Butlr's own GraphQL API",
    "v2 / Spaces / Change a hive there": "no public source names its mutation",
    "v2 / Spaces / Create a fixture": "no public source names its mutation",
    "v2 / Spaces / Change a fixture": "no public source names its mutation",
    "v2 / Spaces / Delete a fixture": "no public source names its mutation",
    "v2 / Readings / Presence, asked with a body": "with the measurement presence",
    "v2 / Readings / Traffic of a sensor": "with the measurement traffic",
    "Reporting / CSV": "run `facade export`",
    "Reporting / With calibration points": "The graph does not return calibration points",
    "Reporting / Measurement of tomorrow": "`filter.measurements[0]` is not a Measurement",
    "Reporting / Mistyped field": "Its body has `windows`, which is not a known field",
    "Reporting / Mistyped filter": "which is not a field of `ReportFilter`",
    "Stats / Items with filters": "is not an ID",
    "Stats / The dashboard's": "POST /api/v4/reporting/stats is the one for clients",
    "Detections / Unknown type": "`data_types[0]` is not one of detections_local",
    "Detections / Streams": "Streams were replaced by POST /api/v3/detections",
    "v2 / Sensors / Filtered": "No source says what `mode` means",
    "v2 / Sensors / Create": "Use the mutation createSensors of Butlr's own GraphQL API",
    "v2 / Sensors / Update": "Use the mutation updateSensors of Butlr's own GraphQL API",
    "v2 / Sensors / Delete": "no public source names its mutation",
    "v2 / Hives / Create": "no public source names its mutation",
    "v2 / Hives / Update": "no public source names its mutation",
    "v2 / Hives / Delete": "no public source names its mutation",
    "v2 / Spaces / Update": "Use the mutation updateFloorInfo of Butlr's own GraphQL API",
    "v2 / Spaces / Delete": "no public source names its mutation",
    "v2 / Spaces / Create a room": "no public source names its mutation",
    "v2 / Spaces / Fixtures": "ended on 20 September 2024",
    "v2 / Spaces / Fixture": "ended on 20 September 2024",
    "v2 / Spaces / Room of an unfilled id": "Put an id in place of :room_id",
    "v2 / Readings / Presence": "with the measurement presence",
    "v2 / Readings / Traffic": "with the measurement traffic",
    "GraphQL / A mutation": "Unknown type 'UpdateSensorInput'",
}


def names(items, way=()):
    for item in items:
        here = (*way, item["name"])
        yield from names(item["item"], here) if "item" in item else [" / ".join(here)]


NAMES = list(names(json.loads(COLLECTION.read_text())["item"]))


@pytest.fixture
def values(sandbox, at_work):
    """What the collection leaves to its user: places and devices of the campus, a span of working hours."""
    campus = sandbox.campus()
    floors = {floor["id"]: floor for floor in campus["floors"]}
    buildings = {building["id"]: building for building in campus["buildings"]}
    sensor = next(one for one in campus["sensors"] if one["mode"] == "presence" and one["room_id"])
    building = buildings[floors[sensor["floor_id"]]["building_id"]]
    hive = next(hive for hive in campus["hives"] if hive["id"] == sensor["hive_id"])
    span = at_work(days=2, minutes=20)
    session = sandbox.request(
        "POST", "/api/v2/login", json={"username": "demo@example.com", "password": "demo-password"}
    ).json()
    return {
        "baseUrl": "https://api.butlr.io",
        **span,
        "day": span["start"][:10],
        "next_day": f"{date.fromisoformat(span['start'][:10]) + timedelta(days=1)}",
        "username": "demo@example.com",
        "password": "demo-password",
        "azp": "sandboxWebApp",
        "refresh_token": session["refresh_token"],
        "client_id": "demo-client",
        "client_secret": "demo-secret",
        "floor": sensor["floor_id"],
        "room": sensor["room_id"],
        "sensor": sensor["id"],
        "mac": sensor["mac_address"],
        "presence_mac": sensor["mac_address"],
        "hive": hive["id"],
        "serial": hive["serialNumber"],
        "building": building["id"],
        "site": building["site_id"],
        "zone": campus["zones"][0]["id"],
        "tag": campus["tags"][0]["id"],
    }


def only(name, items, way=()):
    """The folders down to one request."""
    for item in items:
        here = (*way, item["name"])
        if "item" in item:
            if inner := only(name, item["item"], here):
                return [{**item, "item": inner}]
        elif " / ".join(here) == name:
            return [item]
    return []


def collection(values, name=None):
    """The collection with its variables filled in; with a name, that one request of it."""
    whole = json.loads(COLLECTION.read_text())
    whole["variable"] = [{"key": key, "value": value} for key, value in values.items()]
    if name is not None:
        whole["item"] = only(name, whole["item"])
    return json.dumps(whole)


def without_tokens(session):
    """What two logins have in common: no token is given twice."""
    return {name: bool(value) if name.endswith("_token") else value for name, value in session.items()}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REASONS])
def test_a_call_and_its_operation_answer_alike(name, sandbox, facade, values, token):
    [request], _ = read(collection(values, name))
    [translation] = translate(collection(values, name))
    assert translation.reason is None
    # A relative span moves on between two calls upstream; through the facade they share one. The upstream has
    # neither v2 nor, perhaps, paths without `/api`.
    through_facade = request.method == "GET" or '"-1d"' in request.body or not request.path.startswith("/api")
    server = facade if through_facade else sandbox
    form = "as a form" in name
    answer = server.request(
        request.method,
        request.path,
        # The API takes JSON, whatever the text that it is described by says.
        content=json.dumps(translation.variables) if form else request.body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    variables = dict(translation.variables)
    if "refresh_token" in variables:
        # The first is spent.
        variables["refresh_token"] = answer.json()["refresh_token"]

    data = facade.data(translation.query, variables, token=token)

    if translation.shape is None:
        assert {"data": data} == answer.json()
        return
    equal, told = translation.shape(data), answer.json()
    if "access_token" in told:
        assert without_tokens(equal) == without_tokens(told)
        return
    if "page_info" not in equal:
        told.pop("page_info", None)
    assert equal == told
    assert ("page_info" in equal) == ("paginate" in translation.variables)
    # An answer without anything in it would be alike by chance.
    assert any(equal.values())


@pytest.mark.parametrize("name", REASONS)
def test_what_has_no_equal_is_named_with_its_reason(name, values):
    [translation] = translate(collection(values, name))
    assert translation.query is None
    assert translation.source.startswith(name)
    assert REASONS[name] in translation.reason
    assert "\n" not in translation.reason


def test_every_request_of_a_collection_is_translated_or_named(values):
    translations = translate(collection(values))
    assert len(translations) == len(NAMES) > 70
    assert {one.source.rpartition(" (")[0] for one in translations if one.reason} == REASONS.keys()
    assert all((one.query is None) != (one.reason is None) for one in translations)


DOCUMENTED = {
    "POST": "v2/login v2/login/refresh v2/clients/login v1/client v3/reporting v3/detections v4/reporting/stats "
    "v4/reporting v3/graphql v2/streams v2/sensors v2/hives v2/spaces v2/spaces/_/rooms v2/spaces/_/fixtures",
    "GET": "v1/client v1/client/_ v2/sensors v2/sensors/_ v2/hives v2/hives/_ v2/spaces v2/spaces/_ v2/spaces/_/rooms "
    "v2/spaces/_/rooms/_ v2/spaces/_/sensors v2/spaces/_/sensors/_ v2/spaces/_/hives v2/spaces/_/hives/_ "
    "v2/spaces/_/fixtures v2/spaces/_/fixtures/_ v2/presence v2/traffic v2/streams",
    "PUT": "v2/spaces/_ v2/sensors/_ v2/spaces/_/rooms/_ v2/spaces/_/hives/_ v2/spaces/_/fixtures/_",
    "PATCH": "v2/spaces/_ v2/hives/_ v2/spaces/_/sensors/_",
    "DELETE": "v1/client/_ v2/sensors/_ v2/hives/_ v2/spaces/_ v2/spaces/_/rooms/_ v2/spaces/_/fixtures/_",
}


def test_the_collection_holds_every_call_that_is_known():
    # Steps with capitals, digits or braces are ids; versions and words are not.
    held = {
        (one.method, "/".join(step if re.fullmatch(r"v\d|[a-z]+", step) else "_" for step in one.path.split("/")[2:]))
        for one in read(COLLECTION.read_text())[0]
        if one.path.startswith("/api/")
    }
    assert {(method, path) for method, paths in DOCUMENTED.items() for path in paths.split()} <= held


def test_without_values_for_its_variables_a_collection_says_which_it_lacks():
    whole = json.loads(COLLECTION.read_text())
    whole["item"] = only("Detections / Local", whole["item"])
    [translation] = translate(json.dumps(whole))
    assert "Put values in place of {{start}}, {{stop}}, {{room}}." in translation.reason


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """No setting of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("FACADE_", "BUTLR_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


CURL = "curl -s https://api.butlr.io/api/v2/hives/65fefe57f497d2f6"
REFUSED = "curl -X DELETE https://api.butlr.io/api/v2/hives/hive_1"


def test_the_command_prints_one_operation_as_an_object(settings, tmp_path, capsys):
    (tmp_path / "call").write_text(CURL)
    assert run(["translate", "call", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    printed = json.loads(out)
    assert printed.keys() == {"query", "variables"}
    assert printed["query"].startswith("query HiveBySerialV2($serial_number: String!) {")
    assert printed["variables"] == {"serial_number": "65fefe57f497d2f6"}
    assert err == ""


def test_the_command_prints_a_list_for_a_collection_and_the_reasons_on_stderr(settings, values, tmp_path, capsys):
    (tmp_path / "collection.json").write_text(collection(values))
    assert run(["translate", "collection.json", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    printed = json.loads(out)
    assert len(printed) == len(NAMES) - len(REASONS)
    assert all(one.keys() == {"query", "variables"} for one in printed)
    assert len(err.splitlines()) == len(REASONS)
    assert all(name in err for name in REASONS)


def test_a_collection_of_one_request_is_a_list_all_the_same(settings, values, tmp_path, capsys):
    (tmp_path / "collection.json").write_text(collection(values, "Stats / Room"))
    assert run(["translate", "collection.json", "--format", "json"]) == 0
    assert [one["variables"]["items"] for one in json.loads(capsys.readouterr().out)] == [[values["room"]]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (REFUSED, "DELETE /api/v2/hives/hive_1: DELETE /api/v2/hives/{id} ended on 11 October 2024"),
        ("", "facade: call: There is nothing to translate."),
        ("sing a song", "facade: call: It is neither a curl command, nor JSON, nor an HTTP request"),
        ('{"filter": {}}', "facade: call: A JSON body needs its path"),
        ("curl -d '{", "facade: call: The command line cannot be read: a quote is never closed"),
    ],
)
def test_the_command_fails_where_nothing_was_translated(text, says, settings, tmp_path, capsys):
    (tmp_path / "call").write_text(text)
    assert run(["translate", "call"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert err.count("\n") == 1


def test_measurements_that_a_setting_adds_are_translated(settings, tmp_path, capsys):
    body = '{"path": "/api/v3/reporting", "body": {"filter": {"start": "-1d", "measurements": ["moon_phase"]}}}'
    (tmp_path / "call").write_text(body)
    assert run(["translate", "call"]) == 1
    settings.setenv("FACADE_EXTRA_MEASUREMENTS", "moon_phase")
    assert run(["translate", "call"]) == 0
    assert "# Apollo Client" in capsys.readouterr().out


@pytest.fixture
def printed(settings, values, facade, tmp_path, capsys):
    """The code that the command prints for a call, by its name."""

    def code(name):
        (tmp_path / "collection.json").write_text(collection(values, name))
        assert run(["translate", "collection.json", "--url", f"{facade.url}/graphql"]) == 0
        heads, parts = ("curl", "fetch", "Apollo Client", "Python"), {}
        text = capsys.readouterr().out
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            text = text.partition(f"\n# {head}\n")[2]
            parts[head] = text.partition(f"\n# {following}\n")[0] if following else text
        return parts

    return code


def outcome(command, token, **options):
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "BUTLR_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["v2 / Sensors / By MAC", "Stats / Room", "Reporting / Rows"])
def test_the_code_printed_runs_and_answers_as_the_operation_does(name, printed, facade, values, token):
    [translation] = translate(collection(values, name))
    expected = facade.data(translation.query, dict(translation.variables), token=token)

    code = printed(name)

    assert json.loads(outcome(["bash", "-c", code["curl"].replace("curl ", "curl -s ", 1)], token))["data"] == expected
    assert eval(outcome([sys.executable, "-c", code["Python"]], token))["data"] == expected
    if shutil.which("node"):
        assert json.loads(outcome(["node", "--input-type=module"], token, input=code["fetch"])) == expected


def test_the_code_of_a_login_sends_no_token(printed, values):
    code = printed("Auth / User login")
    assert not any("BUTLR_TOKEN" in text for text in code.values())
    session = json.loads(outcome(["bash", "-c", code["curl"].replace("curl ", "curl -s ", 1)], ""))["data"]["login"]
    assert session["token_type"] == "Bearer"
    assert "client.mutate({" in code["Apollo Client"]
