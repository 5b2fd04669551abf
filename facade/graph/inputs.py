"""Inputs that mirror the REST bodies one to one, and their conversion to a body."""

from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any

import strawberry
from strawberry import ID, UNSET

from .enums import Measurement, WindowFunction
from .fields import described
from .scalars import JSON, Duration, Time, bad_input, rfc3339


def optional(text: str) -> Any:
    return strawberry.field(default=UNSET, description=text)


@strawberry.input(description="Ids to match.")
class IdFilter:
    eq: list[ID] = described("Any of these ids.")


@strawberry.input(description="Bounds of a value.")
class ValueFilter:
    gte: float | None = optional("At least. `0` keeps the zeros, which are else left out.")
    lte: float | None = optional("At most.")
    gt: float | None = optional("More than.")
    lt: float | None = optional("Less than.")


@strawberry.input(description="A time of day, from and to.")
class TimeRange:
    start: str = described("HH:MM.")
    stop: str = described("HH:MM.")


@strawberry.input(description="Which times of the week count.")
class TimeConstraints:
    time_ranges: list[TimeRange] | None = optional("Times of day that count.")
    exclude_days_of_week: list[str] | None = optional("Days left out: monday … sunday, in lower case.")


@strawberry.input(description="What a report is about.")
class ReportFilter:
    start: Time = described("From when.")
    stop: Time | None = optional("Until when, not included; now when left out.")
    measurements: list[Measurement] | None = optional("What is measured. Butlr's docs advise to always say it.")
    spaces: IdFilter | None = optional("Floors: their ids begin with `space_`.")
    rooms: IdFilter | None = optional("Rooms.")
    zones: IdFilter | None = optional("Zones.")
    sensors: IdFilter | None = optional("Sensors.")
    hives: IdFilter | None = optional("Hives.")
    buildings: IdFilter | None = optional("Buildings.")
    clients: IdFilter | None = optional("Sites.")
    tags: IdFilter | None = optional("Tags, by id.")
    mac_addresses: IdFilter | None = optional("Sensors, by MAC address.")
    value: ValueFilter | None = optional("Bounds of the value.")
    calibrated: str | None = optional('"true", "raw" or "false": for traffic occupancy.')
    time_constraints: TimeConstraints | None = optional("Which times of the week count.")


@strawberry.input(description="How an answer is grouped.")
class ReportGroupBy:
    order: list[str] | None = optional(
        "The levels, outermost first: space_id, room_id, zone_id, building_id, tag_id, mac_address, field, time."
    )
    raw: bool | None = optional("True: the leaves are rows and not statistics.")


@strawberry.input(description="How a window without values is filled.")
class WindowFill:
    use_previous: bool | None = optional("With the value before.")
    value: float | None = optional("With this value.")


@strawberry.input(description="How time is cut.")
class ReportWindow:
    every: Duration = described("The length of a window.")
    function: WindowFunction | None = optional("How the values of a window become one.")
    offset: Duration | None = optional("By how much the windows are shifted.")
    timezone: str | None = optional("IANA zone: windows begin at local times.")
    create_empty: bool | None = optional("True: a window without values is there too.")
    fill: WindowFill | None = optional("How such a window is filled.")


@strawberry.input(description="How the answer is written.")
class ReportOptions:
    format: str | None = optional('"json". CSV: POST /api/v3/reporting or `facade export`.')
    precision: str | None = optional("s, ms, us or ns.")
    timestamp: str | None = optional("RFC3339.")
    includeCalibrationPoints: bool | None = optional("True: calibration points come with the answer.")


@strawberry.input(description="Which page of an answer.")
class Paginate:
    page: int | None = optional("From 1.")
    limit: int | None = optional("Rows a page.")


@strawberry.input(description="A count that is known to be true.")
class CalibrationPoint:
    timestamp: Time = described("When.")
    occupancy: int = described("How many people.")
    type: str | None = optional("manual_count, or user_provided and pir_zero.")


@strawberry.input(description="How detections are cut in time.")
class DetectionWindow:
    every: Duration | None = optional("The length of a window: one point of time is picked in each.")
    function: str | None = optional("How it is picked.")
    heatmap_v2_options: JSON | None = optional("Options of heatmap_v2: grid_resolution (0.25, 0.5, 1.0 m), …")


@strawberry.input(description="What detections are asked.")
class DetectionFilter:
    start: Time = described("From when.")
    stop: Time | None = optional("Until when.")
    omit_empty_value: bool | None = optional("True: entries without points are left out.")
    space_id: ID | None = optional("A floor.")
    room_id: ID | None = optional("A room.")
    mac_addresses: list[str] | None = optional("Sensors, by MAC address.")


# Integers that orjson can write. A larger float has one spelling anyway.
_INTEGERS = range(-(2**63), 2**64)


def body_of(value: Any) -> Any:
    """Return an input as JSON, as the client wrote it. Members that are null or were not given are omitted."""
    if is_dataclass(value):
        given = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: body_of(item) for name, item in given if item is not UNSET and item is not None}
    if isinstance(value, dict):
        return {name: body_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [body_of(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and value.is_integer() and int(value) in _INTEGERS:
        # GraphQL reads `gte: 0` as 0.0, but the upstream gets the 0 that was written.
        return int(value)
    if (isinstance(value, int) and value not in _INTEGERS) or (isinstance(value, float) and not isfinite(value)):
        raise bad_input("A number is too large: an integer takes 64 bits at most, any other 1.8e308.")
    return value


def without_unset(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that were given, as JSON."""
    return {name: body_of(item) for name, item in arguments.items() if item is not UNSET and item is not None}


def with_times(filter_: dict[str, Any]) -> dict[str, Any]:
    """Return a reporting or detections filter with its bare dates as midnights in UTC."""
    return {
        name: rfc3339(value) if name in ("start", "stop") and isinstance(value, str) else value
        for name, value in filter_.items()
    }
