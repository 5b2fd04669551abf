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


@strawberry.input(description="A filter by ids.")
class IdFilter:
    eq: list[ID] = described("The ids, of which any may match.")


@strawberry.input(description="Bounds of a value.")
class ValueFilter:
    gte: float | None = optional("At least. `0` includes zeros, which are otherwise omitted.")
    lte: float | None = optional("At most.")
    gt: float | None = optional("More than.")
    lt: float | None = optional("Less than.")


@strawberry.input(description="A span of a day, from `start` to `stop`.")
class TimeRange:
    start: str = described("HH:MM.")
    stop: str = described("HH:MM.")


@strawberry.input(description="The times of the week that are counted.")
class TimeConstraints:
    time_ranges: list[TimeRange] | None = optional("The times of day that are counted.")
    exclude_days_of_week: list[str] | None = optional("Days that are not counted: monday … sunday, in lower case.")


@strawberry.input(description="The span, the measurements and the assets of a report.")
class ReportFilter:
    start: Time = described("The start of the span.")
    stop: Time | None = optional("The end of the span, not included. Default: now.")
    measurements: list[Measurement] | None = optional("The measurements. Butlr's docs advise to always give them.")
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
    time_constraints: TimeConstraints | None = optional("The times of the week that are counted.")


@strawberry.input(description="How an answer is grouped.")
class ReportGroupBy:
    order: list[str] | None = optional(
        "The levels, outermost first: space_id, room_id, zone_id, building_id, tag_id, mac_address, field, time."
    )
    raw: bool | None = optional("True: the leaves are rows. False: they are statistics.")


@strawberry.input(description="How a window without values is filled.")
class WindowFill:
    use_previous: bool | None = optional("With the previous value.")
    value: float | None = optional("With this value.")


@strawberry.input(description="The windows that time is divided into.")
class ReportWindow:
    every: Duration = described("The length of a window.")
    function: WindowFunction | None = optional("The function that makes one value of a window.")
    offset: Duration | None = optional("The length by which the windows are shifted.")
    timezone: str | None = optional("An IANA time zone, to whose clock windows are aligned.")
    create_empty: bool | None = optional("Whether to return windows without values too.")
    fill: WindowFill | None = optional("How windows without values are filled.")


@strawberry.input(description="The format of the answer.")
class ReportOptions:
    format: str | None = optional('"json". CSV: POST /api/v3/reporting or `facade export`.')
    precision: str | None = optional("s, ms, us or ns.")
    timestamp: str | None = optional("RFC3339.")
    includeCalibrationPoints: bool | None = optional("Whether the answer includes calibration points.")


@strawberry.input(description="The page of an answer.")
class Paginate:
    page: int | None = optional("The page number, from 1.")
    limit: int | None = optional("The number of rows on a page.")


@strawberry.input(description="A count that is known to be correct.")
class CalibrationPoint:
    timestamp: Time = described("The time of the count.")
    occupancy: int = described("The number of people.")
    type: str | None = optional("manual_count, or user_provided and pir_zero.")


@strawberry.input(description="The windows that detections are divided into.")
class DetectionWindow:
    every: Duration | None = optional("The length of a window: one sample is selected in each.")
    function: str | None = optional("How the sample is selected.")
    heatmap_v2_options: JSON | None = optional("Options of heatmap_v2: grid_resolution (0.25, 0.5, 1.0 m), …")


@strawberry.input(description="The span and the sensors of detections.")
class DetectionFilter:
    start: Time = described("The start of the span.")
    stop: Time | None = optional("The end of the span.")
    omit_empty_value: bool | None = optional("Whether to omit entries without points.")
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
