"""Nobody can read answers to another caller."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

SENSORS = "{ sensors { data { id } } }"
REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { sensor_id value } } }"""


def sensor_ids(data):
    return {sensor["id"] for sensor in data["sensors"]["data"]}


def test_two_tenants_never_share_an_answer(facade, sandbox, at_work):
    campuses = {
        name: {sensor["id"] for sensor in sandbox.campus(f"client_{name}")["sensors"]} for name in ("demo", "other")
    }
    assert campuses["demo"].isdisjoint(campuses["other"])
    tokens = {name: sandbox.login(name) for name in campuses}
    # Twice: cold and from the cache.
    for _ in range(2):
        for name, token in tokens.items():
            assert sensor_ids(facade.data(SENSORS, token=token)) == campuses[name]
            rows = facade.data(REPORT, at_work(), token=token)["report"]["rows"]
            assert {row["sensor_id"] for row in rows} <= campuses[name]
            assert rows


def test_two_tokens_of_one_tenant_have_an_answer_each(facade, sandbox, at_work):
    for token in (sandbox.login(), sandbox.login()):
        answer = facade.post(REPORT, at_work(), token=token)
        assert answer.headers["X-Cache"] == "MISS"
        assert len(sandbox.calls(token)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "{ sensors { data { id } } }",
        '{ sensor(id: "sensor_1") { id } }',
        "{ hives { data { id } } }",
        "{ rooms { data { id } } }",
        '{ node(id: "room_1") { id } }',
        '{ report(filter: {start: "-1h"}) { data } }',
        '{ detections(filter: {start: "-1h"}) { detections_local { value } } }',
    ],
)
def test_without_a_token_every_field_is_unauthenticated_whatever_is_cached_for_others(facade, sandbox, token, query):
    facade.ask(query, token=token)
    before = len(sandbox.calls())
    answer = facade.post(query)
    (field,) = answer.json()["data"]
    assert answer.json()["data"] == {field: None}
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["path"] == [field]
    assert "Authorization: Bearer" in error["message"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(sandbox.calls()) == before


def test_the_schema_and_the_type_name_need_no_token(facade):
    data = facade.data('{ __typename __schema { queryType { name } } __type(name: "Sensor") { name } }')
    assert data == {
        "__typename": "Query",
        "__schema": {"queryType": {"name": "Query"}},
        "__type": {"name": "Sensor"},
    }


def test_the_login_mutations_need_no_token(facade, sandbox):
    user = facade.data(
        """mutation { login(username: "demo@example.com", password: "demo-password") {
             access_token refresh_token id_token expires_in token_type scope } }"""
    )["login"]
    assert user["token_type"] == "Bearer"
    assert user["expires_in"] == 86_400
    assert sensor_ids(facade.data(SENSORS, token=user["access_token"]))

    renew = """mutation ($token: String!) { refreshToken(client_id: "sandboxWebApp", refresh_token: $token) {
                 access_token refresh_token } }"""
    renewed = facade.data(renew, {"token": user["refresh_token"]})["refreshToken"]
    assert renewed["refresh_token"] != user["refresh_token"]
    assert facade.error(renew, {"token": user["refresh_token"]})["extensions"]["code"] == "UNAUTHENTICATED"

    client = facade.data(
        """mutation { clientLogin(client_id: "other-client", client_secret: "other-secret") {
             access_token refresh_token } }"""
    )["clientLogin"]
    assert client["refresh_token"] is None
    campus = {sensor["id"] for sensor in sandbox.campus("client_other")["sensors"]}
    assert sensor_ids(facade.data(SENSORS, token=client["access_token"])) == campus


def test_a_wrong_password_is_unauthenticated(facade):
    answer = facade.post('mutation { login(username: "demo@example.com", password: "pa55-word") { access_token } }')
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "credentials" in error["message"]
    assert "pa55-word" not in answer.text + facade.log()


@pytest.mark.parametrize("made_up", ["nonsense", "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln"])
def test_a_made_up_token_reads_nothing_though_assets_are_cached_for_others(facade, sandbox, token, made_up, at_work):
    facade.data(SENSORS, token=token)
    facade.data(REPORT, at_work(), token=token)
    for query, variables in ((SENSORS, None), (REPORT, at_work())):
        error = facade.error(query, variables, token=f"{made_up}{uuid4().hex}")
        assert error["extensions"]["code"] == "UNAUTHENTICATED"


def test_an_expired_token_gets_nothing_cached_or_not(facade, sandbox, at_work):
    sandbox.configure(token_ttl=2)
    token = sandbox.login()
    expires = time.time() + 2
    assert facade.data(REPORT, at_work(), token=token)["report"]["rows"]
    assert facade.post(REPORT, at_work(), token=token).headers["X-Cache"] == "HIT"
    time.sleep(max(0, expires + 0.1 - time.time()))
    for span in (at_work(), at_work(days=1)):
        answer = facade.ask(REPORT, span, token=token)
        assert answer["data"] == {"report": None}
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHENTICATED")])
def test_a_refusal_upstream_drops_all_that_the_token_had_cached(facade, sandbox, token, at_work, status, code):
    bystander = sandbox.login()
    for caller in (token, bystander):
        facade.data(SENSORS, token=caller)
        facade.data(REPORT, at_work(), token=caller)

    sandbox.fault("/api/v3/reporting", status=status, body='{"message": "revoked"}')
    error = facade.error(REPORT, at_work(days=1), token=token)
    assert error["extensions"]["code"] == code
    # What was cached a moment ago is now asked for, and refused.
    assert facade.error(REPORT, at_work(), token=token)["extensions"]["code"] == code
    assert facade.error(SENSORS, token=token)["extensions"]["code"] == code
    assert facade.post(REPORT, at_work(), token=bystander).headers["X-Cache"] == "HIT"

    sandbox.no_faults()
    answer = facade.post(REPORT, at_work(), token=token)
    assert answer.headers["X-Cache"] == "MISS"
    assert "errors" not in answer.json()


def test_a_403_costs_its_own_field_and_nothing_that_was_cached(facade, sandbox, token, at_work):
    facade.data(SENSORS, token=token)
    facade.data(REPORT, at_work(), token=token)
    sandbox.fault("/api/v3/reporting", status=403, body='{"message": "one room is forbidden"}')
    assert facade.error(REPORT, at_work(days=1), token=token)["extensions"]["code"] == "FORBIDDEN"
    for query, variables in ((SENSORS, None), (REPORT, at_work())):
        answer = facade.post(query, variables, token=token)
        assert "errors" not in answer.json()
        assert answer.headers["X-Cache"] == "HIT"


def test_a_token_with_too_few_rights_is_forbidden(facade, sandbox):
    error = facade.error(SENSORS, token=sandbox.login("limited"))
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "read:sensors" in error["message"]


def test_an_answer_to_one_token_is_not_joined_by_another(facade, sandbox, at_work):
    """The two ask the same at the same time; one of them has no rights."""
    sandbox.configure(latency_ms=200)
    limited, demo = sandbox.login("limited"), sandbox.login()
    with ThreadPoolExecutor(2) as pool:
        refused, answered = pool.map(lambda token: facade.ask(REPORT, at_work(), token=token), (limited, demo))
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "errors" not in answered
