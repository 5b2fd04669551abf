"""Legacy clients: the current REST calls through the facade."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.both_eras

REPORTING, DETECTIONS, STATS = "/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"


@pytest.fixture
def rest(facade, token):
    """Post to the facade as a legacy client does."""

    def post(path, body, token=token, **headers):
        sent = {"Authorization": f"Bearer {token}", **headers} if token else headers
        content = body if isinstance(body, str) else json.dumps(body)
        return facade.request("POST", path, content=content, headers={"Content-Type": "application/json", **sent})

    return post


def bodies(sandbox, at_work):
    campus = sandbox.campus()
    span = at_work(minutes=60)
    rooms = {"eq": [room["id"] for room in campus["rooms"][:3]]}
    macs = [sensor["mac_address"] for sensor in campus["sensors"] if sensor["mode"] == "presence"][:3]
    occupancy = {**span, "measurements": ["room_occupancy"], "rooms": rooms, "value": {"gte": 0}}
    return {
        "flat": (REPORTING, {"filter": occupancy, "window": {"every": "5m", "function": "max"}}),
        "grouped": (REPORTING, {"filter": occupancy, "group_by": {"order": ["room_id", "field"]}}),
        "raw": (
            REPORTING,
            {
                "filter": occupancy,
                "window": {"every": "15m", "function": "mean"},
                "group_by": {"order": ["room_id", "time"], "raw": True},
            },
        ),
        "paged": (REPORTING, {"filter": occupancy, "window": {"every": "5m"}, "paginate": {"page": 2, "limit": 5}}),
        "csv": (REPORTING, {"filter": occupancy, "window": {"every": "5m"}, "options": {"format": "csv"}}),
        "detections": (
            DETECTIONS,
            {"data_types": ["detections_local", "detections_world"], "filter": {**span, "mac_addresses": macs}},
        ),
        "stats": (STATS, {"measurements": ["occupancy_avg_presence"], "items": rooms["eq"], **span}),
    }


KINDS = ["flat", "grouped", "raw", "paged", "csv", "detections", "stats"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["/api", ""])
def test_an_answer_is_the_upstreams_bytes_and_the_second_comes_from_the_cache(
    rest, sandbox, token, at_work, kind, prefix
):
    path, body = bodies(sandbox, at_work)[kind]
    direct = sandbox.request("POST", path, json=body, headers={"Authorization": f"Bearer {token}"})
    sandbox.forget_calls()
    spelt = prefix + path.removeprefix("/api")
    first, second = rest(spelt, body), rest(spelt, body)
    assert first.status_code == direct.status_code == 200
    assert first.content == second.content == direct.content
    assert first.headers["content-type"] == direct.headers["content-type"]
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert [call["body"] for call in sandbox.calls(token)] == [body]


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {}},
        {"filter": {"start": "nonsense", "stop": 5}, "window": {"every": "x"}},
        {"filter": {"start": "-1d"}, "window": "5m"},
        {"filter": {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-15T00:00:00Z", "measurements": ["novel"]}},
        {"filter": [], "window": {}},
        {},
        [],
        "not JSON {",
        "",
    ],
)
@pytest.mark.parametrize("path", [REPORTING, DETECTIONS])
def test_what_the_upstream_refuses_is_refused_in_its_own_words(rest, sandbox, token, path, body):
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    direct = sandbox.request("POST", path, content=content, headers=headers)
    answer = rest(path, body)
    assert direct.status_code >= 400
    assert (answer.status_code, answer.content) == (direct.status_code, direct.content)


def test_a_refused_token_gets_the_upstreams_401_and_no_token_ours(rest, sandbox, at_work):
    path, body = bodies(sandbox, at_work)["flat"]
    refused = rest(path, body, token="made-up")
    assert refused.status_code == 401
    assert (
        refused.content == sandbox.request("POST", path, json=body, headers={"Authorization": "Bearer made-up"}).content
    )
    assert rest(path, body, token=None).status_code == 401


def test_a_429_keeps_its_status_its_words_and_when_to_come_back(rest, sandbox, at_work):
    path, body = bodies(sandbox, at_work)["flat"]
    sandbox.fault(path, status=429, body='{"message":"slow down"}', headers={"Retry-After": "17"})
    answer = rest(path, body)
    assert (answer.status_code, answer.text) == (429, '{"message":"slow down"}')
    assert answer.headers["retry-after"] == "17"


def test_logins_go_up_as_they_came_and_are_never_kept(facade, sandbox):
    body = {"username": "demo@example.com", "password": "demo-password"}
    sessions = [facade.request("POST", "/api/v2/login", json=body) for _ in range(2)]
    assert all(session.headers["cache-control"] == "no-store" for session in sessions)
    first, second = (session.json() for session in sessions)
    assert first["access_token"] != second["access_token"]
    claims = json.loads(base64.urlsafe_b64decode(first["access_token"].split(".")[1] + "=="))
    refreshed = facade.request(
        "POST", "/v2/login/refresh", json={"refresh_token": first["refresh_token"], "client_id": claims["azp"]}
    )
    assert refreshed.status_code == 200
    assert refreshed.json()["access_token"] != first["access_token"]
    wrong = facade.request("POST", "/api/v2/login", json={**body, "password": "wrong"})
    assert (wrong.status_code, wrong.json()) == (
        401,
        sandbox.request("POST", "/api/v2/login", json={**body, "password": "wrong"}).json(),
    )


def test_an_equal_ask_from_rest_and_from_graphql_is_one_upstream_call(rest, facade, sandbox, token, at_work):
    path, body = bodies(sandbox, at_work)["flat"]
    document = (
        "query R($filter: ReportFilter!, $window: ReportWindow) { report(filter: $filter, window: $window) { data } }"
    )
    graph = facade.data(document, body, token=token)["report"]["data"]
    answer = rest(path, body)
    assert answer.headers["x-cache"] == "HIT"
    assert answer.json()["data"] == graph
    assert len(sandbox.calls(token)) == 1


def test_a_report_that_is_too_much_at_once_is_equal_json_put_together(rest, sandbox, token, at_work):
    rooms = [room["id"] for room in sandbox.campus()["rooms"][:40]]
    body = {
        "filter": {**at_work(days=3), "measurements": ["room_occupancy"], "rooms": {"eq": rooms}, "value": {"gte": 0}},
        "group_by": {"order": ["room_id", "field"]},
    }
    whole = sandbox.ask(REPORTING, body, token)["data"]
    sandbox.configure(max_ids=10)
    assert rest(REPORTING, body).json()["data"] == whole


def test_many_clients_that_poll_the_same_report_are_one_call(rest, sandbox, token, at_work):
    path, body = bodies(sandbox, at_work)["grouped"]
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: rest(path, body).content, range(100)))
    assert len(set(answers)) == 1
    assert len(sandbox.calls(token)) == 1


def test_an_unknown_path_is_a_404_with_a_hint(rest, sandbox, token):
    answer = rest("/api/v9/novel", {})
    assert answer.status_code == 404
    assert "facade translate" in answer.json()["message"]
    assert sandbox.calls(token) == []


def test_an_unknown_path_is_passed_on_where_a_setting_allows_it(launch, sandbox, token):
    facade = launch.facade(sandbox.url, FACADE_FORWARD_UNKNOWN="true")
    answer = facade.request("GET", "/api/v1/client?x=1", headers={"Authorization": f"Bearer {token}"})
    direct = sandbox.request("GET", "/api/v1/client?x=1", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content) == (direct.status_code, direct.content)


def test_logins_count_against_the_rate_limit(launch, sandbox):
    facade = launch.facade(sandbox.url, FACADE_RATE_LIMIT="2/minute")
    body = {"username": "demo@example.com", "password": "wrong"}
    answers = [facade.request("POST", path, json=body) for path in ("/api/v2/login", "/v2/login", "/api/v2/login")]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    facade.stop()


def test_a_page_of_another_site_may_not_spend(launch, sandbox, at_work):
    facade = launch.facade(
        sandbox.url, FACADE_AUTH="service", BUTLR_CLIENT_ID="demo-client", BUTLR_CLIENT_SECRET="demo-secret"
    )
    path, body = bodies(sandbox, at_work)["flat"]
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
    assert facade.request("POST", path, content=json.dumps(body), headers=foreign).status_code == 403
    assert facade.request("POST", path, content=json.dumps(body)).status_code == 200
    facade.stop()


def test_an_answer_says_what_it_depends_on_and_a_401_how_to_ask(rest, sandbox, at_work):
    path, body = bodies(sandbox, at_work)["flat"]
    assert "Authorization" in rest(path, body).headers["vary"]
    refused = rest(path, body, token=None)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
