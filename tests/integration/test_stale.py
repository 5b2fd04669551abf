"""Stale answers are served while the upstream fails.

An answer that reaches into now keeps for 5 seconds at least, so here the tests wait that long: once, all together.
"""

import time
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.slow

# It ends later than the tests do.
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
LIVE = f"""{{ report(filter: {{start: "-1m", stop: "{TOMORROW}", measurements: [presence], value: {{gte: 0}}}},
                   window: {{every: "5s", function: max}}, group_by: {{order: ["field"]}}) {{
  data freshness {{ as_of }} }} }}"""
REPORTING = "/api/v3/reporting"


@pytest.fixture(scope="module")
def brief(launch, sandbox_process):
    """Lets an answer stand in for a second only."""
    return launch.facade(sandbox_process.url, FACADE_STALE_IF_ERROR="1s", FACADE_UPSTREAM_RETRIES="0")


@pytest.fixture(scope="module")
def aged(facade, brief, sandbox_process):
    """Answers that are fresh no more, each of a token of its own."""
    before = {}
    for name, server in (("kept", facade), ("refused", facade), ("forbidden", facade), ("brief", brief)):
        token = sandbox_process.login()
        answer = server.post(LIVE, token=token)
        assert answer.headers["X-Cache"] == "MISS"
        before[name] = token, answer.json()
    time.sleep(6.2)
    return before


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "headers": {"Retry-After": "30"}},
        {"status": 200, "body": "<html>"},
        {"cut": True},
    ],
    ids=["503", "429", "html", "cut"],
)
def test_an_answer_past_its_freshness_stands_in_while_the_upstream_fails(facade, sandbox, aged, fault):
    token, before = aged["kept"]
    sandbox.fault(REPORTING, **fault)
    answer = facade.post(LIVE, token=token)
    assert answer.headers["X-Cache"] == "STALE"
    assert answer.headers["Cache-Control"] == "private, max-age=0"
    assert int(answer.headers["Age"]) >= 6
    assert answer.json() == before


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("refused", 401, "UNAUTHENTICATED")],
)
def test_it_does_not_stand_in_for_a_caller_whom_the_upstream_refuses(facade, sandbox, aged, name, status, code):
    token, _ = aged[name]
    sandbox.fault(REPORTING, status=status)
    assert facade.error(LIVE, token=token)["extensions"]["code"] == code
    # Nor afterwards, when the upstream fails.
    sandbox.fault(REPORTING, status=503)
    answer = facade.ask(LIVE, token=token)
    assert answer["data"] == {"report": None}
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


def test_it_does_not_stand_in_for_longer_than_is_set(brief, sandbox, aged):
    token, _ = aged["brief"]
    sandbox.fault(REPORTING, status=503)
    assert brief.error(LIVE, token=token)["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
