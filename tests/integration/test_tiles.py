"""Asks that overlap share what they have in common, whoever asks and however."""

from __future__ import annotations

import json

import pytest

REPORTING, DETECTIONS = "/api/v3/reporting", "/api/v3/detections"
NO_CACHE = {"Cache-Control": "no-cache"}

ROOMS = """query ($ids: [String!], $start: Time!, $stop: Time) { rooms(ids: $ids) { data { id
  report(measurements: [room_occupancy], start: $start, stop: $stop, window: {every: "5m", function: max}) {
    rows { time value room_id measurement } freshness { as_of settled_until partial }
  } } } }"""


@pytest.fixture
def watched(sandbox):
    """The ids of a dozen rooms whose occupancy is known."""
    campus = sandbox.campus()
    seen = {sensor["room_id"] for sensor in campus["sensors"] if sensor["mode"] == "presence"}
    return sorted(room["id"] for room in campus["rooms"] if room["id"] in seen)[:12]


@pytest.fixture
def reports(facade, sandbox, token):
    """The rooms' reports, and the reporting calls that they cost; what finds the rooms does not count."""

    def ask(ids, span, **headers):
        before = len(sandbox.calls(token))
        response = facade.post(ROOMS, {"ids": ids, **span}, token=token, headers=headers)
        answer = response.json()
        assert "errors" not in answer
        made = [call["body"] for call in sandbox.calls(token)[before:]]
        made = [body for body in made if body["filter"].get("measurements") == ["room_occupancy"]]
        found = {room["id"]: room["report"] for room in answer["data"]["rooms"]["data"]}
        return {room: report["rows"] for room, report in found.items()}, made, found

    return ask


def body_of(ids, span):
    filter_ = {**span, "measurements": ["room_occupancy"], "rooms": {"eq": ids}, "value": {"gte": 0}}
    return {"filter": filter_, "window": {"every": "5m", "function": "max"}}


def test_a_room_page_is_free_after_the_page_of_its_floor(reports, watched, at_work):
    span = at_work(minutes=120)
    whole, made, _ = reports(watched, span)
    assert len(made) == 1
    for room in watched[:3]:
        rows, made, _ = reports([room], at_work(minutes=60, after=30))
        assert made == []
        assert rows[room] == whole[room][6:18]
        fresh, _, _ = reports([room], at_work(minutes=60, after=30), **NO_CACHE)
        assert rows == fresh


def test_a_later_span_costs_its_new_windows_alone(reports, watched, at_work):
    reports(watched, at_work(minutes=120))
    later, hour_later = at_work(minutes=120, after=60), at_work(minutes=60, after=120)
    rows, made, found = reports(watched, later)
    assert [asked["filter"]["start"] for asked in made] == [hour_later["start"]]
    assert [asked["filter"]["stop"] for asked in made] == [hour_later["stop"]]
    fresh, _, _ = reports(watched, later, **NO_CACHE)
    assert rows == fresh
    freshness = found[watched[0]]["freshness"]
    assert freshness["settled_until"] == later["stop"]
    assert not freshness["partial"]


@pytest.fixture
def rest(facade, token):
    def post(path, body, **headers):
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        return facade.request("POST", path, content=json.dumps(body), headers=sent)

    return post


def test_rest_and_graphql_share(rest, reports, sandbox, token, watched, at_work):
    span = at_work(minutes=120)
    whole = rest(REPORTING, body_of(watched, span)).json()
    assert len(whole["data"]) == 24 * len(watched)
    rows, made, _ = reports(watched[:2], at_work(minutes=30))
    assert made == []
    assert {room: [row["value"] for row in some] for room, some in rows.items()} == {
        room: [row["value"] for row in whole["data"] if row["room_id"] == room][:6] for room in watched[:2]
    }


@pytest.mark.parametrize("named", [True, False])
def test_what_rest_answers_from_parts_is_equal_to_the_upstreams_own_answer(
    rest, sandbox, token, watched, at_work, named
):
    def body(span):
        whole = body_of(watched, span)
        if not named:
            del whole["filter"]["rooms"]
        return whole

    rest(REPORTING, body(at_work(minutes=120)))
    before = len(sandbox.calls(token))
    for span, calls in ((at_work(minutes=60, after=60), 0), (at_work(minutes=120, after=60), 1)):
        answer = rest(REPORTING, body(span))
        assert len(sandbox.calls(token)) - before == calls
        assert answer.headers["x-cache"] == ("MISS" if calls else "HIT")
        assert answer.json() == sandbox.ask(REPORTING, body(span), sandbox.login())


def test_detections_are_shared_too(rest, sandbox, token, at_work):
    macs = [sensor["mac_address"] for sensor in sandbox.campus()["sensors"] if sensor["mode"] == "presence"][:20]

    def body(span, macs):
        types = ["detections_local", "detections_world"]
        window = {"every": "1m", "function": "max"}
        return {"data_types": types, "filter": {**span, "mac_addresses": macs}, "window": window}

    rest(DETECTIONS, body(at_work(minutes=60), macs))
    part = body(at_work(minutes=10, after=20), macs[3:5])
    answer = rest(DETECTIONS, part)
    assert answer.json() == sandbox.ask(DETECTIONS, part, sandbox.login())
    assert len(sandbox.calls(token)) == 1
    later = body(at_work(minutes=60, after=10), macs)
    assert rest(DETECTIONS, later).json() == sandbox.ask(DETECTIONS, later, sandbox.login())
    assert sandbox.calls(token)[1]["body"]["filter"] == {**at_work(minutes=10, after=60), "mac_addresses": macs}
