"""Bulk execution and graphql-core's own give equal bytes for the same selections over the same records."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLStreamDirective,
    GraphQLString,
    NoUnusedVariablesRule,
    Undefined,
    execute,
    experimental_execute_incrementally,
    get_named_type,
    is_leaf_type,
    parse,
    specified_rules,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Stock

from facade.assets import Assets
from facade.assets.records import RECORD_TYPES, FloorRecord, HiveRecord, RoomRecord, SensorRecord
from facade.butlr import DetectionEntry, ReplyStatistics, Row, WorldEntry, decode_reporting
from facade.butlr.packed import Packed
from facade.cache import Entry as Kept
from facade.execution import Outcome
from facade.execution.executor import BulkExecutor
from facade.execution.projection import (
    MOST_FIELDS,
    MOST_TIMES,
    WRITTEN_ALIKE,
    Times,
    Unproven,
    maps,
    structs,
)
from facade.execution.record_selection import RecordSelection, SelectedField
from facade.execution.record_types import PLAIN
from facade.execution.writing_executor import WritingExecutor
from facade.graph import Context, build_schema
from facade.graph.pages import EdgeRecord
from facade.graph.record_fields import RecordShape, reads
from facade.graph.report_records import GroupKeyRecord, GroupRecord, ReportRecord, SeriesRecord
from facade.graph.scalars import SCALARS, Time, serialize_time
from facade.graph.stats import StatsValueRecord
from facade.loaders import Budget, Points
from facade.series import FULL_ROW, Label, ReportQuery, WindowTimes

# 150 selections a seed and schema, each executed twice on either side: 2,400 selections, 4,800 answers compared.
SEEDS = range(8)
SELECTIONS = 150
DIRT = (0.0, 0.01, 0.05, 0.2)


class Text(str):
    """A str to look at, and of another class."""

    __slots__ = ()


class Later:
    """May be awaited again and again."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


CLEAN: dict[str, list[Any]] = {
    "String": ["", "a", "ü", 'quote " and \\', "{x}", "7"],
    "ID": ["", "room_1", "sensor_1", "sensor_2", "none"],
    "Float": [0.0, -0.0, 1.5, 1e300, -3.25, 7],
    "Int": [0, -1, 2**31 - 1, -(2**31)],
    "Boolean": [True, False],
    "Time": [
        "2025-10-14T15:00:00Z",
        "2025-10-14T15:00:00.250Z",
        "2025-10-14T17:00:00+02:00",
        "1667888615000",
        1667888615000,
        1667888615250,
        1667888615000.0,
        1667888615,
    ],
}
DIRTY: list[Any] = [
    None,
    "",
    "x",
    "3",
    "nan",
    "2025-13-45T00:00:00Z",
    True,
    1,
    1.0,
    0,
    1.5,
    2**31,
    -(2**63),
    10**400,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    ["x"],
    [None],
    {},
    {"x": 1},
    (1.0, 2.0),
    object(),
    Undefined,
    Decimal("1.5"),
    Text("text"),
    ValueError("as a value"),
    GraphQLError("as a value", extensions={"code": "X"}),
    Later(1.5),
    Later("later"),
    Later(None),
    Later(ValueError("later")),
]


class Data:
    """Random records of a schema's types; `dirt` is how probable a wrong value is at each place."""

    def __init__(self, rng: random.Random, records: dict[str, list[type]], dirt: float) -> None:
        self.rng, self.records, self.dirt = rng, records, dirt

    def of(self, type_: Any) -> Any:
        if self.dirt and self.rng.random() < self.dirt:
            return self.rng.choice(DIRTY)
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type)
        return None if self.rng.random() < 0.15 else self._present(type_)

    def _present(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLList):
            return [self.of(type_.of_type) for _ in range(self.rng.choice((0, 1, 2, 4)))]
        if is_leaf_type(type_):
            return self.rng.choice(CLEAN[type_.name])
        made = self.rng.choice(self.records[type_.name])
        names = getattr(made, "__struct_fields__", None) or [field.name for field in dataclasses.fields(made)]
        return made(**{name: self._attribute(type_, name) for name in names})

    def _attribute(self, type_: GraphQLObjectType, name: str) -> Any:
        if name == "points" or (type_.name == "Detection" and name == "value"):
            return self._points()
        if name == "windows":
            return WindowTimes(ReportQuery({"filter": {}, "window": {"every": "5m"}}, None, None), Label.STOP)
        if name in type_.fields:
            return self.of(type_.fields[name].type)
        return self.rng.choice((None, "room_1", "sensor_1", "aa:bb:cc:dd:ee:01", "none"))

    def _points(self) -> Any:
        points: list[Any] = [[self.rng.random(), self.rng.choice((0.5, 1))] for _ in range(self.rng.choice((0, 1, 3)))]
        if self.rng.random() < self.dirt * 3:
            wrong = [[], [0.5], [0.5, 0.5, 0.5], (0.5, 0.5), "ab", None, [None, 0.5], [float("nan"), 1.0], *DIRTY]
            points.append(self.rng.choice(wrong))
        if self.rng.random() < self.dirt:
            return self.rng.choice([tuple(points), None, "points", 5, iter(())])
        return None if self.rng.random() < 0.1 else points


# What asks the upstream: compared in test_batch_resolver.py.
LOADED = {"report", "detections", "stats", "occupancy"}


class Selections:
    """Random valid documents: aliases, fragments of both kinds, directives with and without variables."""

    def __init__(self, rng: random.Random, schema: GraphQLSchema) -> None:
        self.rng, self.schema = rng, schema
        self.fragments: list[str] = []

    def document(self) -> str:
        self.fragments = []
        assert self.schema.query_type
        body = self._set(self.schema.query_type, 0)
        head = "query ($yes: Boolean!, $no: Boolean!, $unsaid: Boolean = true, $frame: PointFrame)"
        if "PointFrame" not in self.schema.type_map:
            head = head.replace(", $frame: PointFrame", "")
        return f"{head} {body} {' '.join(self.fragments)}"

    def _set(self, type_: GraphQLObjectType, depth: int) -> str:
        many = self.rng.choice((1, 2)) if depth == 0 else self.rng.choice((1, 2, 3, 5))
        return "{ " + " ".join(self._selection(type_, depth) for _ in range(many)) + " }"

    def _selection(self, type_: GraphQLObjectType, depth: int) -> str:
        kind = self.rng.random()
        if depth < 3 and kind < 0.08:
            return f"... on {type_.name} {self._directive()} {self._set(type_, depth + 1)}"
        if depth < 3 and kind < 0.12:
            return f"... {self._directive()} {self._set(type_, depth + 1)}"
        if depth < 3 and kind < 0.18:
            body = self._set(type_, depth + 1)
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {type_.name} {body}")
            return f"...{name} {self._directive()}"
        if kind < 0.24:
            return self.rng.choice(("__typename", "t: __typename"))
        return self._field(type_, depth)

    def _field(self, type_: GraphQLObjectType, depth: int) -> str:
        fields = [(name, field) for name, field in type_.fields.items() if name not in LOADED or not field.args]
        name, field = self.rng.choice(fields)
        alias, arguments = self.rng.choice(("", "", "", f"a_{name}: ", f"b_{name}: ")), ""
        if "frame" in field.args and self.rng.random() < 0.4:
            frame = self.rng.choice(("LOCAL", "WORLD", "$frame", "null"))
            alias, arguments = f"{name}_{frame.strip('$')}: ", f"(frame: {frame})"
        inner = get_named_type(field.type)
        below = ""
        if isinstance(inner, GraphQLObjectType):
            deeper = inner.name in RECORDS or inner.name in SHAPES or depth < 4
            below = self._set(inner, depth + 1) if deeper else "{ __typename }"
        return f"{alias}{name}{arguments} {self._directive()} {below}"

    def _directive(self) -> str:
        if self.rng.random() < 0.8:
            return ""
        condition = self.rng.choice(("$yes", "$no", "$unsaid", "true", "false"))
        return f"@{self.rng.choice(('skip', 'include'))}(if: {condition})"


class Counted(BulkExecutor):
    """Counts what graphql-core still executes by itself, by type and field."""

    stock: Counter[str]

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        self.stock[f"{parent_type.name}.{details[0].node.name.value}"] += 1
        return super().execute_field(parent_type, source, details, path, position)


def counted(shapes: Any = PLAIN) -> Any:
    return type("CountedHere", (Counted,), {"stock": Counter(), "shapes": shapes})


async def run(schema: GraphQLSchema, document: Any, root: Any, executor: Any, **more: Any) -> ExecutionResult:
    more = {"context_value": context()} | more
    result = execute(schema, document, root, executor_class=executor, **more)
    if not isinstance(result, ExecutionResult):
        result = await result
    # What an error left behind is settled by the executor in the background.
    if left := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(left)
    assert isinstance(result, ExecutionResult)
    return result


def written(result: ExecutionResult) -> tuple[str, list[str]]:
    """Data with its order of keys, and the errors; in any order, for those of fields that wait come as they fall."""
    errors = sorted(json.dumps(error.formatted) for error in result.errors or [])
    return json.dumps(result.data, allow_nan=False), errors


def as_bytes(result: ExecutionResult) -> tuple[bytes, list[str]]:
    """As the endpoint writes it; of an execution that writes, too."""
    return orjson.dumps(result.data), sorted(json.dumps(error.formatted) for error in result.errors or [])


def same(answer: tuple[Any, list[str]], expected: tuple[Any, list[str]]) -> bool:
    """Of an answer that is null as a whole, errors below may be left out: whoever waits has not met them yet."""
    if answer[0] == expected[0] in ("null", b"null"):
        return bool(answer[1]) and set(answer[1]) <= set(expected[1])
    return answer == expected


def writing(shapes: Any = PLAIN) -> Any:
    return type("WritingHere", (WritingExecutor,), {"shapes": shapes})


# The real types, under a query of lists.


ASSETS = Assets(
    sensors={
        "sensor_1": SensorRecord(
            id="sensor_1",
            mac_address="aa:bb:cc:dd:ee:01",
            room_id="room_1",
            floor_id="space_1",
            hive_id="hive_1",
            center=[1.0, 2.0],
            height=2.5,
        ),
        "sensor_2": SensorRecord(id="sensor_2"),
    },
    rooms={"room_1": RoomRecord(id="room_1", name="One")},
    floors={"space_1": FloorRecord(id="space_1")},
    hives={"hive_1": HiveRecord(id="hive_1")},
)


class Known:
    """A source of assets that has them at hand."""

    name = "known"
    knows = frozenset(RECORD_TYPES)

    async def assets(self, _caller: Any, _read_log: Any) -> Assets:
        return ASSETS


def context() -> Context:
    # Nothing selected here comes to the upstream: what is left of the services is there to be passed on.
    upstream = SimpleNamespace(now=lambda: datetime(2025, 10, 14, tzinfo=UTC))
    services: Any = SimpleNamespace(reports=None, detections=None, upstream=upstream, assets=Known())
    caller: Any = object()
    read_log: Any = object()
    return Context(services, caller, read_log, "request")


RECORDS: dict[str, list[type]] = {
    "Detection": [DetectionEntry, WorldEntry],
    "GroupKey": [GroupKeyRecord],
    "ReportGroup": [GroupRecord],
    "ReportRow": [Row, FULL_ROW],
    "ReportRowEdge": [EdgeRecord],
    "Series": [SeriesRecord],
    "Statistics": [ReplyStatistics],
    "StatsValue": [StatsValueRecord],
}


def real_schema() -> GraphQLSchema:
    types: dict[str, Any] = build_schema().type_map
    listed = {
        **{name.lower(): GraphQLList(GraphQLNonNull(types[name])) for name in RECORDS},
        **{f"{name.lower()}_or_null": GraphQLNonNull(GraphQLList(types[name])) for name in RECORDS},
        "one": types["ReportGroup"],
        "nested": GraphQLList(GraphQLList(types["ReportRow"])),
    }

    def field(name: str, type_: Any) -> GraphQLField:
        return GraphQLField(type_, resolve=lambda root, _info: getattr(root, name))

    return GraphQLSchema(GraphQLObjectType("Lists", {name: field(name, type_) for name, type_ in listed.items()}))


# A schema with a null that breaks something at every turn.


@strawberry.type
class Leaf:
    text: str
    whole: int
    number: float
    flag: bool
    id: strawberry.ID
    time: Time
    maybe_text: str | None
    maybe_whole: int | None
    maybe_number: float | None
    maybe_flag: bool | None
    maybe_id: strawberry.ID | None
    maybe_time: Time | None


@strawberry.type
class Pair:
    x: float
    y: float | None


def _sync(root: strawberry.Parent[Any]) -> Any:
    if root.whole == 0:
        raise ValueError("sync")
    return root.text


async def _async(root: strawberry.Parent[Any]) -> Any:
    await asyncio.sleep(0)
    if root.whole == -1:
        raise ValueError("async")
    return root.text


@reads("points", x=0, y=1)
def _pairs(root: strawberry.Parent[Any]) -> Any:
    return None if root.points is None else [PairRecord(point[0], point[1]) for point in root.points]


@strawberry.type
class Branch:
    text: str
    whole: int
    python_name: str = strawberry.field(name="graphqlName")
    child: Leaf
    maybe_child: Leaf | None
    children: list[Leaf]
    maybe_children: list[Leaf | None] | None
    numbers: list[float]
    maybe_numbers: list[float | None] | None
    table: list[list[int | None]]
    times: list[Time]
    sync: str = strawberry.field(resolver=_sync, graphql_type=str)
    maybe_sync: str | None = strawberry.field(resolver=_sync, graphql_type=str | None)
    later: str = strawberry.field(resolver=_async, graphql_type=str)
    maybe_later: str | None = strawberry.field(resolver=_async, graphql_type=str | None)
    pairs: list[Pair] = strawberry.field(resolver=_pairs, graphql_type=list[Pair])
    maybe_pairs: list[Pair | None] | None = strawberry.field(resolver=_pairs, graphql_type=list[Pair | None] | None)


class LeafRecord(msgspec.Struct):
    text: Any
    whole: Any
    number: Any
    flag: Any
    id: Any
    time: Any
    maybe_text: Any
    maybe_whole: Any
    maybe_number: Any
    maybe_flag: Any
    maybe_id: Any
    maybe_time: Any


class PairRecord(msgspec.Struct):
    x: Any
    y: Any


@dataclasses.dataclass
class BranchRecord:
    text: Any
    whole: Any
    python_name: Any
    child: Any
    maybe_child: Any
    children: Any
    maybe_children: Any
    numbers: Any
    maybe_numbers: Any
    table: Any
    times: Any
    points: Any


BRANCH = tuple(field.name for field in dataclasses.fields(BranchRecord))


@dataclasses.dataclass
class OtherRecord(BranchRecord):
    """Not a class that the shape names: always graphql-core's."""


SHAPES = {
    "Leaf": RecordShape((LeafRecord,)),
    "Branch": RecordShape((BranchRecord,)),
    "Pair": RecordShape((PairRecord,)),
}


@strawberry.type
class Roots:
    branches: list[Branch] | None
    branches_or_null: list[Branch | None] | None
    branch: Branch | None
    needed: list[Leaf]


def strict_schema() -> GraphQLSchema:
    schema = strawberry.Schema(Roots, config=StrawberryConfig(auto_camel_case=False, scalar_map=SCALARS))
    return schema._schema


@dataclasses.dataclass
class Side:
    schema: GraphQLSchema
    records: dict[str, list[type]]
    shapes: Any

    def root(self, rng: random.Random, dirt: float) -> Any:
        return Root(self, Data(rng, self.records, dirt))


class Root:
    """Makes the data of a root field when it is first read, and keeps it for the other executor."""

    def __init__(self, side: Side, data: Data) -> None:
        self._side, self._data = side, data

    def __getattr__(self, name: str) -> Any:
        assert self._side.schema.query_type
        value = self._data.of(self._side.schema.query_type.fields[name].type)
        setattr(self, name, value)
        return value


@pytest.fixture(scope="module", params=["the real types", "a strict schema"])
def side(request: pytest.FixtureRequest) -> Side:
    if request.param == "the real types":
        return Side(real_schema(), RECORDS, PLAIN)
    return Side(strict_schema(), {"Leaf": [LeafRecord], "Branch": [BranchRecord] * 4 + [OtherRecord]}, SHAPES)


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_answer_is_the_one_of_stock_execution(side: Side, seed: int) -> None:
    rng = random.Random(seed)
    selections = Selections(rng, side.schema)
    bulk = counted(side.shapes)
    errors = 0
    for _ in range(SELECTIONS):
        text = selections.document()
        document = parse(text)
        for yes in (True, False):
            root = side.root(rng, rng.choice(DIRT))
            variables = {"yes": yes, "no": not yes}
            stock = await run(side.schema, document, root, Stock, variable_values=variables)
            expected = written(stock)
            answer = written(await run(side.schema, document, root, bulk, variable_values=variables))
            assert same(answer, expected), (text, root, answer, expected)
            sent = as_bytes(await run(side.schema, document, root, writing(side.shapes), variable_values=variables))
            assert same(sent, as_bytes(stock)), (text, root)
            errors += len(expected[1])
    assert errors > 20


@pytest.mark.parametrize("field", LeafRecord.__struct_fields__)
async def test_every_wrong_value_of_a_scalar_is_judged_as_ever(field: str) -> None:
    schema = strict_schema()
    data = Data(random.Random(3), {"Leaf": [LeafRecord]}, 0.0)
    document = parse(f"{{ branch {{ maybe_children {{ {field} }} }} }}")
    for value in DIRTY:
        leaves = [data.of(GraphQLNonNull(schema.type_map["Leaf"])) for _ in range(2)]
        setattr(leaves[1], field, value)
        root = SimpleNamespace(branch=BranchRecord(**dict.fromkeys(BRANCH) | {"maybe_children": leaves}))
        stock = await run(schema, document, root, Stock)
        assert written(await run(schema, document, root, counted(SHAPES))) == written(stock), value
        assert as_bytes(await run(schema, document, root, writing(SHAPES))) == as_bytes(stock), value


def test_the_documents_compared_are_valid(side: Side) -> None:
    selections = Selections(random.Random(0), side.schema)
    rules = [rule for rule in specified_rules if rule is not NoUnusedVariablesRule]
    for _ in range(50):
        text = selections.document()
        assert validate(side.schema, parse(text), rules) == [], text


# That it is fast at all: what graphql-core did by itself, counted.


def rows(count: int) -> list[Row]:
    return [Row(time="2025-10-14T15:00:00Z", value=float(at), sensor_id="sensor_1") for at in range(count)]


async def stock_fields(text: str, root: Any, schema: GraphQLSchema | None = None, shapes: Any = PLAIN) -> Counter[str]:
    """The fields that bulk execution left to graphql-core, but for the root's; the answer is compared on the way."""
    schema = schema or real_schema()
    document = parse(text)
    assert validate(schema, document) == []
    bulk = counted(shapes)
    expected = written(await run(schema, document, root, Stock))
    assert written(await run(schema, document, root, bulk)) == expected
    assert schema.query_type
    return Counter({name: n for name, n in bulk.stock.items() if not name.startswith(f"{schema.query_type.name}.")})


@pytest.mark.parametrize(
    "text",
    [
        "{ reportrow { time value sensor_id } }",
        "{ reportrow { __typename when: time, ...Values } } fragment Values on ReportRow { value, again: value }",
        "{ reportrow { __typename } }",
        "{ reportrow_or_null { time @skip(if: true), value @include(if: true) } }",
        "{ reportrowedge { cursor node { time value preprocessed } } }",
        "{ detection { start_time value points { x y __typename } } }",
        "{ series { times values measurement } }",
        "{ reportgroup { keys { name value } statistics { count mean } value time } }",
        "{ statsvalue { measurement value } }",
    ],
)
async def test_clean_records_cost_no_field_of_their_own(text: str) -> None:
    root = Side(real_schema(), RECORDS, PLAIN).root(random.Random(5), 0.0)
    root.reportrow_or_null = rows(3)
    assert await stock_fields(text, root) == {}


async def test_clean_records_are_written_without_a_map_each() -> None:
    text = "{ reportrow { __typename when: time, ...Values } } fragment Values on ReportRow { value, sensor_id }"
    result = await run(real_schema(), parse(text), SimpleNamespace(reportrow=rows(3)), WritingExecutor)
    assert result.data
    assert type(result.data["reportrow"]) is orjson.Fragment


@given(st.one_of(st.floats(), st.floats(-WRITTEN_ALIKE, WRITTEN_ALIKE), st.integers().map(float)), st.text())
def test_numbers_and_texts_are_written_as_orjson_writes_them(value: float, text: str) -> None:
    fields = (SelectedField("a", "value", GraphQLFloat), SelectedField("b", "field", GraphQLString))
    selection = RecordSelection("ReportRow", PLAIN["ReportRow"], fields)
    record = Row(value=value, field=text)
    if abs(value) < WRITTEN_ALIKE:
        assert msgspec.json.encode(structs(selection)([record], Times())) == orjson.dumps([{"a": value, "b": text}])
    else:
        with pytest.raises((Unproven, GraphQLError)):
            structs(selection)([record], Times())


async def test_a_number_that_would_be_written_otherwise_leaves_the_list_to_orjson() -> None:
    result = await run(
        real_schema(), parse("{ reportrow { value } }"), SimpleNamespace(reportrow=[Row(value=1e22)]), WritingExecutor
    )
    assert orjson.dumps(result.data) == b'{"reportrow":[{"value":1e+22}]}'


async def test_a_dirty_record_slows_itself_alone() -> None:
    dirty = [*rows(5), Row(time="yesterday", value=1.0), *rows(5)]
    left = await stock_fields("{ reportrow { time value } }", SimpleNamespace(reportrow=dirty))
    assert left == {"ReportRow.time": 1, "ReportRow.value": 1}


def report_schema() -> GraphQLSchema:
    report = GraphQLField(build_schema().type_map["Report"], resolve=lambda root, _info: root())
    return GraphQLSchema(GraphQLObjectType("Lists", {"report": report}))


def report_of(body: bytes | Packed) -> Any:
    kept = Kept(b"", "application/json", as_of=0.0, fresh_until=0.0, settled_until=None, partial=False)
    # A new one each time: none may profit from what another execution has decoded.
    query = ReportQuery({"filter": {}}, None, None)
    return lambda: ReportRecord(Points(query, Label.STOP, kept, decode_reporting(body)), query.body)


WIRE_ROWS: dict[str, bytes] = {
    "clean": b'[{"time":"2025-10-14T15:00:00Z","value":1,"room_id":"","sensor_id":"sensor_1"}]',
    "a time that is none": b'[{"time":"2025-10-14T15:00:00Z","value":1},{"time":"yesterday","room_id":""}]',
    "a number that is text": b'[{"time":1760454000000,"value":"3"},{"value":"nan"},7,null]',
    "dirt elsewhere": b'[{"time":"2025-10-14T15:00:00Z","value":2.5,"zone_id":7,"hive_id":{}}]',
    "a great number": b'[{"value":1e22,"time":null}]',
    "none": b"[]",
    "null": b"null",
    "nested": b'{"room_1":{"2025-10-14T15:00:00Z":[{"value":3,"time":"2025-10-14T15:00:00Z"}]}}',
}


@pytest.mark.parametrize("name", WIRE_ROWS)
@pytest.mark.parametrize(
    "text",
    [
        "{ report { rows { time value } } }",
        "{ report { rows { __typename } } }",
        "{ report { rows { room_id r: room_id value } all: rows { zone_id time } } }",
        "{ report { series { times values sensor_id } rows { sensor_id value time } } }",
        "{ report { rows { value sensor { id } } } }",
    ],
)
async def test_rows_decoded_as_far_as_they_are_selected_answer_as_whole_ones(name: str, text: str) -> None:
    schema, root, document = report_schema(), report_of(b'{"data":' + WIRE_ROWS[name] + b"}"), parse(text)
    assert validate(schema, document) == []
    expected = as_bytes(await run(schema, document, root, Stock))
    assert as_bytes(await run(schema, document, root, BulkExecutor)) == expected
    assert as_bytes(await run(schema, document, root, WritingExecutor)) == expected


async def test_rows_that_cannot_be_decoded_are_an_error_at_their_place() -> None:
    schema, root = report_schema(), report_of(b'{"data":[{"time":"\xff"}]}')
    document = parse("{ report { page_info { page } rows { time } } }")
    stock = await run(schema, document, root, Stock)
    assert [error.path for error in stock.errors or []] == [["report", "rows"]]
    assert as_bytes(await run(schema, document, root, WritingExecutor)) == as_bytes(stock)


async def test_clean_rows_are_decoded_as_far_as_they_are_selected() -> None:
    record = report_of(b'{"data":' + WIRE_ROWS["clean"] + b"}")()
    result = await run(report_schema(), parse("{ report { rows { room_id value } } }"), lambda: record, WritingExecutor)
    assert orjson.dumps(result.data) == b'{"report":{"rows":[{"room_id":null,"value":1.0}]}}'
    (row,) = record.rows.having(frozenset({"value"}))
    assert not hasattr(row, "time")


async def test_a_null_in_a_list_slows_no_other_record() -> None:
    assert (
        await stock_fields("{ reportrow_or_null { time } }", SimpleNamespace(reportrow_or_null=[*rows(2), None])) == {}
    )


@pytest.mark.parametrize(
    "text",
    [
        "{ reportrow { time sensor { id } value } }",
        "{ reportrow { s: sensor { id, floorID zone_ids f: floor { name rooms(ids: []) { id } } } } }",
        "{ reportrow { ...R } } fragment R on ReportRow { room { sensors { room { id } } } sensor { __typename } }",
    ],
)
async def test_what_rows_refer_to_is_looked_up_for_all_of_them_at_once(text: str) -> None:
    assert await stock_fields(text, SimpleNamespace(reportrow=rows(4))) == {}


async def test_what_many_rows_refer_to_costs_what_it_costs_row_by_row() -> None:
    document = parse("{ reportrow { sensor { floor { id } } } }")
    spent = []
    for executor in (Stock, BulkExecutor, WritingExecutor):
        context_ = context()
        context_.budget = Budget(now=None)
        await run(real_schema(), document, SimpleNamespace(reportrow=rows(4)), executor, context_value=context_)
        spent.append(context_.budget.spent)
    assert spent == [8, 8, 8]


async def test_points_in_another_frame_are_left_to_their_resolver() -> None:
    entries = [DetectionEntry(mac_address="aa:bb:cc:dd:ee:01", value=[[0.5, 0.5]])]
    left = await stock_fields(
        "{ detection { mac_address points(frame: WORLD) { x y } } }", SimpleNamespace(detection=entries)
    )
    assert left == {"Detection.points": 1}


async def test_a_point_of_one_number_is_an_error_whichever_is_selected() -> None:
    entries = [DetectionEntry(value=[[0.5, 0.5]]), DetectionEntry(value=[[0.5]])]
    left = await stock_fields("{ detection { points { x } } }", SimpleNamespace(detection=entries))
    assert left == {"Detection.points": 1}


async def test_true_is_not_the_time_that_one_is() -> None:
    times: list[Any] = [1, True, 1.0, "1"]
    left = await stock_fields("{ reportrow { time } }", SimpleNamespace(reportrow=[Row(time=t) for t in times]))
    assert left == {"ReportRow.time": 2}


async def test_a_list_of_lists_is_not_taken_for_a_list_of_records() -> None:
    assert await stock_fields("{ nested { time } }", SimpleNamespace(nested=[rows(2), [], None])) == {}


async def test_a_selection_beyond_all_reason_is_not_compiled() -> None:
    aliases = " ".join(f"a{at}: value" for at in range(MOST_FIELDS))
    assert await stock_fields(f"{{ reportrow {{ {aliases} }} }}", SimpleNamespace(reportrow=rows(1))) == {}
    left = await stock_fields(f"{{ reportrow {{ {aliases} time }} }}", SimpleNamespace(reportrow=rows(1)))
    assert left == {"ReportRow.value": MOST_FIELDS, "ReportRow.time": 1}


async def test_a_resolver_put_in_place_afterwards_is_called() -> None:
    schema = strawberry.Schema(Roots, config=StrawberryConfig(auto_camel_case=False, scalar_map=SCALARS))._schema
    leaf: Any = schema.type_map["Leaf"]
    leaf.fields["text"].resolve = lambda _leaf, _info: "replaced"
    root = Side(schema, {"Leaf": [LeafRecord], "Branch": [BranchRecord]}, SHAPES).root(random.Random(1), 0.0)
    left = await stock_fields("{ needed { text whole } }", root, schema, SHAPES)
    assert root.needed
    assert left == {"Leaf.text": len(root.needed)}


async def test_a_field_extension_has_its_say() -> None:
    class Loud(FieldExtension):
        def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
            return next_(source, info, **arguments).upper()

    @strawberry.type
    class Voice:
        text: str = strawberry.field(extensions=[Loud()])
        python_name: str

    Query = strawberry.type(type("Query", (), {"__annotations__": {"voices": list[Voice]}}))
    schema = strawberry.Schema(Query, config=StrawberryConfig(auto_camel_case=False))._schema
    root = SimpleNamespace(voices=[BranchRecord(**dict.fromkeys(BRANCH, "low"))])
    left = await stock_fields("{ voices { text python_name } }", root, schema, {"Voice": RecordShape((BranchRecord,))})
    assert left == {"Voice.text": 1}


async def test_middleware_sees_every_field() -> None:
    seen: list[str] = []

    def middleware(resolve: Any, root: Any, info: Any, **arguments: Any) -> Any:
        seen.append(info.field_name)
        return resolve(root, info, **arguments)

    await run(
        real_schema(),
        parse("{ reportrow { time } }"),
        SimpleNamespace(reportrow=rows(2)),
        BulkExecutor,
        middleware=[middleware],
    )
    assert seen == ["reportrow", "time", "time"]


async def test_a_field_that_the_type_lacks_is_left_out() -> None:
    # No validated document has one.
    result = await run(
        real_schema(), parse("{ reportrow { nope time } }"), SimpleNamespace(reportrow=rows(1)), BulkExecutor
    )
    assert result.data == {"reportrow": [{"time": "2025-10-14T15:00:00Z"}]}


@pytest.mark.parametrize("text", ["{ reportrow { time ... @defer { value } } }", "{ reportrow @stream { time } }"])
async def test_incremental_delivery_goes_as_ever(text: str) -> None:
    plain = real_schema()
    schema = GraphQLSchema(
        plain.query_type, directives=[*plain.directives, GraphQLDeferDirective, GraphQLStreamDirective]
    )
    document = parse(text)
    assert validate(schema, document) == []

    async def delivered(executor: Any) -> list[Any]:
        result: Any = experimental_execute_incrementally(
            schema, document, SimpleNamespace(reportrow=rows(3)), context(), executor_class=executor
        )
        return [result.initial_result.formatted, *[part.formatted async for part in result.subsequent_results]]

    parts = await delivered(BulkExecutor)
    assert len(parts) > 1
    assert parts == await delivered(Stock)


def test_names_in_a_query_write_no_code() -> None:
    """GraphQL's grammar lets no quote through; a projection would not either."""
    name = "a'}, __import__('os').abort() #\n"
    selection = RecordSelection("ReportRow", PLAIN["ReportRow"], (SelectedField(name, "value", GraphQLFloat),))
    assert maps(selection)(rows(1), Times()) == [{name: 0.0}]


@given(
    st.lists(st.one_of(st.integers(), st.text(), st.sampled_from(CLEAN["Time"]).filter(lambda t: type(t) is not float)))
)
def test_times_remembered_are_the_times_written(values: list[str | int]) -> None:
    times = Times()
    for value in values * 2:
        expected = serialize_time(value)
        if expected is None:
            with pytest.raises(Unproven):
                times[value]
        else:
            assert times[value] == expected


async def chunks_of(body: bytes, text: str, executor: Any, *, piece: int = 100) -> tuple[bytes, list[str], int]:
    """The answer over a packed body, and in how many chunks it came."""
    packed = Packed(piece)
    await packed.add([body])
    packed.finish()
    document = parse(text)
    assert validate(report_schema(), document) == []
    context_ = context()
    result = await run(report_schema(), document, report_of(packed), executor, context_value=context_)
    chunks = Outcome(True, result.data, list(result.errors or []), context_.large).chunks()
    return b"".join(chunks), sorted(json.dumps(error.formatted) for error in result.errors or []), len(chunks)


LARGE_ROWS = {
    "clean": b",".join(
        b'{"time":"2025-10-14T15:00:%02dZ","value":%d,"sensor_id":"sensor_1"}' % (n, n) for n in range(50)
    ),
    "one of them dirty": b",".join([b'{"time":null,"value":1}'] * 30 + [b'7,{"value":"3"}'] + [b'{"value":2}'] * 30),
    "one time that is none": b",".join([b'{"value":1}'] * 30 + [b'{"time":"yesterday"}'] + [b'{"value":2}'] * 30),
    "numbers written otherwise": b",".join([b'{"value":1}'] * 30 + [b'{"value":1e22}'] + [b'{"value":2}'] * 30),
    "no objects": b",".join([b"7"] * 100),
}


@pytest.mark.parametrize("name", LARGE_ROWS)
@pytest.mark.parametrize(
    "text",
    [
        "{ report { rows { time value } } }",
        "{ report { a: rows { v: value sensor { id room { name } } } page_info { page } rows { __typename time } } }",
        "{ report { series { times values } rows { value } } }",
        "{ report { rows { value sensor { algorithm_config } } } }",
    ],
)
async def test_a_packed_report_answers_as_its_bytes_do(name: str, text: str) -> None:
    body = b'{"data":[' + LARGE_ROWS[name] + b'],"page_info":{"page":1}}'
    expected = await chunks_of(body, text, Stock)
    for executor in (BulkExecutor, WritingExecutor):
        assert (await chunks_of(body, text, executor))[:2] == expected[:2]


async def test_a_packed_report_is_written_in_parts() -> None:
    body = b'{"data":[' + LARGE_ROWS["clean"] + b'],"page_info":{"page":1}}'
    for text in ("{ report { rows { time value } } }", "{ report { rows { value sensor { id } } } }"):
        assert (await chunks_of(body, text, WritingExecutor))[2] > 20


async def test_a_packed_report_that_is_cut_is_an_error_at_its_place() -> None:
    body = b'{"data":[' + LARGE_ROWS["clean"]
    expected = await chunks_of(body, "{ report { rows { value } } }", Stock)
    assert expected[1]
    assert (await chunks_of(body, "{ report { rows { value } } }", WritingExecutor))[:2] == expected[:2]


def test_times_remembered_are_bounded() -> None:
    times = Times()
    for at in range(MOST_TIMES + 5):
        assert times[at * 1000] == serialize_time(at * 1000)
    assert len(times) == 5
