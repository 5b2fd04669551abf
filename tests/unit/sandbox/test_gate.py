import asyncio
import hashlib
import time

import httpx
import pytest

from facade.sandbox import SandboxConfig, create_app
from facade.sandbox.gate import CallLog

ASK = {"filter": {"start": "-5m"}}
CLIENT = {
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "audience": "https://butlrauth/",
    "grant_type": "client_credentials",
}


async def test_calls_are_counted_and_kept_with_body_tenant_and_token_hash(api):
    await api.http.delete("/_sandbox/calls")
    await api.report(**ASK)
    await api.detections(data_types=["detections_local"], **ASK)
    await api.http.get("/api/v2/sensors")

    calls = await api.calls()
    token = api.http.headers["Authorization"].removeprefix("Bearer ")
    assert calls["total"] == 3
    assert calls["by_path"] == {"/api/v3/reporting": 1, "/api/v3/detections": 1, "/api/v2/sensors": 1}
    assert calls["log"][0] == {
        "method": "POST",
        "path": "/api/v3/reporting",
        "body": ASK,
        "tenant": "client_demo",
        "token_hash": hashlib.sha256(token.encode()).hexdigest()[:12],
    }


async def test_the_call_log_is_read_whatever_came(api):
    await api.http.delete("/_sandbox/calls")
    for body in (b"[" * 300 + b"]" * 300, b"\xff\xfe{", b'{"a": "\\ud800"}', b"", b"1e999"):
        await api.http.post("/api/v3/reporting", content=body)

    calls = await api.calls()
    assert calls["total"] == 5
    assert calls["log"][0]["body"] == "[" * 300 + "]" * 300


def test_the_call_log_is_bounded_and_the_count_is_not():
    calls = CallLog()
    for i in range(10_050):
        calls.add({"path": "/api/v3/reporting", "body": i})

    record = calls.record()
    assert [call["body"] for call in record["log"]] == list(range(50, 10_050))
    assert record["total"] == record["by_path"]["/api/v3/reporting"] == 10_050


async def test_more_calls_than_the_limit_are_429_until_the_minute_is_over(sandbox, clock):
    api = await sandbox(rate_limit_per_minute=2)
    clock.now += 0.5
    assert [(await api.report(**ASK)).status_code for _ in range(2)] == [200, 200]

    clock.now += 20
    refused = await api.report(**ASK)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "40"
    assert refused.json()["message"]
    await api.log_in(client_id="other-client", client_secret="other-secret")
    assert (await api.report(**ASK)).status_code == 200
    clock.now += 40
    assert (await api.report(**ASK)).status_code == 200


async def test_the_fault_rate_fails_the_same_calls_for_the_same_seed(sandbox):
    async def statuses(seed):
        api = await sandbox(fault_rate=0.3, seed=seed)
        return [(await api.report(**ASK)).status_code for _ in range(60)]

    first = await statuses(3)
    assert first == await statuses(3)
    assert first != await statuses(4)
    assert set(first) == {200, 500, 502, 503}
    assert 5 < sum(status != 200 for status in first) < 35


async def test_logins_are_spared_the_fault_rate(sandbox):
    api = await sandbox(fault_rate=1.0)

    await api.log_in()
    assert (await api.report(**ASK)).status_code >= 500


async def test_a_scripted_fault_befalls_the_next_calls_to_its_path(api):
    await api.http.put(
        "/_sandbox/faults",
        json=[
            {"path": "/api/v3/reporting", "status": 429, "body": '{"message":"slow"}', "headers": {"Retry-After": "7"}},
            {"path": "*", "status": 502, "body": "<html>", "content_type": "text/html"},
        ],
    )

    first, second, third = [await api.report(**ASK) for _ in range(3)]

    assert (first.status_code, first.headers["Retry-After"], first.json()) == (429, "7", {"message": "slow"})
    assert (second.status_code, second.text) == (502, "<html>")
    assert second.headers["content-type"].startswith("text/html")
    assert third.status_code == 200


async def test_a_fault_for_ever_ends_when_it_is_taken_away(api):
    await api.http.put("/_sandbox/faults", json=[{"path": "/api/v3/reporting", "status": 500, "times": -1}])
    assert [(await api.report(**ASK)).status_code for _ in range(3)] == [500] * 3

    await api.http.delete("/_sandbox/faults")
    assert (await api.report(**ASK)).status_code == 200


@pytest.mark.parametrize("faults", [[{"colour": "red"}], {"path": "*"}, [1], 5])
async def test_a_fault_that_is_none_is_refused(api, faults):
    reply = await api.http.put("/_sandbox/faults", json=faults)

    assert reply.status_code == 400
    assert reply.json()["message"]


async def test_settings_can_be_changed_while_running(api):
    reply = await api.http.put("/_sandbox/config", json={"max_points": 1, "token_ttl": 5})

    assert reply.status_code == 204
    assert (await api.report(**ASK)).json()["data"] == {}
    assert (await api.log_in())["expires_in"] == 5


@pytest.mark.parametrize("settings", [{"sensors": 5}, {"latency_ms": "fast"}, {"token_ttl": True}, []])
async def test_settings_that_cannot_be_changed_are_refused_and_change_nothing(api, settings):
    change = {**settings, "max_points": 1} if settings else settings
    reply = await api.http.put("/_sandbox/config", json=change)

    assert reply.status_code == 400
    assert (await api.report(**ASK)).json()["data"]


async def test_legacy_paths_are_gone_and_unknown_ones_not_found(api):
    for path in ("/api/v2/sensors", "/api/v2/hives/abc", "/api/v2/spaces/1/rooms/2"):
        reply = await api.http.get(path)
        assert reply.status_code == 410
        assert "2024-10-11" in reply.json()["message"]
    unknown = await api.http.get("/api/v3/nothing")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Not Found"})
    wrong_method = await api.http.get("/api/v3/reporting")
    assert (wrong_method.status_code, wrong_method.json()) == (405, {"message": "Method Not Allowed"})


async def test_the_campus_is_an_inventory(api):
    campus = await api.campus()

    assert set(campus) == {"sites", "buildings", "floors", "rooms", "zones", "sensors", "hives", "tags"}
    assert len(campus["sensors"]) == 60
    other = (await api.http.get("/_sandbox/campus", params={"tenant": "client_other"})).json()
    assert other["sensors"][0]["id"] != campus["sensors"][0]["id"]
    assert (await api.http.get("/_sandbox/campus", params={"tenant": "x"})).status_code == 404


@pytest.fixture
async def wire(serve, clock):
    """A client on a real socket, logged in."""
    url = serve(create_app(SandboxConfig(sensors=60, sites=1, era="influx", clock=clock)))
    async with httpx.AsyncClient(base_url=url) as http:
        token = (await http.post("/api/v2/clients/login", json=CLIENT)).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http


async def test_the_sandbox_answers_over_a_real_socket(wire):
    reply = await wire.post("/api/v3/reporting", json=ASK)

    assert reply.status_code == 200
    assert reply.json()["data"]


async def test_a_cut_reply_promises_more_than_it_brings(wire):
    await wire.put("/_sandbox/faults", json=[{"path": "/api/v3/reporting", "cut": True}])

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await wire.post("/api/v3/reporting", json=ASK)
    assert (await wire.post("/api/v3/reporting", json=ASK)).status_code == 200


async def test_a_hanging_reply_never_comes(wire):
    await wire.put("/_sandbox/faults", json=[{"hang": True}])

    with pytest.raises(httpx.ReadTimeout):
        await wire.post("/api/v3/reporting", json=ASK, timeout=httpx.Timeout(60, read=0.2))
    assert (await wire.post("/api/v3/reporting", json=ASK)).status_code == 200


async def test_latency_and_delays_add_up_and_calls_wait_side_by_side(wire):
    await wire.put("/_sandbox/config", json={"latency_ms": 60})
    await wire.put("/_sandbox/faults", json=[{"status": 200, "body": "{}", "delay_ms": 60, "times": 10}])

    each = []

    async def call():
        started = time.perf_counter()
        reply = await wire.post("/api/v3/reporting", json=ASK)
        each.append(time.perf_counter() - started)
        return reply.json()

    started = time.perf_counter()
    replies = await asyncio.gather(*(call() for _ in range(10)))
    taken = time.perf_counter() - started

    assert replies == [{}] * 10
    assert min(each) >= 0.12
    assert taken < sum(each) / 2
