"""Statistics of whole spans: the v4 stats call."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from strawberry import ID, UNSET, enum_value

from ..loaders import StatsOf
from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .fields import described
from .inputs import TimeRange, optional, without_unset
from .scalars import Time


@strawberry.enum(description="The statistics of the stats call. `used` excludes unoccupied periods.")
class StatsMeasurement(Enum):
    occupancy_avg_presence = enum_value("occupancy_avg_presence", description="Mean occupancy, by presence.")
    occupancy_median_presence = enum_value("occupancy_median_presence", description="Median occupancy, by presence.")
    occupancy_avg_traffic = enum_value("occupancy_avg_traffic", description="Mean occupancy, by calibrated traffic.")
    occupancy_median_traffic = enum_value(
        "occupancy_median_traffic", description="Median occupancy, by calibrated traffic."
    )
    occupancy_used_avg_presence = enum_value(
        "occupancy_used_avg_presence", description="Mean occupancy while in use, by presence."
    )
    occupancy_used_median_presence = enum_value(
        "occupancy_used_median_presence", description="Median occupancy while in use, by presence."
    )
    occupancy_used_avg_traffic = enum_value(
        "occupancy_used_avg_traffic", description="Mean occupancy while in use, by calibrated traffic."
    )
    occupancy_used_median_traffic = enum_value(
        "occupancy_used_median_traffic", description="Median occupancy while in use, by calibrated traffic."
    )


@strawberry.input(description="The times of the week that are counted.")
class StatsFilter:
    exclude_days_of_week: list[str] | None = optional(
        "Days that are not counted, here with a capital letter: Saturday, Sunday."
    )
    time_ranges: list[TimeRange] | None = optional("The times of day that are counted.")


@strawberry.type(description="One statistic.")
class StatsValue:
    measurement: str = described("The name of the statistic.")
    value: float | None = described("Its value; null if nothing was measured.")


@strawberry.type(description="The statistics of one place.")
class AssetStats:
    item: ID = described("The place.")
    values: list[StatsValue] = described("Its statistics, in the requested order.")


@dataclass(slots=True)
class StatsValueRecord:
    measurement: str
    value: float | None


@dataclass(slots=True)
class AssetStatsRecord:
    item: str
    values: list[StatsValueRecord]


def _record(item: str, measurements: list[str], values: Mapping[str, float | None]) -> AssetStatsRecord:
    return AssetStatsRecord(item, [StatsValueRecord(name, values[name]) for name in measurements if name in values])


async def root_stats(
    info: Info,
    measurements: list[StatsMeasurement],
    items: list[ID],
    start: Time,
    stop: Time,
    filters: StatsFilter | None = UNSET,
) -> Any:
    body = without_unset(measurements=measurements, items=items, start=start, stop=stop, filters=filters)
    answer = await info.context.loaders.stats.whole(body)
    return [_record(item, body["measurements"], values) for item, values in answer.items()]


@resolves_many("id")
async def _asset_stats(
    roots: strawberry.Parent[ParentBatch],
    info: Info,
    measurements: list[StatsMeasurement],
    start: Time,
    stop: Time,
    filters: StatsFilter | None = UNSET,
) -> Any:
    body = without_unset(measurements=measurements, start=start, stop=stop, filters=filters)
    items = [record.id for record in roots.records]
    found = await info.context.loaders.stats.load_many(StatsOf.make_many(items, body))
    return [
        values if values is None or isinstance(values, Exception) else _record(item, body["measurements"], values)
        for item, values in zip(items, found, strict=True)
    ]


def stats_field() -> Any:
    return strawberry.field(
        resolver=_asset_stats,
        graphql_type=AssetStats | None,
        description="Statistics of a whole span (POST /api/v4/reporting/stats); null if the upstream has none. "
        "Equal selections on places of one timezone share one call.",
    )
