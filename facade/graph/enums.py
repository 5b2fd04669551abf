"""Enumerations. Their values are the REST values."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import strawberry
from graphql import GraphQLEnumType, GraphQLEnumValue, GraphQLSchema
from strawberry import enum_value


@strawberry.enum(
    description="The measurements of reports. FACADE_EXTRA_MEASUREMENTS adds those that Butlr introduces later."
)
class Measurement(Enum):
    presence = enum_value("presence", description="People seen by each presence sensor.")
    traffic = enum_value("traffic", description="People passing each traffic sensor: fields `in` and `out`.")
    room_occupancy = enum_value("room_occupancy", description="People in a room, by its presence sensors.")
    floor_occupancy = enum_value("floor_occupancy", description="People on a floor, by its presence sensors.")
    zone_occupancy = enum_value("zone_occupancy", description="People in a zone, by its presence sensors.")
    traffic_room_occupancy = enum_value(
        "traffic_room_occupancy", description="People in a room, by traffic through its doors."
    )
    traffic_floor_occupancy = enum_value(
        "traffic_floor_occupancy", description="People on a floor, by traffic through its entrances."
    )
    floor_presence_time_secs = enum_value(
        "floor_presence_time_secs", description="Seconds of presence on a floor; ask for the sum."
    )
    room_presence_time_secs = enum_value(
        "room_presence_time_secs", description="Seconds of presence in a room; ask for the sum."
    )
    zone_presence_time_secs = enum_value(
        "zone_presence_time_secs", description="Seconds of presence in a zone; ask for the sum."
    )

    @classmethod
    def _missing_(cls, value: object) -> Any:
        # GraphQL has validated the value, so it is one that `add_measurements` added.
        member = object.__new__(cls)
        member._name_ = member._value_ = value  # type: ignore[assignment]
        return member


@strawberry.enum(description="The function that makes one value of a window.")
class WindowFunction(Enum):
    mean = enum_value("mean", description="The mean.")
    max = enum_value("max", description="The highest value.")
    min = enum_value("min", description="The lowest value.")
    sum = enum_value("sum", description="The sum: use it for traffic.")
    first = enum_value("first", description="The first value.")
    last = enum_value("last", description="The last value.")
    median = enum_value("median", description="The median: use it for windows of a minute.")


def add_measurements(schema: GraphQLSchema, names: Iterable[str]) -> None:
    """Add values to the `Measurement` enum of a built schema."""
    type_ = schema.type_map["Measurement"]
    assert isinstance(type_, GraphQLEnumType)  # noqa: S101 -- for the type checker
    for name in names:
        type_.values[name] = GraphQLEnumValue(name, description="Added by FACADE_EXTRA_MEASUREMENTS.")
