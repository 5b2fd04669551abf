"""The sources of assets over real sockets, with the sandbox for an upstream."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from facade.assets import Native, build_source, dump_inventory, load_inventory
from facade.assets.records import RECORD_TYPES
from facade.auth import Passthrough
from facade.butlr import Butlr, Forbidden, Http, Unauthenticated
from facade.cache import open_store
from facade.upstream import ReadLog, Upstream

NATIVE, REPORTING = "/api/v3/graphql", "/api/v3/reporting"


@pytest.fixture(scope="session")
def campus_process(launch):
    """Two sites, and sensors that hang nowhere, on which the native API's `floorID` fails."""
    return launch.sandbox(sensors=120, sites=2, unplaced=5)


@pytest.fixture
def sandbox(campus_process):
    yield campus_process
    campus_process.reset()


@pytest.fixture
async def upstream(sandbox):
    async with Http(sandbox.url) as http:
        store = open_store("memory://", 2**26)
        made = Upstream(Butlr(http), store)
        yield made
        await made.aclose()
        await store.aclose()


@pytest.fixture
def caller(token):
    return Passthrough(token)


@pytest.fixture
def inventory_path(sandbox, tmp_path):
    path = tmp_path / "campus.json"
    path.write_text(json.dumps(sandbox.campus()))
    return path


def plain(value):
    """As JSON has it, and with an absent id as null."""
    return list(map(plain, value)) if isinstance(value, list | tuple) else None if value == "" else value


def assert_says_the_campus(assets, campus):
    dumped = dump_inventory(assets)
    for kind in RECORD_TYPES:
        found = {record["id"]: record for record in dumped[kind]}
        assert found.keys() == {record["id"] for record in campus[kind]}
        for known in campus[kind]:
            record = found[known["id"]]
            for name, value in known.items():
                # The sandbox's one field with another spelling.
                field = "isOnline" if (kind, name) == ("hives", "is_online") else name
                assert record.get(field) == plain(value), (kind, name)


def test_the_campus_of_the_sandbox_is_an_inventory(sandbox, inventory_path):
    assert_says_the_campus(load_inventory(inventory_path), sandbox.campus())


async def test_the_native_api_tells_the_whole_campus_in_one_call(sandbox, upstream, caller, token):
    with capture_logs() as logs:
        assets = await Native(upstream).assets(caller, ReadLog())
    assert_says_the_campus(assets, sandbox.campus())
    assert [call["path"] for call in sandbox.calls(token)] == [NATIVE]
    # Not one field failed, and none was of another type.
    assert not logs


async def test_the_native_api_tells_every_field_that_the_facade_serves(upstream, caller):
    assets = await Native(upstream).assets(caller, ReadLog())
    sensor = next(sensor for sensor in assets.sensors.values() if sensor.power_type == "Battery" and sensor.zone_ids)
    unknown = {name for name in sensor.__struct_fields__ if getattr(sensor, name) is None}
    assert unknown == {
        "algorithm_config",
        "note",
        "calibration",
        "active_hours",
        "generation",
        "messages_per_second",
        "last_seen",
    }


async def test_what_the_native_api_tells_is_an_inventory(upstream, caller, tmp_path):
    assets = await Native(upstream).assets(caller, ReadLog())
    path = tmp_path / "native.json"
    path.write_text(json.dumps(dump_inventory(assets)))
    read = load_inventory(path)
    assert all(getattr(read, kind) == getattr(assets, kind) for kind in RECORD_TYPES)


async def test_an_inventory_costs_one_tiny_call_a_caller(sandbox, upstream, caller, token, inventory_path):
    source = build_source(["inventory"], upstream=upstream, inventory_path=inventory_path)
    answers = await asyncio.gather(*(source.assets(caller, ReadLog()) for _ in range(20)))
    assert len(answers[0].sensors) == 125
    [call] = sandbox.calls(token)
    assert (call["path"], call["body"]["paginate"]) == (REPORTING, {"page": 1, "limit": 1})


@pytest.mark.parametrize("names", [["inventory"], ["native"], ["inventory", "native"], ["inventory", "discovery"]])
async def test_a_made_up_token_sees_nothing(upstream, inventory_path, names):
    source = build_source(names, upstream=upstream, inventory_path=inventory_path)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await source.assets(Passthrough("made-up"), ReadLog())


async def test_a_token_that_may_not_read_places_is_forbidden_the_native_api(sandbox, upstream):
    with pytest.raises(Forbidden):
        await Native(upstream).assets(Passthrough(sandbox.login("limited")), ReadLog())


async def test_three_sources_fill_one_another(sandbox, upstream, caller, token, tmp_path):
    known = sandbox.campus()["sensors"][0]
    path = tmp_path / "names.yaml"
    path.write_text(f"sensors:\n- id: {known['id']}\n  name: By the door\n")
    source = build_source(["inventory", "discovery", "native"], upstream=upstream, inventory_path=path)
    assets = await source.assets(caller, ReadLog())
    sensor = assets.sensors[known["id"]]
    assert (sensor.name, sensor.height, sensor.mac_address) == ("By the door", known["height"], known["mac_address"])
    # Learnt from reports alone.
    assert sensor.last_seen
    assert sorted(call["path"] for call in sandbox.calls(token)) == [NATIVE, REPORTING, REPORTING]
    assert await source.assets(caller, ReadLog()) is assets


async def test_while_the_native_api_fails_the_inventory_is_served(sandbox, upstream, caller, inventory_path):
    sandbox.fault(NATIVE, status=503)
    source = build_source(["native", "inventory"], upstream=upstream, inventory_path=inventory_path)
    with capture_logs() as logs:
        assets = await source.assets(caller, ReadLog())
    assert len(assets.sensors) == 125
    assert logs[-1]["source"] == "native"
