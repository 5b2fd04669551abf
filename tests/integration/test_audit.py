"""Who ran what, what it cost, and how it ended."""

import hashlib
import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

REPORT = """query Presence($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { sensor_id value } } }"""
SERVICE = {"FACADE_AUTH": "service", "BUTLR_CLIENT_ID": "demo-client", "BUTLR_CLIENT_SECRET": "demo-secret"}


class Audit:
    def __init__(self, path):
        self.path = path

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def of(self, answer):
        """Wait for the record of a request: with the response cache it follows the answer."""
        deadline = time.monotonic() + 180
        while not (found := [one for one in self.lines() if one["request_id"] == answer.headers["X-Request-Id"]]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        [line] = found
        return line


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return Audit(tmp_path_factory.mktemp("audit") / "audit.jsonl")


@pytest.fixture(scope="module")
def audited(launch, sandbox_process, audit):
    return launch.facade(
        sandbox_process.url,
        FACADE_AUDIT_LOG=str(audit.path),
        FACADE_JWKS_URL=f"{sandbox_process.url}/.well-known/jwks.json",
    )


def test_an_operation_leaves_who_and_what_and_its_price(audited, audit, token, at_work):
    began = datetime.now(UTC)
    cold, hot = (audited.post(REPORT, at_work(), token=token) for _ in range(2))
    line = audit.of(cold)
    assert datetime.fromisoformat(line.pop("time")) >= began.replace(microsecond=0)
    assert line.pop("who").startswith("j-")
    assert line.pop("cost") > 0
    assert line == {
        "request_id": cold.headers["X-Request-Id"],
        "type": "query",
        "tenant": "client_demo",
        "operation": "Presence",
        "document": hashlib.sha256(REPORT.encode()).hexdigest(),
        "status": 200,
        "outcome": "ok",
        "codes": [],
        "calls": 1,
    }
    assert audit.of(hot)["calls"] == 0
    assert token not in audit.path.read_text()
    assert at_work()["start"] not in audit.path.read_text()
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("query", "ended"),
    [
        ("{ nonsense }", ("graphql", "refused", ["GRAPHQL_VALIDATION_FAILED"])),
        ("{", ("graphql", "refused", ["GRAPHQL_PARSE_FAILED"])),
        ('{ report(filter: {start: "never"}) { data } }', None),
        ('mutation { login(username: "x@example.com", password: "pa55-word") { access_token } }', None),
    ],
)
def test_how_it_ended_is_said(audited, audit, token, query, ended):
    answer = audited.post(query, token=token)
    line = audit.of(answer)
    if ended:
        assert (line["type"], line["outcome"], line["codes"]) == (
            "query" if "nonsense" in query else ended[0],
            *ended[1:],
        )
    else:
        assert line["outcome"] in ("partial", "refused")
        assert line["codes"] == [error["extensions"]["code"] for error in answer.json()["errors"]]
    assert "pa55-word" not in audit.path.read_text()


def test_what_was_refused_at_the_door_is_there_too(audited, audit):
    answer = audited.post("{ sensors { data { id } } }", token="made-up-token")
    line = audit.of(answer)
    assert (line["status"], line["outcome"], line["codes"]) == (401, "refused", ["UNAUTHENTICATED"])
    assert line["who"] is None
    assert "made-up-token" not in audit.path.read_text()
    answer = audited.request("PUT", "/graphql")
    assert audit.of(answer)["status"] == 405


def test_legacy_calls_are_operations(audited, audit, token, at_work):
    headers = {"Authorization": f"Bearer {token}"}
    body = {"filter": {"measurements": ["presence"], **at_work()}}
    line = audit.of(audited.request("POST", "/api/v3/reporting", json=body, headers=headers))
    assert (line["type"], line["operation"], line["outcome"]) == ("rest", "POST /api/v3/reporting", "ok")
    assert line["tenant"] == "client_demo"
    line = audit.of(audited.request("POST", "/api/v3/reporting", json=body))
    assert (line["outcome"], line["codes"], line["status"]) == ("refused", ["UNAUTHENTICATED"], 401)
    line = audit.of(audited.request("GET", "/api/v2/sensors", headers=headers))
    assert (line["type"], line["outcome"], line["status"]) == ("v2", "ok", 200)
    login = {"username": "demo@example.com", "password": "demo-password"}
    line = audit.of(audited.request("POST", "/api/v2/login", json=login))
    assert (line["type"], line["operation"], line["who"]) == ("login", "POST /api/v2/login", None)


def test_a_visit_is_no_operation(audited, audit):
    audited.request("GET", "/healthz")
    before = len(audit.lines())
    for path in ("/healthz", "/readyz", "/metrics"):
        assert audited.request("GET", path).status_code == 200
    assert audited.request("GET", "/graphql", headers={"Accept": "text/html"}).status_code == 200
    assert len(audit.lines()) == before


def test_lines_of_many_at_once_stay_whole_and_a_file_moved_away_is_made_anew(audited, audit, token):
    audited.post("{ __typename }", token=token)
    before = len(audit.lines())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: audited.post("{ __typename }", token=token), range(100)))
    assert len(audit.lines()) == before + 100
    audit.path.rename(audit.path.with_suffix(".1"))
    audited.post("{ __typename }", token=token)
    assert len(audit.lines()) == 1


def test_of_a_service_it_says_which_key_and_not_what_it_is(launch, sandbox, tmp_path):
    audit = Audit(tmp_path / "audit.jsonl")
    facade = launch.facade(
        sandbox.url, **SERVICE, FACADE_API_KEYS="first-key,second-key", FACADE_AUDIT_LOG=str(audit.path)
    )
    line = audit.of(facade.post("{ __typename }", headers={"X-API-Key": "second-key"}))
    assert (line["who"], line["key"]) == ("service", 2)
    assert "second-key" not in audit.path.read_text()
    facade.stop()


def test_on_stderr_it_is_beside_the_log(launch, sandbox):
    facade = launch.facade(sandbox.url, FACADE_AUDIT_LOG="stderr")
    answer = facade.post("query Who { __typename }")
    lines = [json.loads(line) for line in facade.log().splitlines()]
    assert [
        line["operation"]
        for line in lines
        if line.get("request_id") == answer.headers["X-Request-Id"] and "who" in line
    ] == ["Who"]
    facade.stop()
