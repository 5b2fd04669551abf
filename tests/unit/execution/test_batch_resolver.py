"""Batch resolvers have the same answers, errors and calls as graphql-core's execution."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx
import orjson
import pytest
from graphql import ExecutionResult, execute, parse, validate
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Stock

from facade.assets import Assets
from facade.assets.records import (
    RECORD_TYPES,
    BuildingRecord,
    FloorRecord,
    HiveRecord,
    MetaDataRecord,
    RoomRecord,
    SensorRecord,
    ZoneRecord,
)
from facade.auth import Passthrough
from facade.butlr import Butlr, Http
from facade.cache import open_store
from facade.execution.executor import BulkExecutor
from facade.execution.writing_executor import WritingExecutor
from facade.graph import Context, build_schema
from facade.loaders import Reports, Services
from facade.series import DetectionsReader
from facade.upstream import Dispatcher, ReadLog, Upstream

SCHEMA = build_schema()
SEEDS = range(6)
SELECTIONS = 40
NOW = 1_760_000_000.0
SPAN = 'start: "2025-10-01", stop: "2025-10-02"'


def mac(number: int) -> str:
    return f"aa-bb-cc-dd-ee-{number:02x}"


def estate() -> Assets:
    sensors = [
        SensorRecord(
            id=f"sensor_{n}",
            name=f"Sensor {n}" if n % 3 else None,
            mac_address=mac(n) if n != 5 else None,
            room_id=f"room_{n // 3}",
            floor_id=f"space_{n // 6}",
            hive_id=f"hive_{n % 2}",
            zone_ids=("zone_1", "zone_none") if n % 2 else None,
            center=[1.0, 2.0],
            height=2.5,
            metadata=MetaDataRecord(created_at=1_700_000_000_000),
        )
        for n in range(12)
    ]
    return Assets(
        sensors={sensor.id: sensor for sensor in sensors},
        rooms={f"room_{n}": RoomRecord(id=f"room_{n}", name=f"R{n}", floor_id=f"space_{n // 2}") for n in range(4)},
        floors={f"space_{n}": FloorRecord(id=f"space_{n}", building_id="building_1") for n in range(2)},
        zones={"zone_1": ZoneRecord(id="zone_1", floor_id="space_0")},
        hives={f"hive_{n}": HiveRecord(id=f"hive_{n}", floor_id=f"space_{n}") for n in range(2)},
        buildings={"building_1": BuildingRecord(id="building_1")},
    )


class Estate:
    """A source of assets that has them at hand."""

    name = "estate"
    knows = frozenset(RECORD_TYPES)
    known = estate()

    async def assets(self, _caller: Any, _read_log: Any) -> Assets:
        return self.known


class Wire:
    """Answers reports, detections and statistics; a body that names a bad id is refused, and no body may name many.

    So what is asked for together is halved until the bad id stands alone.
    """

    def __init__(self, bad: set[str], bears: int) -> None:
        self.bad, self.bears = bad, bears
        self.asked: list[str] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(request.content.decode())
        ids = [
            id_ for value in body.get("filter", {}).values() if isinstance(value, dict) for id_ in value.get("eq", ())
        ]
        if len(ids) > self.bears:
            return httpx.Response(200, json={"data": {}})
        if self.bad & {*ids, *body.get("filter", {}).get("mac_addresses", ()), *body.get("items", ())}:
            return httpx.Response(400, json={"message": "made to fail"})
        if request.url.path.endswith("stats"):
            return httpx.Response(
                200, json={"data": {id_: dict.fromkeys(body["measurements"], 1) for id_ in body["items"]}}
            )
        if request.url.path.endswith("detections"):
            return httpx.Response(200, json=self.detections(body))
        return httpx.Response(200, json={"data": [self.row(id_, at) for id_ in ids or ["sensor_1"] for at in range(3)]})

    def detections(self, body: Any) -> Any:
        macs = body["filter"].get("mac_addresses", [mac(1)])
        entries = [
            {
                "start_time": 1_760_000_000_000,
                "mac_address": each,
                "value": [[0.5, 0.25]] if each != mac(2) else [[0.5]],
            }
            for each in macs
        ]
        return {type_: entries if type_.startswith("detections") else [{"x": 1}] for type_ in body["data_types"]}

    def row(self, id_: str, at: int) -> dict[str, Any]:
        kind = {"space": "space_id", "building": "building_id", "hive": "hive_id", "zone": "zone_id"}
        level = kind.get(id_.partition("_")[0], f"{id_.partition('_')[0]}_id")
        # What is not a time makes an error of one row among others.
        time = "yesterday" if id_ == "room_2" and at == 1 else f"2025-10-01T00:0{at}:00Z"
        return {
            "time": time,
            "value": at,
            "measurement": "presence",
            "sensor_id": "sensor_1",
            "room_id": "",
            level: id_,
        }


class Service:
    def __init__(self, bad: set[str], bears: int = 100) -> None:
        self.wire = Wire(bad, bears)
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.wire.handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(
            Butlr(self.http),
            self.store,
            dispatcher=Dispatcher(retries=0, clock=count(step=10).__next__),
            clock=lambda: NOW,
        )

    def services(self) -> Services:
        # Reports remember how much the upstream bore.
        return Services(self.upstream, Reports.create(self.upstream), DetectionsReader(self.upstream), Estate())

    async def run(self, text: str, executor: Any) -> tuple[ExecutionResult, Context]:
        # As if nothing were kept, or the second to ask would make fewer calls than the first.
        context = Context(self.services(), Passthrough("token"), ReadLog(fresh=True), "request")
        result: Any = execute(SCHEMA, parse(text), context_value=context, executor_class=executor)
        if not isinstance(result, ExecutionResult):
            result = await result
        context.close()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left)
        return result, context

    async def compared(self, text: str) -> ExecutionResult:
        """Run it in all ways; the answers must be equal, and so must be what it cost and which calls it made."""
        stock, context = await self.run(text, Stock)
        expected, spent, asked = answer_of(stock), context.budget.spent, sorted(self.wire.asked)
        for executor in (BulkExecutor, WritingExecutor):
            self.wire.asked.clear()
            result, context = await self.run(text, executor)
            assert answer_of(result) == expected, text
            assert sorted(self.wire.asked) == asked, text
            # Beside an error graphql-core leaves out what it has not come to yet.
            assert context.budget.spent == spent or (expected[1] and context.budget.spent > spent), text
        self.wire.asked.clear()
        return stock

    async def aclose(self) -> None:
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


def answer_of(result: ExecutionResult) -> tuple[bytes, list[str]]:
    return orjson.dumps(result.data), sorted(json.dumps(error.formatted) for error in result.errors or [])


@pytest.fixture
async def service() -> AsyncIterator[Any]:
    made: list[Service] = []

    def make(*bad: str, bears: int = 100) -> Service:
        made.append(Service(set(bad), bears))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


class Queries:
    """Random valid queries over the assets and what they load."""

    FIELDS = {
        "Sensor": [
            "id",
            "mac_address",
            "name",
            "floorID",
            "zone_ids",
            "metadata { created_at }",
            "__typename",
            "center",
        ],
        "Room": ["id", "name", "roomID: room_id", "floor_id", "__typename", "capacity { max }"],
        "Floor": ["id", "name", "building_id", "building { id name }", "timezone"],
        "Hive": ["id", "serialNumber", "isOnline", "is_online"],
        "Zone": ["id", "name", "floor_id"],
    }
    RELATIONS = {
        "Sensor": {"room": "Room", "floor": "Floor", "hive": "Hive", "zones": "Zone"},
        "Room": {"floor": "Floor", "sensors": "Sensor", 'sensors(ids: ["sensor_1"])': "Sensor"},
        "Floor": {"rooms": "Room", "sensors": "Sensor", "zones": "Zone", "hives": "Hive"},
        "Hive": {"floor": "Floor", "sensors": "Sensor"},
        "Zone": {"floor": "Floor"},
    }

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.fragments, self.aliases = rng, list[str](), 0

    def document(self) -> str:
        self.fragments, self.aliases = [], 0
        plural, type_ = self.rng.choice(
            [("sensors", "Sensor"), ("rooms", "Room"), ("floors", "Floor"), ("hives", "Hive"), ("zones", "Zone")]
        )
        return f"{{ {plural} {{ data {self._set(type_, 0)} }} }} {' '.join(self.fragments)}"

    def _set(self, type_: str, depth: int) -> str:
        chosen = [self._one(type_, depth) for _ in range(self.rng.choice((1, 2, 3)))]
        body = "{ " + " ".join(chosen) + " }"
        if self.rng.random() < 0.1:
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {type_} {body}")
            return f"{{ ...{name} {self._directive()} id }}"
        return body

    def _one(self, type_: str, depth: int) -> str:
        kind = self.rng.random()
        if depth < 3 and kind < 0.35:
            relation, of = self.rng.choice(list(self.RELATIONS[type_].items()))
            return f"{self._alias()}{relation} {self._directive()} {self._set(of, depth + 1)}"
        if kind < 0.55:
            return f"{self._alias()}{self._load(type_)}"
        chosen = self.rng.choice(self.FIELDS[type_])
        return chosen if ":" in chosen else f"{self._alias()}{chosen}"

    def _load(self, type_: str) -> str:
        rows = self.rng.choice(
            [
                "rows { time value }",
                "rows { sensor { id room { name } } value } freshness { as_of }",
                "data rows { time }",
                "series { times values sensor { id } } groups { value }",
            ]
        )
        loads = [f"report(measurements: [presence], {SPAN}) {self._directive()} {{ {rows} }}"]
        if type_ in ("Sensor", "Room", "Floor", "Hive"):
            points = self.rng.choice(
                [
                    "detections_local { mac_address value }",
                    "detections_world { points { x y } sensor { id } }",
                    "detections_local { start_time } heatmap",
                    "freshness { partial }",
                ]
            )
            loads.append(f"detections({SPAN}) {{ {points} }}")
        if type_ in ("Room", "Floor", "Zone"):
            loads += [
                "occupancy { value time measurement }",
                f"stats(measurements: [occupancy_avg_presence], {SPAN}) {{ item values {{ value measurement }} }}",
            ]
        return self.rng.choice(loads)

    def _alias(self) -> str:
        self.aliases += 1
        return f"a{self.aliases}: "

    def _directive(self) -> str:
        return self.rng.choice(["", "", "", "", "@skip(if: false)", "@include(if: false)"])


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_is_loaded_for_many_is_answered_as_one_by_one(service: Any, seed: int) -> None:
    rng = random.Random(seed)
    queries = Queries(rng)
    failed = 0
    for bad, bears in (((), 100), (("sensor_4", mac(4), "room_1"), 1), (("space_1", mac(7), "zone_1", "hive_0"), 2)):
        over = service(*bad, bears=bears)
        for _ in range(SELECTIONS // 3):
            text = queries.document()
            assert validate(SCHEMA, parse(text)) == [], text
            failed += len((await over.compared(text)).errors or [])
    assert failed


async def test_one_sensor_whose_detections_fail_costs_no_other_its_own(service: Any) -> None:
    # A call each: place by place, for macs are not told apart where they fail.
    over = service("room_1", bears=1)
    result = await over.compared(f"{{ rooms {{ data {{ id r: report({SPAN}) {{ rows {{ value }} }} }} }} }}")
    assert [error.path for error in result.errors or []] == [["rooms", "data", 1, "r"]]
    assert result.data
    assert [bool(room["r"]) for room in result.data["rooms"]["data"]] == [True, False, True, True]


async def test_the_sensors_of_all_rooms_are_one_call(service: Any) -> None:
    over = service()
    text = f"{{ rooms {{ data {{ id sensors {{ detections({SPAN}) {{ detections_local {{ value }} }} }} }} }} }}"
    await over.run(text, WritingExecutor)
    assert len(over.wire.asked) == 1


async def test_without_a_token_there_is_an_error_and_no_data(service: Any) -> None:
    over = service()
    context = Context(over.services(), None, ReadLog(), "request")
    result: Any = execute(
        SCHEMA, parse("{ sensors { data { id } } }"), context_value=context, executor_class=BulkExecutor
    )
    result = await result
    assert result.data == {"sensors": None}
    assert len(result.errors) == 1
