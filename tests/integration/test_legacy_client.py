"""A client made from the samples of Butlr's REST reference, run against the upstream and then against the facade."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest


def client(base_url):
    """What an integration asks in a day: nothing of it but the base URL knows whom it speaks to.

    Returns the status and the JSON of each call, by what it is.
    """
    answers = {}
    with httpx.Client(base_url=base_url, timeout=180, trust_env=False) as http:

        def call(name, method, path, body=None, headers=None):
            answer = http.request(method, path, json=body, headers=headers)
            answers[name] = (answer.status_code, answer.json())
            return answers[name][1]

        session = call(
            "user login", "POST", "/api/v2/login", {"username": "demo@example.com", "password": "demo-password"}
        )
        renewed = call(
            "refresh",
            "POST",
            "/api/v2/login/refresh",
            {"refresh_token": session["refresh_token"], "client_id": "sandboxWebApp"},
        )
        machine = call(
            "client login",
            "POST",
            "/api/v2/clients/login",
            {
                "client_id": "demo-client",
                "client_secret": "demo-secret",
                "audience": "https://butlrauth/",
                "grant_type": "client_credentials",
            },
        )
        call("wrong password", "POST", "/api/v2/login", {"username": "demo@example.com", "password": "wrong"})
        call("no token", "POST", "/api/v3/reporting", {"filter": {"start": "-1d"}})

        token = {"Authorization": f"Bearer {machine['access_token']}"}
        users = {"Authorization": f"Bearer {renewed['access_token']}"}
        span = last_wednesday()
        traffic = {**span, "measurements": ["traffic"], "value": {"gte": 0}}
        rows = call(
            "rows",
            "POST",
            "/api/v3/reporting",
            {"filter": traffic, "window": {"every": "15m", "function": "sum"}},
            token,
        )["data"]
        rooms = sorted({row["room_id"] for row in rows if row["room_id"]})[:3]
        here = {"eq": rooms}
        call(
            "statistics",
            "POST",
            "/api/v3/reporting",
            {
                "filter": {**traffic, "rooms": here},
                "window": {"every": "15m", "function": "sum"},
                "group_by": {"order": ["room_id", "field"]},
            },
            token,
        )
        call(
            "rows by room and time",
            "POST",
            "/api/v3/reporting",
            {
                "filter": {**traffic, "measurements": ["traffic_room_occupancy"], "rooms": here, "calibrated": "true"},
                "window": {"every": "5m", "function": "median", "timezone": "America/Los_Angeles"},
                "group_by": {"order": ["room_id", "time"], "raw": True},
                "options": {"format": "json", "timestamp": "RFC3339"},
            },
            users,
        )
        call(
            "detections",
            "POST",
            "/api/v3/detections",
            {
                "data_types": ["detections_local", "detections_world"],
                "filter": {**span, "room_id": rooms[0], "omit_empty_value": True},
                "window": {"every": "5m", "function": "max"},
            },
            token,
        )
        call(
            "stats",
            "POST",
            "/api/v4/reporting/stats",
            {
                "measurements": ["occupancy_avg_presence", "occupancy_median_presence"],
                "items": rooms,
                **span,
                "filters": {"exclude_days_of_week": ["Monday"], "time_ranges": [{"start": "08:00", "stop": "18:00"}]},
            },
            token,
        )
        call("a bad report", "POST", "/api/v3/reporting", {"filter": {"start": "nonsense"}}, token)
        call("a bad token", "POST", "/api/v4/reporting/stats", {}, {"Authorization": "Bearer made.up"})

        sensors = call("v2 sensors", "GET", "/api/v2/sensors", headers=token).get("data")
        if sensors:
            # Two of the ways in which clients of the time went on.
            floor = sensors[0]["space"]["id"]
            call("v2 sensor", "GET", f"/api/v2/sensors/{sensors[0]['mac_address']}", headers=token)
            call("v2 hive", "GET", f"/api/v2/hives/{sensors[0]['hive']['serial_number']}", headers=token)
            call("v2 rooms", "GET", f"/api/v2/spaces/{floor}/rooms", headers=token)
            call("v2 spaces", "GET", "/api/v2/spaces", headers=token)
            call("v2 fixtures", "GET", f"/api/v2/spaces/{floor}/fixtures", headers=token)
    return answers


def last_wednesday():
    """An hour of work that has ended, and is the same for who asks a minute later."""
    now = datetime.now(UTC)
    day = (now - timedelta(days=(now.weekday() - 2) % 7 or 7)).replace(hour=17, minute=0, second=0, microsecond=0)
    return {"start": f"{day:%Y-%m-%dT%H:%M:%SZ}", "stop": f"{day + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"}


@pytest.fixture(scope="module")
def direct(sandbox_process):
    return client(sandbox_process.url)


@pytest.fixture(scope="module")
def through(facade):
    return client(facade.url)


def without_tokens(session):
    """Each login gives others."""
    return {name: bool(value) if name.endswith("_token") else value for name, value in session.items()}


LOGINS = ["user login", "refresh", "client login"]
CALLS = ["rows", "statistics", "rows by room and time", "detections", "stats"]
REFUSED = ["wrong password", "a bad report", "a bad token"]
V2 = ["v2 sensors", "v2 sensor", "v2 hive", "v2 rooms", "v2 spaces"]


@pytest.mark.parametrize("name", LOGINS)
def test_logins_answer_as_they_did(direct, through, name):
    (status, session), (same, other) = direct[name], through[name]
    assert status == same == 200
    assert without_tokens(session) == without_tokens(other)


@pytest.mark.parametrize("name", CALLS)
def test_calls_answer_the_same_json(direct, through, name):
    assert direct[name][0] == 200
    assert direct[name] == through[name]
    answer = direct[name][1]
    assert answer.get("data", answer)


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_the_upstreams_own(direct, through, name):
    assert direct[name][0] >= 400
    assert direct[name] == through[name]


def test_a_call_without_a_token_is_401_on_either_side(direct, through):
    assert direct["no token"][0] == through["no token"][0] == 401
    assert through["no token"][1].keys() == {"message"}


def test_reads_that_ended_there_are_answered_here(direct, through):
    assert direct["v2 sensors"][0] in (404, 410)
    assert {name: through[name][0] for name in V2} == dict.fromkeys(V2, 200)
    assert all(through[name][1]["data"] for name in V2)
    assert through["v2 fixtures"][0] == 410
