from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade.butlr import BadInput
from facade.loaders import DetectionsOf

BODY = {"filter": {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T01:00:00Z"}}
MACS = [f"00-17-0d-00-00-00-00-{n:02x}" for n in range(12)]


def entry(mac: str, at: int, value: list[list[float]]) -> dict[str, Any]:
    return {"start_time": at, "sample_time": at + 900, "mac_address": mac, "value": value}


def times(answer, type_="detections_local"):
    return [(each.mac_address, each.start_time) for each in answer.detections.entries(type_) or ()]


async def ask(loaders, macs, types=("detections_local",), body=BODY):
    return await loaders.detections.load_many(DetectionsOf.make_many(macs, frozenset(types), body))


@given(
    entries=st.lists(st.tuples(st.sampled_from(MACS), st.integers(0, 50)), max_size=60),
    macs=st.lists(st.sampled_from(MACS), min_size=1, unique=True),
    spelt=st.sampled_from([str.upper, str.lower, lambda mac: mac.replace("-", ":")]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_point_is_dealt_to_its_own_sensor(make_bench, entries, macs, spelt):
    bench = make_bench([entry(spelt(mac), at, [[0.5, 0.5]]) for mac, at in entries])
    try:
        answers = await ask(bench.loaders(), macs)
        for mac, answer in zip(macs, answers, strict=True):
            assert times(answer) == [(spelt(mac), at) for of, at in entries if of == mac]
        assert len(bench.rows.asked) == 1
    finally:
        await bench.aclose()


async def test_more_than_500_sensors_are_a_call_for_each_500(bench):
    macs = [f"00-00-00-00-00-00-{n // 256:02x}-{n % 256:02x}" for n in range(1001)]
    over = bench([entry(mac, 1, []) for mac in macs])
    answers = await ask(over.loaders(), macs)
    assert [len(times(answer)) for answer in answers] == [1] * 1001
    assert sorted(len(asked["filter"]["mac_addresses"]) for asked in over.rows.asked) == [1, 500, 500]


async def test_a_chunk_that_fails_fails_its_own_sensors_alone(bench):
    macs = [f"00-00-00-00-00-00-{n // 256:02x}-{n % 256:02x}" for n in range(600)]
    over = bench([entry(mac, 1, []) for mac in macs])
    over.rows.fails[macs[550]] = 400
    answers = await ask(over.loaders(), macs)
    assert [isinstance(answer, BadInput) for answer in answers] == [False] * 500 + [True] * 100


async def test_two_types_asked_of_the_same_sensors_are_one_call(bench):
    over = bench([entry(mac, 1, []) for mac in MACS])
    loaders = over.loaders()
    await asyncio.gather(ask(loaders, MACS), ask(loaders, MACS, ["detections_world"]))
    assert [asked["data_types"] for asked in over.rows.asked] == [["detections_local", "detections_world"]]


async def test_two_types_asked_of_other_sensors_each_keep_what_they_asked(bench):
    over = bench([entry(mac, 1, []) for mac in MACS])
    loaders = over.loaders()
    local, world = await asyncio.gather(ask(loaders, MACS[:3]), ask(loaders, MACS[:1], ["detections_world"]))
    assert [len(times(answer)) for answer in local] == [1, 1, 1]
    assert len(times(world[0], "detections_world")) == 1


async def test_omit_empty_value_true_false_and_absent_are_three_asks(bench):
    over = bench([entry(MACS[0], 1, [])])
    loaders = over.loaders()
    bodies = [
        {"filter": {**BODY["filter"], **more}} for more in ({}, {"omit_empty_value": True}, {"omit_empty_value": False})
    ]
    await asyncio.gather(*(ask(loaders, MACS[:1], body=body) for body in bodies))
    asked = [each["filter"].get("omit_empty_value", "absent") for each in over.rows.asked]
    assert sorted(map(str, asked)) == ["False", "True", "absent"]


async def test_an_entry_without_a_mac_costs_only_itself(bench):
    over = bench([entry(mac, 1, []) for mac in MACS])
    whole = over.rows.detections
    over.rows.detections = lambda body: {"detections_local": [*whole(body)["detections_local"], {"start_time": 2}]}
    answers = await ask(over.loaders(), MACS)
    assert [len(times(answer)) for answer in answers] == [1] * 12
    assert len(over.rows.asked) == 1


async def test_a_type_missing_from_the_answer_is_null(bench):
    over = bench([])
    over.rows.detections = lambda body: {"detections_local": []}
    [answer, _] = await ask(over.loaders(), MACS[:2], ["detections_local", "detections_world"])
    assert answer.detections.entries("detections_local") == []
    assert answer.detections.entries("detections_world") is None


async def test_relative_times_are_sent_as_rfc3339_and_cached_as_asked(bench):
    over = bench([entry(MACS[0], 1, [])])
    body = {"filter": {"start": "-10m"}}
    await ask(over.loaders(), MACS[:1], body=body)
    await ask(over.loaders(), MACS[:1], body=body)
    [asked] = over.rows.asked
    assert asked["filter"]["start"].endswith("Z")
