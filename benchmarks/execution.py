"""Compare graphql-core's execution with the facade's, and a report's whole way with the same by hand.

`python benchmarks/execution.py` prints CPU times of the process: medians of alternating rounds.
"""

import asyncio
import gc
import statistics
import time
from types import SimpleNamespace
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    execute,
    parse,
    validate,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Stock

from facade.assets import Assets
from facade.assets.records import FloorRecord, RoomRecord, SensorRecord
from facade.auth import Passthrough
from facade.butlr import DetectionEntry, Row, decode_reporting
from facade.cache import Entry as Kept
from facade.execution.executor import BulkExecutor
from facade.execution.writing_executor import WritingExecutor
from facade.graph import Context, build_schema
from facade.graph.report_records import ReportRecord, columns
from facade.loaders import Points
from facade.series import Label, ReportQuery
from facade.upstream import ReadLog

ROUNDS = 5
OPERATIONS = {
    "20,000 rows x 5 fields": "{ rows { time value sensor_id room_id measurement } }",
    "250 sensors x 80 detections, points": "{ sensors { detections_local { start_time points { x y } } } }",
    "250 sensors x 80 detections, value": "{ sensors { detections_local { start_time value } } }",
    "20,000 rows, each with its sensor": "{ rows { time value sensor { id name room { name } } } }",
    "1,000 sensors and their floors": "{ assets { id mac_address mode floor { id name } } }",
    "20,000 rows, one of them dirty": "{ dirty { time value sensor_id room_id measurement } }",
    "one series of 20,000 points": "{ series { times values } }",
    "10 rows x 5 fields": "{ few { time value sensor_id room_id measurement } }",
}
REPORT = "{ report { rows { time value sensor_id room_id measurement } } }"
WIRE_ROW = {
    "field": "out",
    "measurement": "traffic",
    "time": "2025-10-14T15:00:00Z",
    "start": "2025-10-14T14:24:45Z",
    "stop": "2025-10-14T15:24:45Z",
    "value": 1,
    "preprocessed": False,
    "timezone_offset": "-7h",
    "tag_id": "",
    "building_id": "building_1",
    "building_name": "Building",
    "hive_id": "hive_1",
    "hive_serial": "S",
    "sensor_id": "sensor_1",
    "space_id": "space_1",
    "space_name": "Floor",
    "room_id": "room_1",
    "room_name": "Room",
    "zone_id": "",
    "zone_name": "",
    "mac_address": "aa:bb:cc:dd:ee:01",
}


def _rows(count: int) -> list[Row]:
    return [
        Row(
            time=f"2025-10-{1 + at // 2880 % 28:02}T{at // 120 % 24:02}:{at // 2 % 60:02}:00Z",
            value=at / 3,
            sensor_id=f"sensor_{at % 100}",
            room_id=f"room_{at % 40}",
            measurement="occupancy",
        )
        for at in range(count)
    ]


def _detections(sensor: int) -> list[DetectionEntry]:
    start = 1_760_000_000_000
    return [
        DetectionEntry(
            start_time=start + at * 60_000,
            mac_address=f"aa-bb-cc-dd-ee-{sensor:02x}",
            value=[[0.01 * at, 0.25], [0.5, 0.01 * at]],
        )
        for at in range(80)
    ]


KNOWN = Assets(
    sensors={
        f"sensor_{at}": SensorRecord(
            id=f"sensor_{at}",
            mac_address=f"aa-bb-cc-dd-{at >> 8:02x}-{at & 255:02x}",
            mode="presence",
            room_id=f"room_{at % 40}",
            floor_id=f"space_{at % 10}",
        )
        for at in range(1000)
    },
    rooms={f"room_{at}": RoomRecord(id=f"room_{at}", name=f"Room {at}") for at in range(40)},
    floors={f"space_{at}": FloorRecord(id=f"space_{at}", name=f"Floor {at}") for at in range(10)},
)


class Known:
    """A source with fixed assets."""

    name = "known"

    async def assets(self, _caller: Any, _read_log: Any) -> Assets:
        return KNOWN


def _context() -> Context:
    # The selected fields need no upstream call.
    services: Any = SimpleNamespace(reports=None, sightings=None, upstream=SimpleNamespace(now=None), assets=Known())
    return Context(services, Passthrough("token"), ReadLog(), "request")


def _root() -> SimpleNamespace:
    rows = _rows(20_000)
    return SimpleNamespace(
        rows=rows,
        dirty=[*rows[:-1], Row(time="yesterday", value=1.0)],
        few=rows[:10],
        assets=list(KNOWN.sensors.values()),
        series=columns([Row(time=row.time, value=row.value) for row in rows]),
        sensors=[SimpleNamespace(detections_local=_detections(sensor)) for sensor in range(250)],
    )


def _schema() -> GraphQLSchema:
    types: dict[str, Any] = build_schema().type_map

    def listed(name: str, type_: Any) -> GraphQLField:
        return GraphQLField(GraphQLList(GraphQLNonNull(type_)), resolve=lambda root, _info: getattr(root, name))

    names = dict.fromkeys(("rows", "dirty", "few"), types["ReportRow"])
    names |= {"series": types["Series"], "sensors": types["DetectionSet"], "assets": types["Sensor"]}
    fields = {name: listed(name, type_) for name, type_ in names.items()}
    fields["report"] = GraphQLField(types["Report"], resolve=lambda root, _info: root.report)
    return GraphQLSchema(GraphQLObjectType("Lists", fields))


async def _milliseconds(schema: GraphQLSchema, document: Any, root: Any, executor: Any) -> float:
    gc.collect()
    begun = time.process_time()
    result = execute(schema, document, root, _context(), executor_class=executor)
    if not isinstance(result, ExecutionResult):
        result = await result
    return (time.process_time() - begun) * 1000


def _body() -> bytes:
    selected = ("time", "value", "sensor_id", "room_id", "measurement")
    rows = [WIRE_ROW | {name: getattr(row, name) for name in selected} for row in _rows(20_000)]
    return orjson.dumps({"data": rows, "page_info": None})


def _by_hand(body: bytes) -> bytes:
    rows = [
        {
            "time": row["time"],
            "value": row["value"],
            "sensor_id": row["sensor_id"],
            "room_id": row["room_id"],
            "measurement": row["measurement"],
        }
        for row in orjson.loads(body)["data"]
    ]
    return orjson.dumps({"data": {"report": {"rows": rows}}})


async def _answered(schema: GraphQLSchema, document: Any, body: bytes) -> bytes:
    kept = Kept(b"", "application/json", as_of=0.0, fresh_until=0.0, settled_until=None, partial=False)
    query = ReportQuery({"filter": {}}, None, None)
    report = ReportRecord(Points(query, Label.STOP, kept, decode_reporting(body)), query.body)
    result = execute(schema, document, SimpleNamespace(report=report), executor_class=WritingExecutor)
    if not isinstance(result, ExecutionResult):
        result = await result
    return orjson.dumps({"data": result.data})


async def _whole(schema: GraphQLSchema) -> None:
    document, body = parse(REPORT), _body()
    assert validate(schema, document) == []
    assert await _answered(schema, document, body) == _by_hand(body)
    taken: dict[str, list[float]] = {"hand": [], "facade": []}
    for _ in range(ROUNDS):
        gc.collect()
        begun = time.process_time()
        _by_hand(body)
        between = time.process_time()
        await _answered(schema, document, body)
        taken["hand"].append((between - begun) * 1000)
        taken["facade"].append((time.process_time() - between) * 1000)
    hand, facade = (statistics.median(times) for times in taken.values())
    print(f"{'':38}{'hand ms':>10}{'facade ms':>10}{'of hand':>8}")
    print(f"{f'{len(body) / 1e6:.1f} MB to 20,000 rows x 5 fields':38}{hand:10.1f}{facade:10.1f}{facade / hand:8.2f}")


async def main() -> None:
    schema = _schema()
    await _whole(schema)
    root = _root()
    print(f"\n{'':38}{'stock ms':>10}{'bulk ms':>10}{'ratio':>8}")
    for title, text in OPERATIONS.items():
        document = parse(text)
        assert validate(schema, document) == []
        taken: dict[Any, list[float]] = {Stock: [], BulkExecutor: []}
        for _ in range(ROUNDS):
            for executor, times in taken.items():
                times.append(await _milliseconds(schema, document, root, executor))
        stock, bulk = (statistics.median(times) for times in taken.values())
        print(f"{title:38}{stock:10.1f}{bulk:10.2f}{stock / bulk:8.1f}")


if __name__ == "__main__":
    asyncio.run(main())
