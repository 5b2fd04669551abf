"""Usage counts, which only the operator may read, and the comparison of replayed calls."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest
import websockets

from facade.auth import Passthrough
from facade.components import Components as App
from facade.legacy import RestRequest
from facade.legacy.successors import LegacyCall
from facade.legacy.usage import Usage
from facade.settings import Settings
from facade.web.metrics import Metrics
from facade.web.rest.shadow import Replay, Shadow

KEY = "operators-own-usage-key"
REPORTING, DETECTIONS, STATS = "/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"


@pytest.fixture(scope="module")
def counting(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_USAGE_KEY=KEY, FACADE_SHADOW="1")


@pytest.fixture
def usage():
    """What a facade says of the last days."""

    def ask(facade):
        answer = facade.request("GET", "/api/usage", headers={"Authorization": f"Bearer {KEY}"})
        return answer.raise_for_status().json()

    return ask


@pytest.fixture
def command(tmp_path):
    def run(*arguments, **settings):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}
        return subprocess.run(
            [sys.executable, "-m", "facade", "usage", *arguments],
            env={**kept, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def until(found, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def of(calls, agent):
    return {(one["path"], one["operation"]): one for one in calls if one["agent"] == agent}


def post(facade, path, body, token, agent):
    return facade.request("POST", path, json=body, headers={"Authorization": f"Bearer {token}", "User-Agent": agent})


def bodies(sandbox, span):
    rooms = [room["id"] for room in sandbox.campus()["rooms"][:2]]
    occupancy = {**span, "measurements": ["room_occupancy"], "rooms": {"eq": rooms}, "value": {"gte": 0}}
    macs = [sensor["mac_address"] for sensor in sandbox.campus()["sensors"] if sensor["mode"] == "presence"][:2]
    return {
        "flat": (REPORTING, {"filter": occupancy, "window": {"every": "5m", "function": "max"}}),
        "grouped": (REPORTING, {"filter": occupancy, "group_by": {"order": ["room_id", "field"]}}),
        "paged": (REPORTING, {"filter": occupancy, "window": {"every": "5m"}, "paginate": {"page": 1, "limit": 5}}),
        "detections": (
            DETECTIONS,
            {"data_types": ["detections_local", "detections_world"], "filter": {**span, "mac_addresses": macs}},
        ),
        "stats": (STATS, {"measurements": ["occupancy_avg_presence"], "items": rooms, **span}),
    }


def test_calls_are_counted_by_client_path_and_outcome(counting, sandbox, token, at_work, usage):
    agent = "poller/1.0"
    path, body = bodies(sandbox, at_work())["flat"]
    for spelt in (path, path, path.removeprefix("/api")):
        assert post(counting, spelt, body, token, agent).status_code == 200
    assert post(counting, path, body, "made-up", agent).status_code == 401
    for below in ("sensors", "hives/none"):
        counting.request("GET", f"/api/v2/{below}", headers={"Authorization": f"Bearer {token}", "User-Agent": agent})

    calls = usage(counting)["calls"]

    known = [(one["path"], one["operation"], one["statuses"]) for one in calls if one["client"] == "client_demo"]
    unknown = [(one["path"], one["statuses"]) for one in calls if one["agent"] == agent and one["client"] is None]
    assert (path, "Report", {"2xx": 3}) in known
    assert ("/api/v2/sensors", "SensorsV2", {"2xx": 1}) in known
    assert sorted(unknown) == [("/api/v2/hives/{id}", {"4xx": 1}), (path, {"4xx": 1})]
    assert token not in json.dumps(calls)


def sent_by(calls, client):
    return [each for each in calls if each["client"] == client]


def test_operations_are_counted_by_client_also_where_their_answer_is_given_again(counting, sandbox, token, usage):
    query = "query Devices { sensors { data { id sensor_id } } }"
    apollo = {"apollographql-client-name": "floor plan", "apollographql-client-version": "2.1"}
    answers = [counting.post(query, token=token, headers=apollo) for _ in range(3)]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "HIT", "HIT"]
    counting.post(query, token=token, headers={"x-graphql-client-name": "kiosk", "x-graphql-client-version": "7"})
    counting.post("{ sensors { nothing } }", token=token, headers={"User-Agent": "curl/8.5"})
    counting.request("GET", "/api/v2/sensors", headers={"Authorization": f"Bearer {token}", "User-Agent": "old"})

    sent = usage(counting)["operations"]

    [floor_plan] = sent_by(sent, "floor plan")
    assert floor_plan.pop("last_day")
    document = hashlib.sha256(query.encode()).hexdigest()[:12]
    assert floor_plan == {
        "client": "floor plan",
        "version": "2.1",
        "operation": "Devices",
        "document": document,
        "operations": 3,
        "outcomes": {"ok": 3},
    }
    assert [(one["version"], one["outcomes"]) for one in sent_by(sent, "kiosk")] == [("7", {"ok": 1})]
    [refused] = sent_by(sent, "curl/8.5")
    assert (refused["operation"], refused["document"], refused["outcomes"]) == (None, None, {"refused": 1})
    # A call of the REST API is none, though an operation answers it.
    assert not sent_by(sent, "old")
    assert "floor plan" not in counting.request("GET", "/metrics").text


def test_operations_of_a_socket_are_counted(counting, token, usage):
    async def run():
        url = counting.url.replace("http", "ws")
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "socket/1"}
        async with websockets.connect(
            f"{url}/graphql", subprotocols=["graphql-transport-ws"], additional_headers=headers, user_agent_header=None
        ) as socket:
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
            await socket.send(
                '{"type": "subscribe", "id": "1", "payload": {"query": "query Now { rooms { data { id } } }"}}'
            )
            while json.loads(await socket.recv())["type"] != "complete":
                pass

    asyncio.run(run())
    until(lambda: sent_by(usage(counting)["operations"], "socket/1"))
    [sent] = sent_by(usage(counting)["operations"], "socket/1")
    assert (sent["operation"], sent["outcomes"]) == ("Now", {"ok": 1})


def test_fields_that_nobody_selects_and_who_selects_a_deprecated_one(counting, token, command):
    query = "{ sensors { data { ...Old } } } fragment Old on Sensor { name messages_per_second }"
    for client in ("tablet", "tablet", "wall"):
        counting.post(query, token=token, headers={"apollographql-client-name": client})
    told = command("--fields", "--url", counting.url, "--format", "json", FACADE_USAGE_KEY=KEY)
    assert told.returncode == 0, told.stderr
    fields = json.loads(told.stdout)
    old = [one for one in fields["deprecated"] if one["field"] == "Sensor.messages_per_second"]
    assert {one["client"]: one["operations"] for one in old} == {"tablet": 2, "wall": 1}
    assert old[0]["reason"] == "Deprecated by Butlr."
    used = {one["field"] for one in fields["used"]}
    unused = {one["field"] for one in fields["unused"]}
    assert {"Query.sensors", "Sensors.data", "Sensor.name"} <= used
    assert {"Hive.is_online", "Mutation.login"} <= unused
    assert not used & unused
    table = command("--fields", "--url", counting.url, FACADE_USAGE_KEY=KEY)
    assert re.search(r"Sensor.messages_per_second +tablet", table.stdout), table.stdout
    assert command("--url", counting.url).returncode == 2


def test_counts_are_told_by_path_and_never_by_agent_in_the_metrics(counting, sandbox, token, at_work):
    path, body = bodies(sandbox, at_work())["stats"]
    assert post(counting, path, body, token, "agent-of-mine/3").status_code == 200
    metrics = counting.request("GET", "/metrics").text
    assert re.search(
        rf'^facade_legacy_calls_total{{operation="Stats",path="{path}",status="2xx"}} [1-9]', metrics, re.MULTILINE
    )
    assert "agent-of-mine" not in metrics
    assert "client_demo" not in metrics


def test_living_calls_name_the_operation_that_takes_their_place(counting, sandbox, token, at_work):
    span = at_work()
    names = {
        name: post(counting, path, body, token, "x").headers["X-Successor-Operation"]
        for name, (path, body) in bodies(sandbox, span).items()
    }
    assert names == {
        "flat": "Report",
        "grouped": "Report",
        "paged": "Report",
        "detections": "Detections",
        "stats": "Stats",
    }
    login = counting.request("POST", "/api/v2/login", json={"username": "x", "password": "y"})
    assert (login.status_code, login.headers["X-Successor-Operation"]) == (401, "Login")
    # It has not ended: nothing is said of an end.
    assert not {"deprecation", "sunset", "link"} & {name.lower() for name in login.headers}


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {KEY}", "Bearer"])
def test_usage_is_told_to_nobody_without_its_key(counting, token, authorization):
    headers = {"Authorization": authorization} if authorization else {"X-API-Key": KEY}
    assert counting.request("GET", "/api/usage", headers=headers).status_code == 401
    assert counting.request("GET", "/api/usage", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_usage_is_not_there_where_no_key_is_set(facade):
    assert facade.request("GET", "/api/usage", headers={"Authorization": f"Bearer {KEY}"}).status_code == 404


@pytest.mark.parametrize("days", ["0", "32", "x", "", "-1", "1e1"])
def test_days_that_are_not_kept_are_refused(counting, days):
    headers = {"Authorization": f"Bearer {KEY}"}
    assert counting.request("GET", f"/api/usage?days={days}", headers=headers).status_code == 400


def test_the_command_prints_what_a_facade_counted(counting, sandbox, token, at_work, command):
    path, body = bodies(sandbox, at_work())["flat"]
    post(counting, path, body, token, "printed/2.0")

    as_json = command("--url", counting.url, "--format", "json", FACADE_USAGE_KEY=KEY)
    as_table = command("--url", counting.url, FACADE_USAGE_KEY=KEY)

    assert as_json.returncode == 0, as_json.stderr
    assert of(json.loads(as_json.stdout)["calls"], "printed/2.0")[path, "Report"]["calls"] == 1
    assert as_table.returncode == 0, as_table.stderr
    assert re.search(rf"client_demo +printed/2\.0 +{path} +Report +1 .*2xx 1", as_table.stdout)


@pytest.mark.parametrize(
    ("arguments", "key", "exit_code", "said"),
    [
        ((), KEY, 2, "--url"),
        (("--url", "URL"), "", 2, "FACADE_USAGE_KEY"),
        (("--url", "URL"), "a-wrong-key-of-some-length", 1, "401"),
        (("--url", "http://127.0.0.1:9"), KEY, 1, "did not answer as expected"),
        (("--url", "nonsense"), KEY, 2, "--url"),
    ],
)
def test_the_command_says_in_a_line_what_it_lacks(counting, command, arguments, key, exit_code, said):
    done = command(*[counting.url if one == "URL" else one for one in arguments], FACADE_USAGE_KEY=key)
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert KEY not in done.stderr


def outcomes(found, path):
    """What came of the replays of a path, by outcome."""
    return Counter(next((one["outcomes"] for one in found["replays"] if one["path"] == path), {}))


@pytest.mark.parametrize("kind", ["flat", "grouped", "paged", "detections", "stats"])
def test_a_replay_equals_the_rest_answer_and_asks_nothing_upstream(counting, sandbox, token, at_work, usage, kind):
    path, body = bodies(sandbox, at_work(minutes=60))[kind]
    before = outcomes(usage(counting), path)
    assert post(counting, path, body, token, "x").json() not in ({}, {"data": []})

    replayed = until(lambda: outcomes(usage(counting), path) - before)

    assert replayed == {"equal": 1}
    assert usage(counting)["differences"] == []
    assert len(sandbox.calls(token)) == 1
    assert f'facade_shadow_replays_total{{outcome="equal",path="{path}"}}' in counting.request("GET", "/metrics").text


def test_what_has_no_equal_is_counted_as_such_and_refusals_are_not_replayed(counting, sandbox, token, at_work, usage):
    path, body = bodies(sandbox, at_work())["flat"]
    before = outcomes(usage(counting), path)
    assert post(counting, path, {"filter": {}}, token, "x").status_code == 400
    assert post(counting, path, {**body, "options": {"format": "csv"}}, token, "x").status_code == 200
    assert until(lambda: outcomes(usage(counting), path) - before) == {"untranslatable": 1}


async def test_a_replay_whose_answer_is_gone_is_given_up_without_a_call(stand_in):
    span = {"start": "2025-04-01T09:00:00Z", "stop": "2025-04-01T10:00:00Z"}
    asked = {
        "Report": (REPORTING, {"filter": {**span, "measurements": ["presence"]}}),
        "Detections": (DETECTIONS, {"data_types": ["detections_local"], "filter": span}),
        "Stats": (STATS, {"measurements": ["occupancy_avg_presence"], "items": ["room_1"], **span}),
    }
    counted = Usage()
    async with App(Settings(_env_file=None, BUTLR_BASE_URL=stand_in.url)).opened() as opened:
        shadow = Shadow(1.0, opened.engine, opened.opened_services, counted, Metrics())
        for name, (path, body) in asked.items():
            shadow.offer(
                Replay(
                    LegacyCall(path, name),
                    RestRequest("POST", path, json.dumps(body)),
                    b"{}",
                    Passthrough("a-token"),
                    "request-1",
                )
            )
        running = asyncio.create_task(shadow.run())
        for _ in range(1000):
            if len(await counted.counted(1)) == len(asked):
                break
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert {row for _, row, _ in await counted.counted(1)} == {
        ("replay", path, name, "not cached") for name, (path, _) in asked.items()
    }
    assert stand_in.asked == []


def test_a_difference_is_counted_by_field_and_logged_once_with_the_request(launch, stand_in, usage):
    facade = launch.facade(stand_in.url, FACADE_USAGE_KEY=KEY, FACADE_SHADOW="1")
    # Not what Butlr's docs say: a key that the graph does not know.
    local = [{"start_time": 1_700_000_000_000, "sample_time": 1_700_000_000_000, "mac_address": "m", "value": [[0, 1]]}]
    stand_in.answers(DETECTIONS, {"detections_local": [{**one, "confidence": 0.5} for one in local]})
    body = {
        "data_types": ["detections_local"],
        "filter": {"start": "2024-01-01T00:00:00Z", "stop": "2024-01-01T01:00:00Z"},
    }

    for _ in range(2):
        answer = post(facade, DETECTIONS, body, "a-token", "x")
        assert answer.json()["detections_local"][0]["confidence"] == 0.5
    until(lambda: usage(facade)["replays"] and usage(facade)["replays"][0]["replays"] == 2)

    found = usage(facade)
    assert found["replays"][0]["outcomes"] == {"different": 2}
    assert found["differences"] == [{"path": DETECTIONS, "field": "detections_local[].*", "count": 2}]
    said = [json.loads(line) for line in facade.log().splitlines() if "a replay differs" in line]
    assert [(one["field"], bool(one["request_id"])) for one in said] == [("detections_local[].*", True)]
    facade.stop()


def read(facade, path, token):
    return facade.request("GET", path, headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()["data"]


def test_v2_reads_are_compared_with_what_the_native_api_alone_says(launch, sandbox, token, usage):
    facade = launch.facade(
        sandbox.url,
        FACADE_USAGE_KEY=KEY,
        FACADE_SHADOW="1",
        FACADE_ASSETS="discovery,native",
        FACADE_DISCOVERY_SPAN="1d",
    )
    sensor = next(one for one in sandbox.campus()["sensors"] if one["mode"] == "presence" and one["room_id"])
    paths = {
        "/api/v2/sensors": "/api/v2/sensors",
        f"/api/v2/sensors/{sensor['id']}": "/api/v2/sensors/{id}",
        "/api/v2/hives": "/api/v2/hives",
        f"/v2/spaces/{sensor['floor_id']}": "/api/v2/spaces/{space}",
        f"/api/v2/spaces/{sensor['floor_id']}/rooms": "/api/v2/spaces/{space}/rooms",
    }
    for path in paths:
        assert read(facade, path, token)
    made = len(sandbox.calls(token))

    until(lambda: len(usage(facade)["replays"]) == len(paths))

    found = usage(facade)
    assert {one["path"] for one in found["replays"]} == {*paths.values()}
    assert all(one["outcomes"] == {"equal": 1} for one in found["replays"])
    assert found["differences"] == []
    # Discovery and the native API were asked for the answers; the replays asked nobody.
    assert len(sandbox.calls(token)) == made
    facade.stop()


def test_a_field_in_which_the_native_api_says_other_than_was_served_is_counted_and_logged(
    launch, sandbox, token, usage, tmp_path
):
    sensor = next(one for one in sandbox.campus()["sensors"] if one["mode"] == "presence" and one["room_id"])
    # The operator's own list has another height, and a sensor that Butlr does not know.
    known = [{"id": sensor["id"], "height": 9.5}, {"id": "sensor_of_ours"}]
    (tmp_path / "assets.json").write_text(json.dumps({"sensors": known}))
    facade = launch.facade(
        sandbox.url,
        FACADE_USAGE_KEY=KEY,
        FACADE_SHADOW="1",
        FACADE_ASSETS="inventory,native",
        FACADE_INVENTORY=str(tmp_path / "assets.json"),
    )
    path = "/api/v2/sensors/{id}"
    assert read(facade, path.format(id=sensor["id"]), token)["height"] == 9.5
    assert read(facade, path.format(id="sensor_of_ours"), token)["height"] is None
    assert "sensor_of_ours" in {row["id"] for row in read(facade, "/api/v2/sensors", token)}

    until(lambda: sum(one["replays"] for one in usage(facade)["replays"]) == 3)

    found = {(one["path"], one["field"]): one["count"] for one in usage(facade)["differences"]}
    assert found == {
        (path, "data.height"): 1,
        (path, "answer"): 1,
        ("/api/v2/sensors", "data"): 1,
        ("/api/v2/sensors", "data[].height"): 1,
    }
    said = [json.loads(line) for line in facade.log().splitlines() if "a replay differs" in line]
    assert {(one["path"], one["field"]) for one in said} == found.keys()
    assert "9.5" not in json.dumps(said)
    metrics = facade.request("GET", "/metrics").text
    assert f'facade_shadow_differences_total{{field="data.height",path="{path}"}} 1.0' in metrics
    facade.stop()


def test_without_the_native_api_there_is_nothing_to_compare_v2_reads_with(counting, sandbox, token, at_work, usage):
    read(counting, "/api/v2/hives", token)
    path, body = bodies(sandbox, at_work(days=3))["stats"]
    before = outcomes(usage(counting), path)
    post(counting, path, body, token, "x")
    # Replays run in the order of their calls.
    until(lambda: outcomes(usage(counting), path) - before)
    assert not [one for one in usage(counting)["replays"] if one["path"].startswith("/api/v2/")]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    """A Redis of this file's own."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: apt-get install redis-server"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.mark.redis
def test_replicas_count_together_and_the_command_reads_their_redis(
    launch, sandbox, token, at_work, redis_url, usage, command
):
    replicas = [launch.facade(sandbox.url, FACADE_CACHE_URL=redis_url, FACADE_USAGE_KEY=KEY) for _ in range(2)]
    path, body = bodies(sandbox, at_work())["flat"]
    for replica in replicas:
        post(replica, path, body, token, "shared/1")
    usage(replicas[1])  # writes what it has

    assert of(usage(replicas[0])["calls"], "shared/1")[path, "Report"]["calls"] == 2
    for replica in replicas:
        replica.stop()
    done = command("--format", "json", FACADE_CACHE_URL=redis_url)
    assert done.returncode == 0, done.stderr
    assert of(json.loads(done.stdout)["calls"], "shared/1")[path, "Report"]["calls"] == 2


@pytest.mark.redis
def test_a_redis_that_is_gone_costs_no_call(launch, sandbox, token, at_work, command):
    gone = "redis://127.0.0.1:9/0"
    facade = launch.facade(sandbox.url, FACADE_CACHE_URL=gone, FACADE_USAGE_KEY=KEY)
    path, body = bodies(sandbox, at_work())["flat"]
    assert post(facade, path, body, token, "x").status_code == 200
    assert facade.request("GET", "/api/usage", headers={"Authorization": f"Bearer {KEY}"}).status_code == 503
    assert command(FACADE_CACHE_URL=gone).returncode == 1
    facade.stop()
