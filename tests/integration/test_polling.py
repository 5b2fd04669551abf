"""A hundred dashboards poll the same report each second: there is at most one upstream call for each window."""

import asyncio
import json
import math
import os
import time

import aiohttp
import pytest

REPORTING = "/api/v3/reporting"
CLIENTS = 100
# A minute by hand, and then with windows of five minutes: those that reach into now are fresh for a minute.
SECONDS = float(os.environ.get("POLLING_SECONDS", "11"))
EVERY, FRESH_FOR = os.environ.get("POLLING_EVERY", "5s"), float(os.environ.get("POLLING_FRESH_FOR", "5"))
DOCUMENT = (
    "query R($filter: ReportFilter!, $window: ReportWindow) { report(filter: $filter, window: $window) { data } }"
)


@pytest.fixture
def poll(facade, token):
    """Ask the report once a second from each client, every other one by GraphQL. Returns the statuses and the time."""

    async def run(body, seconds=SECONDS):
        asked_by = {
            "rest": (f"{facade.url}{REPORTING}", json.dumps(body)),
            "graphql": (f"{facade.url}/graphql", json.dumps({"query": DOCUMENT, "variables": body})),
        }
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        statuses = []
        began = time.monotonic()

        async def client(number, session):
            url, content = asked_by["graphql" if number % 2 else "rest"]
            second = began + number / CLIENTS
            while second < began + seconds:
                await asyncio.sleep(max(0.0, second - time.monotonic()))
                async with session.post(url, data=content, headers=headers) as answer:
                    statuses.append(answer.status)
                    told = await answer.text()
                    assert answer.status == 200, told
                    assert "errors" not in json.loads(told)
                # A client that is late leaves out what it missed, as a timer does.
                second += max(1.0, math.ceil(time.monotonic() - second))

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
            await asyncio.gather(*(client(number, session) for number in range(CLIENTS)))
        return statuses, time.monotonic() - began

    return run


@pytest.mark.slow
async def test_a_hundred_clients_that_poll_a_report_are_one_call_a_window(poll, sandbox, token):
    rooms = [room["id"] for room in sandbox.campus()["rooms"][:5]]
    body = {
        "filter": {"start": "-5m", "measurements": ["room_occupancy"], "rooms": {"eq": rooms}, "value": {"gte": 0}},
        "window": {"every": EVERY, "function": "max"},
    }

    statuses, lasted = await poll(body)

    assert set(statuses) == {200}
    # A machine that is too busy to ask each second asks less often.
    assert len(statuses) >= CLIENTS
    calls = len(sandbox.calls(token))
    # And it is asked again once a window has gone by: of so long a time one may begin and one end in the midst.
    assert min(2, lasted // FRESH_FOR) <= calls <= lasted // FRESH_FOR + 2
    print(f"{len(statuses)} answers in {lasted:.1f} s: {calls} calls upstream")


@pytest.mark.slow
async def test_a_hundred_clients_that_poll_what_is_settled_are_one_call(poll, sandbox, token, at_work):
    body = {"filter": {**at_work(), "measurements": ["presence"]}, "window": {"every": "1m"}}

    statuses, _ = await poll(body, seconds=3)

    assert set(statuses) == {200}
    assert len(sandbox.calls(token)) == 1
