"""Stock execution against bulk, side by side: `python benchmarks/execution.py`.

Process CPU time of executing a parsed operation, medians of rounds that take turns.
"""

import asyncio
import gc
import statistics
import time
from types import SimpleNamespace
from typing import Any

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

from facade.butlr import Entry, Row
from facade.schema import build_schema
from facade.schema.bulk import BulkExecutor
from facade.schema.report import columns

ROUNDS = 7
OPERATIONS = {
    "20,000 rows x 5 fields": "{ rows { time value sensor_id room_id measurement } }",
    "250 sensors x 80 detections, points": "{ sensors { detections_local { start_time points { x y } } } }",
    "250 sensors x 80 detections, value": "{ sensors { detections_local { start_time value } } }",
    "20,000 rows, one of them dirty": "{ dirty { time value sensor_id room_id measurement } }",
    "one series of 20,000 points": "{ series { times values } }",
    "10 rows x 5 fields": "{ few { time value sensor_id room_id measurement } }",
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


def _detections(sensor: int) -> list[Entry]:
    start = 1_760_000_000_000
    return [
        Entry(
            start_time=start + at * 60_000,
            mac_address=f"aa-bb-cc-dd-ee-{sensor:02x}",
            value=[[0.01 * at, 0.25], [0.5, 0.01 * at]],
        )
        for at in range(80)
    ]


def _root() -> SimpleNamespace:
    rows = _rows(20_000)
    return SimpleNamespace(
        rows=rows,
        dirty=[*rows[:-1], Row(time="yesterday", value=1.0)],
        few=rows[:10],
        series=columns([Row(time=row.time, value=row.value) for row in rows]),
        sensors=[SimpleNamespace(detections_local=_detections(sensor)) for sensor in range(250)],
    )


def _schema() -> GraphQLSchema:
    types: dict[str, Any] = build_schema().type_map

    def listed(name: str, type_: Any) -> GraphQLField:
        return GraphQLField(GraphQLList(GraphQLNonNull(type_)), resolve=lambda root, _info: getattr(root, name))

    names = dict.fromkeys(("rows", "dirty", "few"), types["ReportRow"])
    names |= {"series": types["Series"], "sensors": types["DetectionSet"]}
    return GraphQLSchema(GraphQLObjectType("Lists", {name: listed(name, type_) for name, type_ in names.items()}))


async def _milliseconds(schema: GraphQLSchema, document: Any, root: Any, executor: Any) -> float:
    gc.collect()
    begun = time.process_time()
    result = execute(schema, document, root, executor_class=executor)
    if not isinstance(result, ExecutionResult):
        result = await result
    return (time.process_time() - begun) * 1000


async def main() -> None:
    schema, root = _schema(), _root()
    print(f"{'':38}{'stock ms':>10}{'bulk ms':>10}{'ratio':>8}")
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
