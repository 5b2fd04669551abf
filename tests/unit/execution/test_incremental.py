"""The parts of a deferred answer add up to the undivided one, and no task is left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from facade.assets import Assets
from facade.assets.records import RECORD_TYPES, FloorRecord, HiveRecord, RoomRecord, SensorRecord
from facade.auth import Passthrough
from facade.butlr import Butlr, Http
from facade.cache import open_store
from facade.execution import Engine, Limits, Outcome
from facade.graph import Context, build_schema
from facade.loaders import Reports, Services
from facade.series import DetectionsReader
from facade.upstream import Dispatcher, ReadLog, Upstream

ENGINE = Engine(build_schema(incremental=True), limits=Limits(depth=30, aliases=1000))
NOW = 1_760_000_000.0
SPAN = 'start: "2025-10-01", stop: "2025-10-02"'
SEEDS = range(4)
OPERATIONS = 20
PUT_OFF = re.compile(r"@(stream|defer)(\([^)]*\))?")


def estate() -> Assets:
    sensors = [
        SensorRecord(
            id=f"sensor_{n}",
            mac_address=f"aa-bb-cc-dd-ee-{n:02x}",
            room_id=f"room_{n // 3}",
            floor_id=f"space_{n // 6}",
            hive_id=f"hive_{n % 2}",
            zone_ids=("zone_1", "zone_none") if n % 2 else None,
        )
        for n in range(12)
    ]
    return Assets(
        sensors={sensor.id: sensor for sensor in sensors},
        rooms={f"room_{n}": RoomRecord(id=f"room_{n}", name=f"R{n}", floor_id=f"space_{n // 2}") for n in range(4)},
        floors={f"space_{n}": FloorRecord(id=f"space_{n}") for n in range(2)},
        hives={f"hive_{n}": HiveRecord(id=f"hive_{n}", floor_id=f"space_{n}") for n in range(2)},
    )


class Estate:
    """A source of assets that has them at hand."""

    name = "estate"
    knows = frozenset(RECORD_TYPES)
    known = estate()

    async def assets(self, _caller: Any, _read_log: Any) -> Assets:
        return self.known


class Drip(httpx.AsyncByteStream):
    """A body that comes in small pieces."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), 50):
            await asyncio.sleep(0)
            yield self._body[at : at + 50]


class World:
    """The facade from the engine to the wire. Reports of hives are refused."""

    def __init__(self) -> None:
        self.calls = 0
        # Which row has none.
        self.no_time: int | None = None
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(Butlr(self.http), self.store, dispatcher=Dispatcher(retries=0), clock=lambda: NOW)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        body = json.loads(request.content)
        ids = [
            id_ for value in body.get("filter", {}).values() if isinstance(value, dict) for id_ in value.get("eq", ())
        ]
        if "hives" in body.get("filter", {}):
            return httpx.Response(400, json={"message": "made to fail"})
        if request.url.path.endswith("detections"):
            macs = body["filter"].get("mac_addresses", ())
            entries = [{"start_time": 1_760_000_000_000, "mac_address": mac, "value": [[0.5, 0.25]]} for mac in macs]
            return httpx.Response(200, json=dict.fromkeys(body["data_types"], entries))
        rows = [self.row(id_, at) for id_ in ids or ["sensor_1"] for at in range(12)]
        whole = json.dumps({"page_info": {"page": 1}, "data": rows}).encode()
        return httpx.Response(200, stream=Drip(whole), headers={"content-type": "application/json"})

    def row(self, id_: str, at: int) -> dict[str, Any]:
        time = "yesterday" if at == self.no_time else f"2025-10-01T00:{at:02}:00Z"
        level = {"space": "space_id", "hive": "hive_id"}.get(id_.partition("_")[0], f"{id_.partition('_')[0]}_id")
        return {"time": time, "value": at, "measurement": "presence", "sensor_id": "sensor_1", level: id_}

    def context(self) -> Context:
        # As if nothing were kept, or the second to ask would make fewer calls than the first.
        services = Services(self.upstream, Reports.create(self.upstream), DetectionsReader(self.upstream), Estate())
        return Context(services, Passthrough("token"), ReadLog(fresh=True), "request")

    async def run(self, text: str, context: Context, engine: Engine = ENGINE) -> Outcome:
        document = engine.document(text)
        assert not document.errors, (text, document.errors)
        return await engine.run(document, None, None, context, written=True)

    async def aclose(self) -> None:
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.aclose()


class Operations:
    """Random valid operations with much put off."""

    LISTS = {"sensors": "Sensor", "rooms": "Room", "floors": "Floor", "hives": "Hive"}
    FIELDS = {
        "Sensor": ["id", "mac_address", "zone_ids STREAM", "__typename"],
        "Room": ["id", "name"],
        "Floor": ["id"],
        "Hive": ["id"],
    }
    ONE = {"Sensor": {"room": "Room", "hive": "Hive"}, "Room": {"floor": "Floor"}, "Floor": {}, "Hive": {}}
    MANY = {
        "Sensor": {},
        "Room": {"sensors": "Sensor"},
        "Floor": {"rooms": "Room", "sensors": "Sensor"},
        "Hive": {"sensors": "Sensor"},
    }

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.aliases = 0

    def document(self) -> str:
        roots = [self._root() for _ in range(self.rng.choice((1, 2)))]
        text = "{ " + " ".join(roots) + " }"
        while "STREAM" in text:
            text = text.replace("STREAM", self._stream(), 1)
        while "DEFER" in text:
            text = text.replace("DEFER", self.rng.choice(("@defer", "@defer", "@defer(if: false)", "")), 1)
        return text

    def _stream(self) -> str:
        count = self.rng.choice((0, 1, 3, 100))
        return self.rng.choice(("@stream", f"@stream(initialCount: {count})", "@stream(if: false)", ""))

    def _root(self) -> str:
        if self.rng.random() < 0.4:
            return self._deferred(f"{self._alias()}report(filter: {{ {SPAN} }}) {{ {self._report()} }}")
        plural, type_ = self.rng.choice(list(self.LISTS.items()))
        return self._deferred(f"{self._alias()}{plural} {{ data STREAM {self._set(type_, 0)} }}")

    def _report(self) -> str:
        rows = ["rows STREAM { time value }", "rows STREAM { sensor { room { name } } ... DEFER { value time } }"]
        parts = [
            f"{self._alias()}{self.rng.choice(rows)}",
            self._deferred(f"{self._alias()}freshness {{ partial }}"),
            self._deferred(f"{self._alias()}series STREAM {{ values STREAM sensor_id }}"),
            self._deferred(f"{self._alias()}data"),
        ]
        return " ".join(self.rng.sample(parts, self.rng.choice((1, 2, 3))))

    def _set(self, type_: str, depth: int) -> str:
        return (
            "{ " + " ".join(self._deferred(self._one(type_, depth)) for _ in range(self.rng.choice((1, 2, 3)))) + " }"
        )

    def _one(self, type_: str, depth: int) -> str:
        kind = self.rng.random()
        if depth < 2 and kind < 0.25 and self.ONE[type_]:
            name, of = self.rng.choice(list(self.ONE[type_].items()))
            return f"{self._alias()}{name} {self._set(of, depth + 1)}"
        if depth < 2 and kind < 0.5 and self.MANY[type_]:
            name, of = self.rng.choice(list(self.MANY[type_].items()))
            return f"{self._alias()}{name} STREAM {self._set(of, depth + 1)}"
        if kind < 0.65:
            return f"{self._alias()}report(measurements: [presence], {SPAN}) {{ {self._report()} }}"
        if kind < 0.75:
            return f"{self._alias()}detections({SPAN}) {{ detections_local STREAM {{ mac_address value STREAM }} }}"
        return f"{self._alias()}{self.rng.choice(self.FIELDS[type_])}"

    def _deferred(self, fields: str) -> str:
        return f"... DEFER {{ {fields} }}" if self.rng.random() < 0.4 else fields

    def _alias(self) -> str:
        self.aliases += 1
        return f"a{self.aliases}: "


async def added_up(outcome: Outcome) -> tuple[Any, list[Any]]:
    """The data and errors of all parts."""
    first = written(outcome.as_json())
    data, errors = first["data"], first.get("errors", [])
    if outcome.later is None:
        return data, errors
    paths = {pending["id"]: pending["path"] for pending in first["pending"]}
    has_next = first["hasNext"]
    async for each_part in outcome.later.parts():
        assert has_next
        part, has_next = written(each_part), each_part["hasNext"]
        paths |= {pending["id"]: pending["path"] for pending in part.get("pending", ())}
        for each in part.get("incremental", ()):
            errors += each.get("errors", ())
            target = data
            for key in [*paths[each["id"]], *each.get("subPath", ())]:
                target = target[key]
            if "items" in each:
                target += each["items"]
            else:
                merge(target, each["data"])
        for completed in part.get("completed", ()):
            errors += completed.get("errors", ())
            del paths[completed["id"]]
    assert not has_next
    assert not paths
    return data, errors


def merge(target: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            merge(target[name], value)
        else:
            target[name] = value


def written(part: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(orjson.dumps(part))
    return answer


def told(errors: list[Any]) -> Counter[str]:
    # Without the places in the document, which differ.
    return Counter(json.dumps([error["path"], error["message"], error["extensions"]]) for error in errors)


async def nothing_runs() -> bool:
    """Whether all that was started has ended, some turns from now at the latest."""
    for _ in range(20):
        await asyncio.sleep(0)
    return len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("seed", SEEDS)
async def test_all_parts_together_are_the_answer_at_once(world: World, seed: int) -> None:
    operations = Operations(random.Random(seed))
    in_parts = failed = 0
    for _ in range(OPERATIONS):
        text = operations.document()
        context = world.context()
        whole = await world.run(PUT_OFF.sub("", text), context)
        context.close()
        context = world.context()
        outcome = await world.run(text, context)
        data, errors = await added_up(outcome)
        context.close()
        if outcome.later:
            in_parts += 1
            await outcome.later.aclose()
            assert len(outcome.errors) + len(outcome.later.errors) == len(errors)
            assert ENGINE.comes_in_parts(ENGINE.document(text), None, None)

        assert data == written(whole.as_json())["data"], text
        assert told(errors) == told([error.formatted for error in whole.errors]), text
        failed += bool(errors)
    assert in_parts > OPERATIONS / 2
    assert failed


# What is cancelled before its first step leaves the coroutines in it unawaited, as in graphql-core by itself.
unawaited = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


@unawaited
@pytest.mark.parametrize("seed", SEEDS)
async def test_one_that_is_closed_before_its_end_leaves_nothing_running(world: World, seed: int) -> None:
    rng = random.Random(seed)
    operations = Operations(rng)
    for _ in range(OPERATIONS):
        context = world.context()
        outcome = await world.run(operations.document(), context)
        if outcome.later:
            parts = outcome.later.parts()
            for _ in range(rng.choice((0, 0, 1, 2))):
                await anext(parts, None)
            await outcome.later.aclose()
        context.close()
        assert await nothing_runs()
    gc.collect()


@unawaited
@pytest.mark.parametrize("turns", [1, 3, 10, 20, 30])
async def test_one_that_is_cancelled_before_its_first_part_leaves_nothing_running(world: World, turns: int) -> None:
    text = f"""{{
      sensors {{ data @stream {{ id room {{ name }} }} }}
      ... @defer {{ rooms {{ data {{ report(measurements: [presence], {SPAN}) {{ rows {{ value }} }} }} }} }}
      report(filter: {{ {SPAN} }}) {{ freshness {{ partial }} rows @stream {{ value }} }}
    }}"""
    context = world.context()
    running = asyncio.create_task(world.run(text, context))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    context.close()

    assert running.cancelled()
    assert await nothing_runs()
    gc.collect()


async def test_what_fails_in_a_later_part_is_masked_as_in_the_first(world: World) -> None:
    world.no_time = 7
    context = world.context()
    outcome = await world.run(f"{{ report(filter: {{ {SPAN} }}) {{ rows @stream {{ time }} }} }}", context)
    data, errors = await added_up(outcome)
    context.close()

    [error] = errors
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "request"}
    assert error["path"] == ["report", "rows", 7, "time"]
    assert "yesterday" not in json.dumps(errors)
    assert [row["time"] for row in data["report"]["rows"]].count(None) == 1


async def test_reports_of_what_is_streamed_are_asked_together(world: World) -> None:
    text = f"{{ sensors {{ data @stream {{ report(measurements: [presence], {SPAN}) {{ rows {{ value }} }} }} }} }}"
    context = world.context()
    outcome = await world.run(text, context)
    await added_up(outcome)
    context.close()

    assert outcome.later
    assert world.calls == 1


async def test_what_grows_beyond_the_budget_ends_the_parts_that_are_to_come(world: World) -> None:
    engine = Engine(build_schema(incremental=True), limits=Limits(cost=1000))
    context = world.context()
    deep = "sensors { hive { sensors { hive { sensors { id } } } } }"
    outcome = await world.run(
        f"{{ hives {{ data {{ id }} }} ... @defer {{ hives {{ data {{ {deep} }} }} }} }}", context, engine
    )
    assert outcome.later
    *_, last = [part async for part in outcome.later.parts()]
    await outcome.later.aclose()

    [completed] = last["completed"]
    assert last["hasNext"] is False
    assert completed["id"] == "0"
    assert [error["extensions"]["code"] for error in completed["errors"]] == ["QUERY_TOO_COMPLEX"]
    assert [error.extensions["code"] for error in outcome.later.errors if error.extensions] == ["QUERY_TOO_COMPLEX"]


def rows_of(field: str, times: int, end: str = "") -> str:
    """Many selections of rows, each with another name."""
    return " ".join(f"{field.format(at)} {{ value }}{end}" for at in range(times))


DAILY = f'report(filter: {{ {SPAN} }}, window: {{ every: "1d", function: max }})'


@pytest.mark.parametrize(
    "text",
    [
        # A call and a point for each selection: the twelve rows of each show as they come.
        f"{{ {DAILY} {{ rows {{ value }} ... @defer {{ {rows_of('a{}: rows', 60)} }} }} }}",
        f"{{ {DAILY} {{ rows {{ value }} {rows_of('... @defer {{ a{}: rows', 60, ' }')} }} }}",
        f"{{ {DAILY} {{ {rows_of('a{}: rows @stream', 99)} }} }}",
    ],
    ids=["in one part", "in many parts", "in streams"],
)
async def test_rows_that_are_put_off_are_counted_as_they_come(world: World, text: str) -> None:
    engine = Engine(build_schema(incremental=True), limits=Limits(cost=1100))
    context = world.context()
    outcome = await world.run(text, context, engine)
    codes = [error.extensions["code"] for error in outcome.errors if error.extensions]
    if outcome.later:
        _, errors = await added_up(outcome)
        codes += [error["extensions"]["code"] for error in errors]
    context.close()
    assert set(codes) == {"QUERY_TOO_COMPLEX"}
    assert context.budget.rows < 1100 + 10 * 12


class Wide(World):
    """Of rows with a lot in them that nobody knows."""

    def row(self, id_: str, at: int) -> dict[str, Any]:
        return {**super().row(id_, at), "note": "x" * 10_000}


@pytest.mark.parametrize("text", ["{ %s { %s } }", "{ %s { ... @defer { %s } } }"])
async def test_the_bytes_of_json_are_counted(text: str) -> None:
    engine = Engine(build_schema(incremental=True), limits=Limits(cost=1100))
    world = Wide()
    context = world.context()
    outcome = await world.run(text % (DAILY, " ".join(f"a{at}: data" for at in range(20))), context, engine)
    errors = [error.formatted for error in outcome.errors]
    if outcome.later:
        errors += (await added_up(outcome))[1]
    context.close()
    await world.upstream.aclose()
    assert {error["extensions"]["code"] for error in errors} == {"QUERY_TOO_COMPLEX"}
    # It ends at the first that is too much.
    assert context.budget.written < 1100 * 1024 + 2 * 12 * 10_200
