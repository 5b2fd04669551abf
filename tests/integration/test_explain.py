"""Explain: how an operation would be answered, or was answered."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

SPAN = 'start: "2026-01-12T15:00:00Z", stop: "2026-01-12T19:00:00Z"'
OTHER = 'start: "2026-01-13T15:00:00Z", stop: "2026-01-13T19:00:00Z"'
BODY = '{ start: "2026-01-12T15:00:00Z", stop: "2026-01-12T19:00:00Z", measurements: [presence] }'
HOURS = 'window: { every: "1h", function: max }'
BY_ROOM = f"measurements: [room_occupancy], {SPAN}"
ROOMS = "{ rooms { data { id %s } } }"
SENSORS = "{ sensors { data { id %s } } }"
ZONES = "{ zones { data { id %s } } }"
FLOORS = "{ floors { data { id %s } } }"
FILLED = 'window: { every: "1h", function: max, create_empty: true }'
OPERATIONS = [
    "{ sensors { data { id } } }",
    "{ rooms { data { name } } hives { data { id } } }",
    "{ __typename }",
    ROOMS % f"report({BY_ROOM}, {HOURS}) {{ rows {{ value }} }}",
    ROOMS % f"report({BY_ROOM}, {HOURS}) {{ data }}",
    ROOMS % f"report({BY_ROOM}) {{ rows {{ value }} }}",
    ROOMS % f"a: report({BY_ROOM}, {HOURS}) {{ rows {{ value }} }} "
    f'b: report({BY_ROOM}, window: {{ every: "1h", function: mean }}) {{ rows {{ value }} }}',
    ROOMS % f"a: report({BY_ROOM}, {HOURS}) {{ rows {{ value }} }} "
    f"b: report(measurements: [room_occupancy], {OTHER}, {HOURS}) {{ rows {{ value }} }}",
    SENSORS % f"report(measurements: [presence], {SPAN}, {HOURS}) {{ rows {{ value }} }}",
    SENSORS % f"detections({SPAN}) {{ detections_local {{ value }} }}",
    SENSORS % f"detections({SPAN}) {{ detections_local {{ value }} detections_world {{ value }} }}",
    SENSORS % f"detections({SPAN}) {{ detections_local {{ value }} }} "
    f"report(measurements: [presence], {SPAN}, {HOURS}) {{ rows {{ value }} }}",
    ZONES % f"report(measurements: [presence], {SPAN}, {HOURS}) {{ rows {{ value }} }}",
    ZONES % f"report(measurements: [zone_occupancy], {SPAN}, {HOURS}) {{ rows {{ value }} }}",
    f"{{ report(filter: {BODY}, {HOURS}) {{ rows {{ value }} }} }}",
    f"{{ report(filter: {BODY}, {HOURS}) {{ data }} }}",
    f"{{ report(filter: {BODY}) {{ rows {{ value }} }} }}",
    f'{{ report(filter: {BODY}, {HOURS}, group_by: {{ order: ["room_id"] }}) {{ data }} }}',
    f"{{ report(filter: {BODY}, {FILLED}) {{ rows {{ value }} }} }}",
    ROOMS % f"detections({SPAN}) {{ detections_world {{ value }} heatmap_v2 }}",
    f"{{ detections(filter: {{ {SPAN} }}) {{ detections_local {{ value }} heatmap heatmap_v2 }} }}",
    f"{{ report(filter: {BODY}, {HOURS}) {{ rows {{ value }} rows_connection(first: 3) {{ edges {{ cursor }} }} }} }}",
    f"{{ a: report(filter: {BODY}, {HOURS}) {{ data }} b: report(filter: {BODY}, {HOURS}) {{ data }} }}",
    FLOORS % f"report(measurements: [floor_occupancy], {SPAN}, {HOURS}) {{ rows {{ value }} }}",
]


@pytest.fixture
def explain(facade):
    """The answer of an operation with `extensions.explain`, and that member."""

    def explain(query: str, mode: str, token: str) -> tuple[dict[str, Any], dict[str, Any], Any]:
        body = {"query": query, "extensions": {"explain": mode}}
        reply = facade.request("POST", "/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
        answer = reply.json()
        assert "explain" in answer.get("extensions", {}), answer
        assert token not in reply.text
        assert reply.headers["cache-control"] == "no-store"
        return answer["extensions"]["explain"], answer, reply

    return explain


def _asked(told: dict[str, Any]) -> list[str]:
    return sorted(json.dumps([call["endpoint"], call["body"]], sort_keys=True) for call in told["calls"])


@pytest.mark.parametrize("query", OPERATIONS)
def test_a_plan_says_the_calls_that_are_then_made(explain, sandbox, token, query) -> None:
    plan, answer, _ = explain(query, "plan", token)
    assert "errors" not in answer, answer["errors"]
    assert answer["data"] is None
    assert sandbox.calls(token) == []
    if "needs" in plan:
        # What depends on the assets is known once they are: the plan says so, and which calls come first.
        assert "the assets, which" in plan["needs"]
        first = _asked(plan)
        found, _, _ = explain("{ sensors { data { id } } }", "analyze", token)
        assert _asked(found) == first
        sandbox.calls(token)
        plan, _, _ = explain(query, "plan", token)
        assert "needs" not in plan
    before = len(sandbox.calls(token))

    done, answer, reply = explain(query, "analyze", token)
    assert "errors" not in answer, answer["errors"]
    # What two fields ask alike is one call.
    waited_for = len(done["calls"])
    spans = sorted((call["start_ms"], call["start_ms"] + call["duration_ms"]) for call in done["calls"])
    done["calls"] = [call for call in done["calls"] if call["cache"] != "SHARED"]
    assert _asked(done) == _asked(plan)
    made = sandbox.calls(token)[before:]
    assert sorted(call["path"] for call in made) == sorted(call["endpoint"] for call in done["calls"])
    assert int(reply.headers["x-upstream-calls"]) == waited_for
    phases = done["phases"]
    total = phases.pop("total_ms")
    assert sum(phases.values()) == pytest.approx(total, abs=0.05)
    # The parts are told by the operation's own spans: what is called upstream is what its calls took together.
    taken = at = 0.0
    for start, stop in spans:
        taken += max(stop - max(start, at), 0.0)
        at = max(at, stop)
    assert phases["upstream_ms"] == pytest.approx(taken, abs=0.02 * (1 + len(spans)))
    for call in done["calls"]:
        assert (call["status"], call["tries"], call["cache"]) == (200, 1, "MISS")
        assert call["bytes"] > 0
        assert 0 <= call["start_ms"] <= call["start_ms"] + call["duration_ms"] <= total + 0.1

    again, _, _ = explain(query, "plan", token)
    assert again["calls"] == []


def test_reasons_are_in_plain_words(explain, token) -> None:
    explain("{ sensors { data { id } } }", "analyze", token)

    def reasons(query: str) -> str:
        told, _, _ = explain(query, "plan", token)
        return " | ".join(reason for call in told["calls"] for reason in call["reasons"])

    assert "2 asks and not one: other functions" in reasons(OPERATIONS[6])
    assert "2 asks and not one: other spans" in reasons(OPERATIONS[7])
    assert "a call each: a sensor's row names one of its zones only" in reasons(OPERATIONS[12])
    assert "not shared: each token has its own answers" in reasons(OPERATIONS[14])
    assert "whole, not by segments: no window" in reasons(OPERATIONS[16])
    assert "whole, not by segments: `create_empty` depends on the whole span" in reasons(OPERATIONS[18])


def test_what_the_store_holds_is_counted(explain, token) -> None:
    query = "{ report(filter: %s, %s) { rows { value } } }"
    explain(query % (BODY, HOURS), "analyze", token)
    told, _, _ = explain(query % (BODY.replace("T19", "T20"), HOURS), "plan", token)
    assert [(call["cached"], call["body"]["filter"]["start"]) for call in told["calls"]] == [
        ("cached 4 of 5 windows; 1 asked", "2026-01-12T19:00:00Z")
    ]


def test_what_a_plan_cannot_tell_it_says(explain, token) -> None:
    def needs(query: str) -> str:
        told, _, _ = explain(query, "plan", token)
        return told.get("needs", "")

    assert needs(OPERATIONS[14]) == ""
    by_sensor = f"{{ report(filter: {BODY}, {HOURS}) {{ rows {{ value sensor {{ name }} }} }} }}"
    assert needs(by_sensor) == "the answers that `report.rows.sensor` is of"
    explain("{ sensors { data { id } } }", "analyze", token)
    assert needs(by_sensor) == ""
    seen = "{ report(filter: %s, %s) { rows { sensor { detections(%s) { detections_local { value } } } } } }"
    assert needs(seen % (BODY, HOURS, SPAN)) == "the answers that `report.rows.sensor.detections` is of"
    assert needs("{ rooms { data { occupancy { value } } } }") == (
        "where room_occupancy is silent, for there traffic_room_occupancy is asked"
    )


@pytest.fixture(scope="module")
def by_inventory(launch, sandbox_process, tmp_path_factory):
    file = tmp_path_factory.mktemp("inventory") / "inventory.json"
    file.write_text(json.dumps({"rooms": [{"id": "room_1", "name": "One"}], "sensors": []}))
    return launch.facade(sandbox_process.url, FACADE_ASSETS="inventory", FACADE_INVENTORY=str(file))


@pytest.fixture(scope="module")
def by_native(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_ASSETS="native")


@pytest.mark.parametrize(
    ("source", "endpoint", "reason"),
    [
        (
            "by_inventory",
            "/api/v3/reporting",
            "an inventory needs a token that Butlr has accepted: it is checked",
        ),
        ("by_native", "/api/v3/graphql", "whole: all assets are one query, and have no pages"),
    ],
)
def test_calls_for_assets_are_planned(request, sandbox, token, source, endpoint, reason) -> None:
    facade = request.getfixturevalue(source)

    def told(mode: str) -> tuple[dict[str, Any], str]:
        reply = facade.post("{ rooms { data { id } } }", token=token, headers={"X-Explain": mode})
        return reply.json()["extensions"]["explain"], reply.headers["x-upstream-calls"]

    plan, counted = told("plan")
    assert counted == "0"
    assert [call["endpoint"] for call in plan["calls"]] == [endpoint]
    assert reason in plan["calls"][0]["reasons"]
    assert sandbox.calls(token) == []
    done, counted = told("analyze")
    assert counted == "1"
    assert _asked(done) == _asked(plan)
    assert [call["path"] for call in sandbox.calls(token)] == [endpoint]
    plan, _ = told("plan")
    assert plan["calls"] == []


@pytest.mark.redis
def test_a_plan_waits_for_a_shared_store(launch, sandbox, token, new_redis) -> None:
    redis = new_redis()
    redis.start()
    try:
        facade = launch.facade(sandbox.url, FACADE_CACHE_URL=redis.url)

        def told(mode: str) -> dict[str, Any]:
            answer = facade.post("{ sensors { data { id } } }", token=token, headers={"X-Explain": mode}).json()
            return answer["extensions"]["explain"]

        plan = told("plan")
        assert len(plan["calls"]) == 2
        assert _asked(told("analyze")) == _asked(plan)
        assert told("plan")["calls"] == []
        facade.stop()
    finally:
        redis.kill()


def test_pages_of_an_asset_are_its_own_beside_its_rows(facade, sandbox, token) -> None:
    fields = f"report({BY_ROOM}, {HOURS}) {{ rows {{ value }} rows_connection(first: 3) {{ edges {{ cursor }} }} }}"
    facade.data(ROOMS % fields, token=token)
    pages = [call["body"] for call in sandbox.calls(token) if "paginate" in (call["body"] or {})]
    rooms = [body["filter"]["rooms"]["eq"] for body in pages]
    assert len(rooms) > 1
    assert all(len(ids) == 1 for ids in rooms)


def test_tries_are_counted(explain, sandbox, token) -> None:
    sandbox.fault("/api/v3/reporting", times=1, status=503)
    told, _, _ = explain(OPERATIONS[14], "analyze", token)
    [call] = told["calls"]
    assert (call["tries"], call["status"]) == (2, 200)
    assert call["wait_ms"] > 0


def test_an_explained_answer_is_never_given_again(facade, token) -> None:
    first = facade.post(OPERATIONS[14], token=token)
    again = facade.post(OPERATIONS[14], token=token)
    assert again.headers["x-cache"] == "HIT"
    told = facade.post(OPERATIONS[14], token=token, headers={"X-Explain": "analyze"}).json()
    assert told.pop("extensions")["explain"]["calls"] == []
    assert told == first.json()
    assert facade.post(OPERATIONS[14], token=token).json() == first.json()


def test_what_cannot_be_explained_says_so(launch, facade, sandbox_process, token) -> None:
    assert "must be `plan` or `analyze`" in facade.error("{ __typename }", headers={"X-Explain": "all"})["message"]
    login = 'mutation { login(username: "a", password: "b") { access_token } }'
    assert "Only a query is explained" in facade.error(login, headers={"X-Explain": "plan"})["message"]
    off = launch.facade(sandbox_process.url, FACADE_EXPLAIN="false")
    error = off.error("{ __typename }", headers={"X-Explain": "plan"})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "FACADE_EXPLAIN=false" in error["message"]


@pytest.mark.parametrize("analyze", [False, True])
def test_the_command_draws_a_tree(facade, token, analyze) -> None:
    options = ["--analyze"] if analyze else []
    command = [sys.executable, "-m", "facade", "explain", "-", "--url", facade.url, *options]
    environment = {**os.environ, "BUTLR_TOKEN": token}
    done = subprocess.run(
        command, input=OPERATIONS[14], env=environment, capture_output=True, text=True, check=True, timeout=180
    )
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines), done.stdout
    assert "-> 1. POST /api/v3/reporting" in done.stdout
    assert ("1 try, status 200" in done.stdout) is analyze
    assert token not in done.stdout + done.stderr
