"""Detections: where people stood, a point a person and window."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import strawberry
from strawberry import UNSET

from ..assets.records import SensorRecord
from ..butlr import Entry as DetectionRecord
from ..cache import Entry
from ..loaders import DetectionsAnswer, DetectionsOf, Loaders
from ..upstream import Body
from .context import Info
from .fields import described, one
from .inputs import DetectionWindow, with_times, without_unset
from .lookups import sensor_of
from .report import Freshness, FreshnessRecord, freshness_of
from .scalars import JSON, Time
from .selection import selected

DATA_TYPES = frozenset({"detections_local", "detections_world", "heatmap"})


@strawberry.type(description="A point.")
class Point:
    x: float = described("To the right: 0 to 1 locally, metres in the world.")
    y: float = described("Downwards: 0 to 1 locally, metres in the world.")


@dataclass(slots=True)
class PointRecord:
    x: float
    y: float


def _points(root: strawberry.Parent[DetectionRecord]) -> Any:
    return None if root.value is None else [PointRecord(point[0], point[1]) for point in root.value]


@strawberry.type(description="What one sensor saw in one window.")
class Detection:
    start_time: Time | None = described("When the window began.")
    sample_time: Time | None = described("When the sample in the window was taken.")
    mac_address: str | None = described("The sensor's MAC address.")
    value: list[list[float]] | None = described("The points as [x, y].")
    points = strawberry.field(
        resolver=_points, graphql_type=list[Point] | None, description="The points by name of axis."
    )
    sensor = one("Sensor", sensor_of, "The sensor; null where no source of assets knows it.")


class DetectionSetRecord:
    """A `DetectionSet` over the answer to the types selected; null where none of them needs a call."""

    def __init__(self, answer: DetectionsAnswer | None, body: Body, mac_address: str | None = None) -> None:
        self._answer = answer
        self.body = body
        self.mac_address = mac_address
        self._heatmap_entry: Entry | None = None

    def _entries(self, type_: str) -> list[DetectionRecord] | None:
        return self._answer.detections.entries(type_) if self._answer else None

    @cached_property
    def detections_local(self) -> list[DetectionRecord] | None:
        return self._entries("detections_local")

    @cached_property
    def detections_world(self) -> list[DetectionRecord] | None:
        return self._entries("detections_world")

    @property
    def heatmap(self) -> Any:
        return self._answer.detections.raw("heatmap") if self._answer else None

    @property
    def freshness(self) -> FreshnessRecord | None:
        return freshness_of(self._answer.entry) if self._answer else None

    async def heatmap_v2(self, loaders: Loaders, options: Body) -> Any:
        window = {"heatmap_v2_options": options} if options else self.body.get("window")
        body = {"filter": self.body["filter"], **({"window": window} if window else {})}
        answer = await _load(loaders, frozenset({"heatmap_v2"}), body, self.mac_address)
        return answer.detections.raw("heatmap_v2")


async def _heatmap_v2(
    root: strawberry.Parent[DetectionSetRecord],
    info: Info,
    grid_resolution: float | None = UNSET,
    heatmap_type: str | None = UNSET,
    normalize: bool | None = UNSET,
) -> Any:
    options = without_unset(grid_resolution=grid_resolution, heatmap_type=heatmap_type, normalize=normalize)
    return await root.heatmap_v2(info.context.loaders, options)


@strawberry.type(
    description="An answer of the detections call (POST /api/v3/detections). The fields selected decide `data_types`."
)
class DetectionSet:
    detections_local: list[Detection] | None = described("Points in each sensor's own field of view, 0 to 1.")
    detections_world: list[Detection] | None = described("Points on the floor, in metres.")
    heatmap: JSON | None = described("The heat map, as the upstream gives it.")
    freshness: Freshness | None = described("How fresh the answer is; null where only heatmap_v2 was asked.")
    heatmap_v2 = strawberry.field(
        resolver=_heatmap_v2,
        graphql_type=JSON | None,
        description="The heat map by cells, as the upstream gives it; a call of its own, for its window differs. "
        "`grid_resolution` is 0.25, 0.5 or 1.0 metres; at most 7 days a call.",
    )


async def _load(loaders: Loaders, types: frozenset[str], body: Body, mac_address: str | None) -> DetectionsAnswer:
    if mac_address is not None:
        return await loaders.detections.load(DetectionsOf.make(mac_address, types, body))
    return await loaders.detections.whole({"data_types": sorted(types), **body})


async def detection_set(info: Info, body: Body, mac_address: str | None = None) -> DetectionSetRecord:
    """Make the one call that the selected fields need, or none."""
    names = selected(info._raw_info)  # noqa: SLF001 -- Strawberry's own view does not obey @skip
    types = DATA_TYPES & names
    if not types and "freshness" in names and "heatmap_v2" not in names:
        types = frozenset({"detections_local"})
    answer = await _load(info.context.loaders, types, body, mac_address) if types else None
    return DetectionSetRecord(answer, body, mac_address)


async def sensor_detections(
    root: strawberry.Parent[SensorRecord],
    info: Info,
    start: Time,
    stop: Time | None = UNSET,
    omit_empty_value: bool | None = UNSET,
    window: DetectionWindow | None = UNSET,
) -> Any:
    if not root.mac_address:
        return None
    filter_ = with_times(without_unset(start=start, stop=stop, omit_empty_value=omit_empty_value))
    body = {"filter": filter_, **without_unset(window=window)}
    return await detection_set(info, body, root.mac_address)


def detections_field() -> Any:
    return strawberry.field(
        resolver=sensor_detections,
        graphql_type=DetectionSet | None,
        description="Where this sensor saw people. Sensors that ask alike are one call. "
        "Null where no source of assets knows the sensor's MAC address.",
    )
