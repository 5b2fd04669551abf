"""Butlr's own GraphQL API over the campus, with the faults it is known for.

`floorID` and `roomID` of a device that hangs nowhere are errors; `sensors` ignores its filters by place and
hive; tags are found by id alone, a name finds nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from .campus import Building, Campus, Floor, Hive, Room, Sensor, Site, Tag, Zone
from .construction import FIRST_INSTALLED
from .validation import format_time

YEAR = 365 * 86_400
Info = GraphQLResolveInfo[Any]
Resolver = Callable[..., Any]
Placed = TypeVar("Placed", Floor, Room, Zone)


@dataclass(frozen=True, slots=True)
class Context:
    campus: Campus
    tenant: str
    now: float


def execute(body: Any, context: Context) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the reply."""
    query = body.get("query") if isinstance(body, dict) else None
    if not isinstance(query, str):
        return 400, failure("BAD_USER_INPUT", "The body must be an object with a `query`.")
    try:
        document, invalid = _checked(query)
    except GraphQLError as exc:
        return 400, {"errors": [_coded(exc, "GRAPHQL_PARSE_FAILED")]}
    if invalid:
        return 400, {"errors": [_coded(error, "GRAPHQL_VALIDATION_FAILED") for error in invalid]}
    result = execute_sync(
        schema(),
        document,
        context_value=context,
        variable_values=body.get("variables"),
        operation_name=body.get("operationName"),
    )
    reply: dict[str, Any] = {"data": result.data}
    # Without a path an error is of the request, not of a field: a variable, or no such operation.
    if result.errors:
        reply["errors"] = [
            _coded(error, "INTERNAL_SERVER_ERROR" if error.path else "BAD_USER_INPUT") for error in result.errors
        ]
        if not any(error.path for error in result.errors):
            return 400, {"errors": reply["errors"]}
    return 200, reply


def failure(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}


def _coded(error: GraphQLError, code: str) -> dict[str, Any]:
    return {**error.formatted, "extensions": {"code": code}}


@lru_cache(maxsize=256)
def _checked(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    document = parse(query)
    return document, validate(schema(), document)


@cache
def schema() -> GraphQLSchema:
    built = build_schema(files(__package__).joinpath("native.graphql").read_text())
    for type_name, resolvers in RESOLVERS.items():
        fields = built.type_map[type_name]
        if not isinstance(fields, GraphQLObjectType):
            raise TypeError(f"{type_name} has no fields")
        for name, resolver in resolvers.items():
            fields.fields[name].resolve = resolver
    return built


def _campus(info: Info) -> Campus:
    context: Context = info.context
    return context.campus


def _listed(of: Callable[[Campus], list[Any]], *keys: tuple[str, str]) -> Resolver:
    """Answer a wrapped list. The keys are the filter arguments, the values their fields."""

    def resolve(_: None, info: Info, **arguments: Any) -> dict[str, Any]:
        found = of(_campus(info))
        for argument, name in keys:
            if (wanted := arguments.get(argument)) is not None:
                found = [asset for asset in found if getattr(asset, name) in wanted]
        return {"data": found}

    return resolve


def _single(of: Callable[[Campus], list[Any]]) -> Resolver:
    def resolve(_: None, info: Info, **arguments: str | None) -> Any:
        wanted = [(name, value) for name, value in arguments.items() if value is not None]
        for asset in of(_campus(info)):
            if wanted and all(getattr(asset, name) == value for name, value in wanted):
                return asset
        return None

    return resolve


def _by_tag(of: Callable[[Campus], list[Placed]]) -> Resolver:
    def resolve(
        _: None, info: Info, tagIDs: list[str] | None = None, useOR: bool | None = None
    ) -> dict[str, list[Placed]]:
        wanted = set(tagIDs or ())

        def matches(tags: Iterable[str]) -> bool:
            return not wanted.isdisjoint(tags) if useOR else bool(wanted) and wanted.issubset(tags)

        return {"data": [place for place in of(_campus(info)) if matches(place.tag_ids)]}

    return resolve


def _tags(_: None, info: Info, ids: list[str] | None = None) -> list[Tag]:
    return [tag for tag in _campus(info).tags if ids is None or tag.id in ids]


def _tags_of(place: Floor | Room | Zone, info: Info) -> list[Tag]:
    return [tag for tag in _campus(info).tags if tag.id in place.tag_ids]


def _tagged(of: Callable[[Campus], list[Placed]]) -> Resolver:
    def resolve(tag: Tag, info: Info) -> list[Placed]:
        return [place for place in of(_campus(info)) if tag.id in place.tag_ids]

    return resolve


def _buildings_of(site: Site, info: Info) -> list[Building]:
    return [building for building in _campus(info).buildings if building.site_id == site.id]


def _floors_of(building: Building, info: Info) -> list[Floor]:
    return [floor for floor in _campus(info).floors if floor.building_id == building.id]


def _rooms_of(floor: Floor, info: Info, ids: list[str] | None = None) -> list[Room]:
    return [room for room in _campus(info).rooms_of_floor[floor.id] if ids is None or room.id in ids]


def _zones_of(floor: Floor, info: Info, ids: list[str] | None = None) -> list[Zone]:
    return [zone for zone in _campus(info).zones_of_floor[floor.id] if ids is None or zone.id in ids]


def _hives_of(floor: Floor, info: Info) -> list[Hive]:
    return [hive for hive in _campus(info).hives if hive.floor_id == floor.id]


def _sensors_of(place: Floor | Room | Zone | Hive, info: Info, ids: list[str] | None = None) -> list[Sensor]:
    sensors = _campus(info).sensors_of.get(place.id, [])
    return [sensor for sensor in sensors if ids is None or sensor.id in ids]


def _floor_of(asset: Room | Zone | Hive | Sensor, info: Info) -> Floor | None:
    return _campus(info).floor.get(asset.floor_id)


def _floor_id_or_error(device: Hive | Sensor, _: Info) -> str | None:
    # The schema says non-null, so null is an error.
    return device.floor_id or None


def _room_id_or_error(device: Hive | Sensor, _: Info) -> str | None:
    return device.room_id if device.floor_id else None


def _metadata(*_: Any) -> dict[str, str | None]:
    installed = format_time(FIRST_INSTALLED)
    return {"created_at": installed, "updated_at": installed, "deleted_at": None}


def _code_of(asset: Site | Building | Floor, _: Info) -> str:
    return "-".join(asset.name.upper().split())


def _heard(device: Hive | Sensor, info: Info) -> int:
    """When a device was last heard, epoch seconds: of one that is offline, when it was last on a ceiling."""
    context: Context = info.context
    return int(context.now) - sum(device.id.encode()) % 60 if device.is_online else FIRST_INSTALLED


def _battery_date(years: int) -> Resolver:
    def resolve(sensor: Sensor, info: Info) -> str | None:
        if sensor.power_type != "Battery":
            return None
        context: Context = info.context
        # Changed every other year, counted from the first installation.
        changed = FIRST_INSTALLED + (context.now - FIRST_INSTALLED) // (2 * YEAR) * 2 * YEAR
        return format_time(changed + years * YEAR)

    return resolve


def _constant(value: Any) -> Resolver:
    return lambda *_, **__: value


def _same_as(name: str) -> Resolver:
    return lambda asset, _: getattr(asset, name)


def _tenant(_: Any, info: Info) -> str:
    context: Context = info.context
    return context.tenant


_PLACED: dict[str, Resolver] = {
    "floorID": _same_as("floor_id"),
    "floor": _floor_of,
    "sensors": _sensors_of,
    "tags": _tags_of,
    "metadata": _metadata,
}
_DEVICE: dict[str, Resolver] = {
    "floorID": _floor_id_or_error,
    "floor_id": _floor_id_or_error,
    "floor": _floor_of,
    "roomID": _room_id_or_error,
    "room_id": _room_id_or_error,
    "room": lambda device, info: _campus(info).room.get(device.room_id),
    "metadata": _metadata,
    "is_sleep_time": _constant(False),
}
RESOLVERS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "sites": _listed(lambda campus: campus.sites),
        "site": _single(lambda campus: campus.sites),
        "buildings": _listed(lambda campus: campus.buildings),
        "building": _single(lambda campus: campus.buildings),
        "floors": _listed(lambda campus: campus.floors, ("ids", "id")),
        "floor": _single(lambda campus: campus.floors),
        "rooms": _listed(lambda campus: campus.rooms, ("ids", "id")),
        "room": _single(lambda campus: campus.rooms),
        "zones": _listed(lambda campus: campus.zones, ("ids", "id")),
        "zone": _single(lambda campus: campus.zones),
        "floorsByTag": _by_tag(lambda campus: campus.floors),
        "roomsByTag": _by_tag(lambda campus: campus.rooms),
        "zonesByTag": _by_tag(lambda campus: campus.zones),
        # The other arguments of the schema have no effect, as with Butlr.
        "sensors": _listed(lambda campus: campus.sensors, ("ids", "id"), ("mac_addresses", "mac_address")),
        "hives": _listed(lambda campus: campus.hives, ("ids", "id"), ("serial_numbers", "serialNumber")),
        "tags": _tags,
        "webhooks": _constant([]),
        "groups": _constant({"data": []}),
    },
    "Site": {"buildings": _buildings_of, "butlrCode": _code_of},
    "Building": {
        "floors": _floors_of,
        "site": lambda building, info: _campus(info).site[building.site_id],
        "butlr_code": _code_of,
        "butlrCode": _code_of,
        "buildingNumber": _same_as("building_number"),
    },
    "Floor": {
        "building": lambda floor, info: _campus(info).building[floor.building_id],
        "metadata": _metadata,
        "installation_status": _constant("INSTALLED"),
        "sensors": _sensors_of,
        "hives": _hives_of,
        "floor_plans": _constant([]),
        "tags": _tags_of,
        "rooms": _rooms_of,
        "zones": _zones_of,
        "fixtures": _constant([]),
        "butlrCode": _code_of,
        "floor_id": _same_as("id"),
        "client_id": _tenant,
        "buildingId": _same_as("building_id"),
    },
    "Room": {
        **_PLACED,
        "rotation": _constant(0.0),
        "pir_zero_enable": _constant(False),
        "pir_zero_threshold": _constant(0.05),
        "pir_zero_window": _constant(300),
        "room_id": _same_as("id"),
        "client_id": _tenant,
    },
    "Zone": {**_PLACED, "rotation": _constant(0.0), "roomID": _same_as("room_id")},
    "Hive": {
        **_DEVICE,
        "hiveVersion": _constant("2.4.1"),
        "hiveType": _constant("Hive 2"),
        "isOnline": _same_as("is_online"),
        "isStreaming": _same_as("is_online"),
        "installed": _constant(True),
        "netPathStability": _constant(0.98),
        "sensors": _sensors_of,
        "connectionHealth": _constant("GOOD"),
        **dict.fromkeys(
            (
                "lastHeartbeat",
                "lastRawMessage",
                "lastCompressedMessage",
                "lastOccupancyMessage",
                "lastDetectionMessage",
            ),
            _heard,
        ),
    },
    "Sensor": {
        **_DEVICE,
        "client_id": _tenant,
        "hiveID": _same_as("hive_id"),
        "hive": lambda sensor, info: _campus(info).hive.get(sensor.hive_id),
        "zones": lambda sensor, info: [_campus(info).zone[zone_id] for zone_id in sensor.zone_ids],
        "sensitivity": _constant(1.0),
        "parallel_to_door": _constant(False),
        "is_streaming": _same_as("is_online"),
        "door_line": _constant(0.5),
        "in_direction": _constant(1.0),
        "effective_field_of_view": _same_as("field_of_view"),
        "connection_health": _constant("GOOD"),
        "algo_config": _constant({}),
        "estimated_total_runtime_days": _constant(730),
        "installation_status": lambda sensor, _: "INSTALLED" if sensor.floor_id else "UNINSTALLED",
        "pir_zero_enable": _constant(False),
        "sensor_id": _same_as("id"),
        "last_battery_change_date": _battery_date(0),
        "next_battery_change_date": _battery_date(2),
        "battery_change_by_date": _battery_date(2),
        **dict.fromkeys(
            (
                "last_heartbeat",
                "last_raw_message",
                "last_compressed_message",
                "last_occupancy_message",
                "last_detection_message",
            ),
            _heard,
        ),
    },
    "Tag": {
        "rooms": _tagged(lambda campus: campus.rooms),
        "zones": _tagged(lambda campus: campus.zones),
        "floors": _tagged(lambda campus: campus.floors),
    },
}
