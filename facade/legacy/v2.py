"""The reads of REST v2: each path, the operation that now answers it, and the old shape of its answer.

They ended upstream on 2024-10-11, those of floor fixtures on 2024-09-20.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from . import shapes
from .operations import HIVE, HIVE_ROW, ROOM, SENSOR, SPACE, Operation, operation
from .shapes import Data, Shape

PREFIX = "/api/v2"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class EndOfService:
    """When a call ended, as headers of RFC 9745 (Deprecation) and RFC 8594 (Sunset)."""

    deprecation: str
    sunset: str


V2_ENDED = EndOfService("@1728604800", "Fri, 11 Oct 2024 00:00:00 GMT")
FIXTURES_ENDED = EndOfService("@1726790400", "Fri, 20 Sep 2024 00:00:00 GMT")
FIXTURES_NOTICE = (
    "Floor fixtures ended on 20 September 2024, and no current call returns them. Butlr's own GraphQL API "
    "may still have `floor { fixtures }`: ask there."
)


@dataclass(frozen=True, slots=True)
class V2Operation:
    """A call as an operation. `shape` converts its data to the v2 answer, or None if there is no such asset."""

    operation: Operation
    variables: dict[str, Any]
    shape: Shape


@dataclass(frozen=True, slots=True)
class V2Answer:
    operation: Operation
    shape: Shape


@dataclass(frozen=True, slots=True)
class V2Read:
    """A v2 read. `path` is below `/api/v2`, with parameters in braces, which are the operation's variables in order."""

    path: str
    answer: V2Answer
    # Devices are named by their id, which begins with `id_prefix`, or else by the number printed on them.
    id_prefix: str = ""
    otherwise: V2Answer | None = None
    # Mutations of Butlr's own GraphQL API by method, as far as their names are known.
    writes: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, parameters: Mapping[str, str]) -> V2Operation:
        values = list(parameters.values())
        answer = self.answer
        if self.otherwise and not values[-1].startswith(self.id_prefix):
            answer = self.otherwise
        return V2Operation(answer.operation, dict(zip(answer.operation.variables, values, strict=True)), answer.shape)


@dataclass(frozen=True, slots=True)
class GoneRead:
    path: str
    notice: str = FIXTURES_NOTICE
    writes: Mapping[str, str] = field(default_factory=dict)


def refused_write(method: str, read: V2Read | GoneRead) -> str:
    """Say what to do instead of a v2 write."""
    mutation = read.writes.get(method)
    where = "POST /api/v3/graphql at Butlr"
    instead = (
        f"Use the mutation {mutation} of Butlr's own GraphQL API ({where})."
        if mutation
        else f"Butlr's own GraphQL API ({where}) takes writes, but no public source names its mutation for this one: "
        "read its schema there, or ask Butlr."
    )
    return f"{method} {PREFIX}{read.path} ended on 11 October 2024, and this facade only reads. {instead}"


def find(path: str) -> tuple[V2Read | GoneRead, dict[str, str]] | None:
    """Return the read of a path, with or without `/api`, and its parameters."""
    for read, pattern in _PATTERNS:
        if match := pattern.fullmatch(path):
            return read, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def _list(rows: Callable[[Data], Any], row: Callable[[Data], dict[str, Any]]) -> Shape:
    """Return the shape of a list. Its result is None if the place to which the list belongs does not exist."""

    def shape(data: Data) -> dict[str, Any] | None:
        found = rows(data)
        return None if found is None else {"data": [row(one) for one in found]}

    return shape


def _detail(found: Callable[[Data], Any], detail: Callable[[Data], dict[str, Any]]) -> Shape:
    def shape(data: Data) -> dict[str, Any] | None:
        one = found(data)
        return None if one is None else {"data": detail(one)}

    return shape


def _rows_of(name: str) -> Callable[[Data], Any]:
    return lambda data: data[name]["data"]


def _on_floor(name: str) -> Callable[[Data], Any]:
    return lambda data: None if data["floor"] is None else data["floor"][name] or []


def _first_of(rows: Callable[[Data], Any]) -> Callable[[Data], Any]:
    return lambda data: next(iter(rows(data) or ()), None)


def _named(name: str) -> Callable[[Data], Any]:
    return lambda data: data[name]


def _hive_on_floor(data: Data) -> Any:
    # The schema has the hives of a floor and a hive by id, but not a hive by id on a floor.
    floor, hive = data["floor"], data["hive"]
    return hive if floor and hive and hive["floor_id"] == floor["id"] else None


def _answer(text: str, shape: Shape) -> V2Answer:
    return V2Answer(operation(text), shape)


SENSOR_WRITES = {"POST": "createSensors", "PUT": "updateSensors", "PATCH": "updateSensors"}
SPACE_WRITES = {"PUT": "updateFloorInfo", "PATCH": "updateFloorInfo"}

READS: tuple[V2Read | GoneRead, ...] = (
    V2Read(
        "/sensors",
        _answer(f"query SensorsV2 {{ sensors {{ data {{ {SENSOR} }} }} }}", _list(_rows_of("sensors"), shapes.sensor)),
        writes=SENSOR_WRITES,
    ),
    V2Read(
        "/sensors/{id}",
        _answer(
            f"query SensorV2($id: ID!) {{ sensor(id: $id) {{ {SENSOR} }} }}",
            _detail(_named("sensor"), shapes.sensor),
        ),
        id_prefix="sensor_",
        otherwise=_answer(
            f"query SensorByMacV2($mac_address: String!) {{ sensor(mac_address: $mac_address) {{ {SENSOR} }} }}",
            _detail(_named("sensor"), shapes.sensor),
        ),
        writes=SENSOR_WRITES,
    ),
    V2Read(
        "/hives",
        _answer(f"query HivesV2 {{ hives {{ data {{ {HIVE_ROW} }} }} }}", _list(_rows_of("hives"), shapes.hive_row)),
    ),
    V2Read(
        "/hives/{id}",
        _answer(
            f"query HiveV2($id: ID!) {{ hive(id: $id) {{ {HIVE} }} }}",
            _detail(_named("hive"), shapes.hive),
        ),
        id_prefix="hive_",
        otherwise=_answer(
            f"query HiveBySerialV2($serial_number: String!) {{ hive(serial_number: $serial_number) {{ {HIVE} }} }}",
            _detail(_named("hive"), shapes.hive),
        ),
    ),
    V2Read(
        "/spaces",
        _answer(f"query SpacesV2 {{ floors {{ data {{ {SPACE} }} }} }}", _list(_rows_of("floors"), shapes.space)),
    ),
    V2Read(
        "/spaces/{space}",
        _answer(
            f"query SpaceV2($id: ID!) {{ floor(id: $id) {{ {SPACE} }} }}",
            _detail(_named("floor"), shapes.space),
        ),
        writes=SPACE_WRITES,
    ),
    V2Read(
        "/spaces/{space}/rooms",
        _answer(
            f"query SpaceRoomsV2($space: ID!) {{ floor(id: $space) {{ rooms {{ {ROOM} }} }} }}",
            _list(_on_floor("rooms"), shapes.room),
        ),
    ),
    V2Read(
        "/spaces/{space}/rooms/{id}",
        _answer(
            "query SpaceRoomV2($space: ID!, $id: String!) "
            f"{{ floor(id: $space) {{ rooms(ids: [$id]) {{ {ROOM} }} }} }}",
            _detail(_first_of(_on_floor("rooms")), shapes.room),
        ),
    ),
    V2Read(
        "/spaces/{space}/sensors",
        _answer(
            f"query SpaceSensorsV2($space: ID!) {{ floor(id: $space) {{ sensors {{ {SENSOR} }} }} }}",
            _list(_on_floor("sensors"), shapes.sensor),
        ),
        writes=SENSOR_WRITES,
    ),
    V2Read(
        "/spaces/{space}/sensors/{id}",
        _answer(
            "query SpaceSensorV2($space: String!, $id: String!) "
            f"{{ sensors(floor_ids: [$space], ids: [$id]) {{ data {{ {SENSOR} }} }} }}",
            _detail(_first_of(_rows_of("sensors")), shapes.sensor),
        ),
        id_prefix="sensor_",
        otherwise=_answer(
            "query SpaceSensorByMacV2($space: String!, $mac_address: String!) "
            f"{{ sensors(floor_ids: [$space], mac_addresses: [$mac_address]) {{ data {{ {SENSOR} }} }} }}",
            _detail(_first_of(_rows_of("sensors")), shapes.sensor),
        ),
        writes=SENSOR_WRITES,
    ),
    V2Read(
        "/spaces/{space}/hives",
        _answer(
            f"query SpaceHivesV2($space: ID!) {{ floor(id: $space) {{ hives {{ {HIVE_ROW} }} }} }}",
            _list(_on_floor("hives"), shapes.hive_row),
        ),
    ),
    V2Read(
        "/spaces/{space}/hives/{id}",
        _answer(
            f"query SpaceHiveV2($space: ID!, $id: ID!) {{ floor(id: $space) {{ id }} hive(id: $id) {{ {HIVE} }} }}",
            _detail(_hive_on_floor, shapes.hive),
        ),
        id_prefix="hive_",
        otherwise=_answer(
            "query SpaceHiveBySerialV2($space: ID!, $serial_number: String!) "
            f"{{ floor(id: $space) {{ id }} hive(serial_number: $serial_number) {{ {HIVE} }} }}",
            _detail(_hive_on_floor, shapes.hive),
        ),
    ),
    GoneRead("/spaces/{space}/fixtures"),
    GoneRead("/spaces/{space}/fixtures/{id}"),
)

_PARAMETER = re.compile(r"{(\w+)}")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("(?:/api)?/v2" + _PARAMETER.sub(r"(?P<\1>[^/]+)", path) + "/?")


_PATTERNS = tuple((read, _pattern(read.path)) for read in READS)
