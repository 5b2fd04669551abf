"""Overlapping queries share their common windows, for all kinds of queries of a scope."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

pytestmark = pytest.mark.both_eras

REPORTING = "/api/v3/reporting"
NO_CACHE = {"Cache-Control": "no-cache"}

ROOMS = """query ($ids: [String!], $start: Time!, $stop: Time) { rooms(ids: $ids) { data { id
  report(measurements: [room_occupancy], start: $start, stop: $stop, window: {every: "5m", function: max}) {
    rows { time value room_id measurement } freshness { as_of settled_until partial }
  } } } }"""

ROOT = """query ($filter: ReportFilter!, $window: ReportWindow) { report(filter: $filter, window: $window) {
  rows { room_id measurement time value } } }"""


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


def test_rest_and_graphql_share_the_calls_that_are_under_way(facade, sandbox, token, watched, at_work):
    """What either keeps is its own: whole bodies for REST, series for the graph."""
    span = at_work(minutes=120)
    sandbox.configure(latency_ms=300)
    headers = {"Authorization": f"Bearer {token}"}

    def of_rest(_):
        return facade.request("POST", REPORTING, json=body_of(watched, span), headers=headers)

    def of_graph(_):
        return facade.post(ROOT, body_of(watched, span), token=token)

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask, None) for ask in (of_rest, of_graph)]
        rest, graph = (answer.result().json() for answer in answers)
    assert len(sandbox.calls(token)) == 1
    assert sorted(row["value"] for row in rest["data"]) == sorted(
        row["value"] for row in graph["data"]["report"]["rows"]
    )


def test_rows_come_in_the_same_order_however_they_were_read(facade, sandbox, token, watched, at_work):
    """Building, floor, room, zone, sensor, measurement, field, time: cold, from the store, and in parts."""
    span, later = at_work(minutes=120), at_work(minutes=120, after=60)
    order = ("room_id", "measurement", "time")
    answers = [
        facade.data(ROOT, body_of(watched[::-1], asked), token=token)["report"]["rows"]
        for asked in (span, later, at_work(minutes=60, after=60), later)
    ]
    for rows in answers:
        assert rows
        of_room = [[row[name] for name in order] for row in rows]
        for room in watched:
            mine = [place for place in of_room if place[0] == room]
            assert mine == sorted(mine)
        assert len({place[0] for place in of_room}) == len(
            [place for before, place in zip([[None]], of_room, strict=False) if before[0] != place[0]]
        ) + sum(before[0] != after[0] for before, after in pairwise(of_room))
    assert answers[1] == answers[3]
    assert [row for row in answers[0] if row in answers[2]] == answers[2]
