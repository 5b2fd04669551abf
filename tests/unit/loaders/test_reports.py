"""A report for many assets gives each of them the same answer as a report for it alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade.butlr import BadInput, UpstreamTimeout
from facade.loaders import ReportOf

ROOMS = [f"room_{n}" for n in range(8)]
TIMES = [f"2025-10-14T{hour:02}:00:00Z" for hour in range(3)]
FILTER = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T03:00:00Z", "measurements": ["room_occupancy"]}


def row(room: str, time: str, value: float, field: str = "occupancy") -> dict[str, Any]:
    return {
        "room_id": room,
        "space_id": f"space_{room[-1]}",
        "zone_id": "",
        "sensor_id": "",
        "hive_id": "",
        "measurement": "room_occupancy",
        "field": field,
        "time": time,
        "value": value,
        "mac_address": "",
    }


async def ask(loaders, rooms, body):
    return await loaders.reports.load_many(ReportOf.make_many("rooms", rooms, body))


rows_ = st.lists(
    st.builds(row, st.sampled_from(ROOMS), st.sampled_from(TIMES), st.integers(0, 9), st.sampled_from(["in", "out"])),
    max_size=40,
)
orders = st.one_of(
    st.none(), st.permutations(["room_id", "field", "time"]), st.sampled_from([["field"], ["time"], ["time", "field"]])
)


@given(
    rows=rows_,
    order=orders,
    raw=st.booleans(),
    rooms=st.lists(st.sampled_from(ROOMS), min_size=1, unique=True),
    bears=st.sampled_from([None, 1, 2, 3]),
)
@settings(
    max_examples=settings.default.max_examples * 3 // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_batch_deals_to_each_room_what_it_would_be_answered_alone(make_bench, rows, order, raw, rooms, bears):
    body: dict[str, Any] = {"filter": FILTER}
    if order is not None:
        body["group_by"] = {"order": list(order), "raw": raw}
    bench = make_bench(rows, bears=bears)
    try:
        together = await ask(bench.loaders(), rooms, body)
        for room, answer in zip(rooms, together, strict=True):
            alone = bench.rows.answer({**body, "filter": {**FILTER, "rooms": {"eq": [room]}}})
            assert answer.reporting.data == alone
            # Maps have no order of their own, so rows in their leaves have none between leaves.
            assert sorted((r.room_id, r.time, r.field, r.value) for r in answer.reporting.rows) == sorted(
                (r["room_id"], r["time"], r["field"], r["value"]) for r in _rows(alone)
            )
    finally:
        await bench.aclose()


def _rows(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, list):
        return data
    if any(not isinstance(value, dict | list) for value in data.values()):
        return []
    return [row for value in data.values() for row in _rows(value)]


async def test_any_number_of_rooms_is_one_call(bench):
    rooms = [f"room_{n}" for n in range(300)]
    over = bench(row(room, TIMES[0], 1) for room in rooms)
    answers = await ask(over.loaders(), rooms, {"filter": FILTER})
    assert all(len(answer.reporting.rows) == 1 for answer in answers)
    assert len(over.rows.asked) == 1
    assert over.rows.asked[0]["filter"]["rooms"]["eq"] == sorted(rooms)


async def test_an_upstream_that_bears_ten_is_halved_once_and_then_asked_by_what_it_bears(bench):
    rooms = [f"room_{n:02}" for n in range(40)]
    over = bench([row(room, TIMES[0], 1) for room in rooms], bears=10)
    answers = await ask(over.loaders(), rooms, {"filter": FILTER})
    assert all(len(answer.reporting.rows) == 1 for answer in answers)
    over.rows.asked.clear()
    later = {"filter": {**FILTER, "start": "2025-10-13T00:00:00Z", "stop": "2025-10-13T03:00:00Z"}}
    answers = await ask(over.loaders(), rooms, later)
    assert all(len(answer.reporting.rows) == 1 for answer in answers)
    assert [len(asked["filter"]["rooms"]["eq"]) for asked in over.rows.asked] == [10, 10, 10, 10]


async def test_a_shallow_grouped_answer_is_asked_room_by_room(bench):
    over = bench([row(room, TIMES[0], n) for n, room in enumerate(ROOMS)], shallow=True)
    answers = await ask(over.loaders(), ROOMS, {"filter": FILTER, "group_by": {"order": ["room_id", "field"]}})
    assert [answer.reporting.data["occupancy"]["sum"] for answer in answers] == list(range(8))
    assert len(over.rows.asked) == 1 + len(ROOMS)


async def test_true_emptiness_of_a_grouped_answer_is_told_from_overload_by_one_flat_ask(bench):
    over = bench([])
    answers = await ask(over.loaders(), ROOMS, {"filter": FILTER, "group_by": {"order": ["room_id"]}})
    assert [answer.reporting.data for answer in answers] == [{}] * len(ROOMS)
    assert len(over.rows.asked) == 2


async def test_overload_of_one_room_alone_is_an_error_that_says_what_to_do(bench):
    over = bench([row(ROOMS[0], TIMES[0], 1)], bears=0)
    [answer] = await ask(over.loaders(), ROOMS[:1], {"filter": FILTER})
    assert isinstance(answer, UpstreamTimeout)
    assert "shorter span" in str(answer)


async def test_an_error_in_one_chunk_fails_only_its_own_rooms(bench):
    rooms = [f"room_{n:02}" for n in range(20)]
    over = bench([row(room, TIMES[0], 1) for room in rooms], bears=5)
    await ask(over.loaders(), rooms, {"filter": FILTER})
    over.rows.fails["room_07"] = 400
    answers = await ask(over.loaders(fresh=True), rooms, {"filter": FILTER})
    failed = {room for room, answer in zip(rooms, answers, strict=True) if isinstance(answer, BadInput)}
    assert failed == {f"room_{n:02}" for n in range(5, 10)}
    assert all(len(a.reporting.rows) == 1 for a in answers if not isinstance(a, BadInput))


async def test_rows_that_never_say_whose_they_are_are_asked_room_by_room(bench):
    over = bench([{**row(room, TIMES[0], 1), "room_id": room} for room in ROOMS])
    anonymous = over.rows.answer

    def without_ids(body):
        rows = anonymous(body)
        return [{**each, "room_id": ""} for each in rows]

    over.rows.answer = without_ids
    answers = await ask(over.loaders(), ROOMS, {"filter": FILTER})
    assert all(len(answer.reporting.rows) == 1 for answer in answers)


async def test_sites_are_asked_one_by_one_for_rows_name_no_site(bench):
    over = bench([row(ROOMS[0], TIMES[0], 1)])
    loaders = over.loaders()
    await loaders.reports.load_many(ReportOf.make_many("clients", [f"site_{n}" for n in range(3)], {"filter": FILTER}))
    assert [asked["filter"]["clients"]["eq"] for asked in over.rows.asked] == [["site_0"], ["site_1"], ["site_2"]]


async def test_other_spans_stay_apart_and_equal_asks_are_one(bench):
    over = bench([row(ROOMS[0], TIMES[0], 1)])
    loaders = over.loaders()
    other = {"filter": {**FILTER, "stop": "2025-10-14T02:00:00Z"}}
    await asyncio.gather(
        ask(loaders, ROOMS, {"filter": FILTER}), ask(loaders, ROOMS, other), ask(loaders, ROOMS, {"filter": FILTER})
    )
    assert sorted(asked["filter"]["stop"] for asked in over.rows.asked) == [
        "2025-10-14T02:00:00Z",
        "2025-10-14T03:00:00Z",
    ]


async def test_a_second_operation_is_answered_from_the_cache(bench):
    over = bench([row(room, TIMES[0], 1) for room in ROOMS])
    await ask(over.loaders(), ROOMS, {"filter": FILTER})
    again = over.loaders()
    answers = await ask(again, ROOMS, {"filter": FILTER})
    assert len(over.rows.asked) == 1
    assert all(len(answer.reporting.rows) == 1 for answer in answers)


@pytest.mark.parametrize("order", [None, ["room_id", "field"]])
async def test_a_root_report_over_many_rooms_is_merged_from_what_the_upstream_bears(bench, order):
    over = bench([row(room, TIMES[0], 1) for room in ROOMS], bears=3)
    body = {"filter": {**FILTER, "rooms": {"eq": ROOMS}}, **({"group_by": {"order": order}} if order else {})}
    answer = await over.loaders().reports.whole(body)
    over.rows.bears = None
    assert answer.reporting.data == over.rows.answer(body)


async def test_a_root_report_whose_groups_do_not_carry_the_id_is_never_merged(bench):
    over = bench([row(room, TIMES[0], 1) for room in ROOMS], bears=3)
    answer = await over.loaders().reports.whole(
        {"filter": {**FILTER, "rooms": {"eq": ROOMS}}, "group_by": {"order": ["field"]}}
    )
    assert answer.reporting.data == {}
    assert len(over.rows.asked) == 1


async def test_overload_of_one_room_is_halved_by_time_where_the_answer_stays_the_same(bench):
    hours = [f"2025-10-14T{hour:02}:00:00Z" for hour in range(3)]
    over = bench([row(ROOMS[0], time, 1) for time in hours])
    whole = over.rows.answer

    def bears_one_hour(body):
        filter_ = body["filter"]
        within = [each for each in whole(body) if filter_["start"] <= each["time"] < filter_["stop"]]
        return within if len(within) <= 1 else {}

    over.rows.answer = bears_one_hour
    [answer] = await ask(over.loaders(), ROOMS[:1], {"filter": FILTER, "window": {"every": "1h"}})
    assert [each.time for each in answer.rows()] == hours
