"""Detections: where people stood, one point for each person and window."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

import strawberry
from strawberry import UNSET, enum_value, federation

from ..assets import Assets
from ..assets.records import FloorRecord, HiveRecord, RoomRecord, SensorRecord
from ..butlr import DetectionEntry as DetectionRecord
from ..butlr import WorldEntry
from ..loaders import DetectionsAnswer, DetectionsOf
from ..series import Body
from ..upstream import NotAsked
from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .detection_records import DetectionSetRecord, Source, heatmap, heatmap_v2, merged
from .fields import described, one
from .geometry import view_of
from .inputs import DetectionWindow, with_times, without_unset
from .lookups import floor_of, hive_of, looked_up, room_of, sensor_of, via_sensor
from .record_fields import reads
from .report import Freshness
from .scalars import JSON, Time
from .selection import selected


@federation.type(shareable=True, description="A point.")
class Point:
    x: float = described("To the right: 0 to 1 in the frame LOCAL, metres in WORLD.")
    y: float = described("Downwards: 0 to 1 in the frame LOCAL, metres in WORLD.")


@dataclass(slots=True)
class PointRecord:
    x: float
    y: float


@strawberry.enum(description="The coordinate frame of points.")
class PointFrame(Enum):
    LOCAL = enum_value("local", description="The sensor's own field of view, 0 to 1.")
    WORLD = enum_value("world", description="The floor, in metres.")


@reads("value", x=0, y=1)
async def _points(root: strawberry.Parent[DetectionRecord], info: Info, frame: PointFrame | None = UNSET) -> Any:
    if root.value is None:
        return None
    points = ((point[0], point[1]) for point in root.value)
    if not frame or frame is (PointFrame.WORLD if isinstance(root, WorldEntry) else PointFrame.LOCAL):
        return [PointRecord(*point) for point in points]
    (sensor,) = await looked_up(sensor_of, (root,), info)
    view = view_of(sensor) if sensor else None
    if view is None:
        return None
    turned = view.to_world if frame is PointFrame.WORLD else view.to_local
    return [PointRecord(*turned(*point)) for point in points]


@strawberry.type(description="The points that one sensor detected in one window.")
class Detection:
    start_time: Time | None = described("The start of the window.")
    sample_time: Time | None = described("When the sample in the window was taken.")
    mac_address: str | None = described("The sensor's MAC address.")
    value: list[list[float]] | None = described("The points as [x, y].")
    points = strawberry.field(
        resolver=_points,
        graphql_type=list[Point] | None,
        description="The points as x and y. For another `frame` they are converted by the position and orientation of "
        "the sensor; null if no source of assets knows these.",
    )
    sensor = one("Sensor", sensor_of, "The sensor; null if no source of assets knows it.")
    hive = one("Hive", via_sensor(hive_of), "The hive that the sensor reports to.")
    room = one("Room", via_sensor(room_of), "The room of the sensor.")
    floor = one("Floor", via_sensor(floor_of), "The floor of the sensor.")


@strawberry.type(
    description="An answer to the detections call (POST /api/v3/detections). The selected fields decide `data_types`."
)
class DetectionSet:
    detections_local: list[Detection] | None = described("Points in each sensor's own field of view, 0 to 1.")
    detections_world: list[Detection] | None = described("Points on the floor, in metres.")
    heatmap = strawberry.field(
        resolver=heatmap, graphql_type=JSON | None, description="The heat map, as the upstream returns it."
    )
    freshness: Freshness | None = described("How fresh the points are; null if only heat maps are selected.")
    heatmap_v2 = strawberry.field(
        resolver=heatmap_v2,
        graphql_type=JSON | None,
        description="The heat map by cells, `[x, y, value]` in `array_cells`, as the upstream returns it. It needs a "
        "separate call with another window. `grid_resolution` is 0.25, 0.5 or 1.0 metres. A span of more than 7 days "
        "is read by several calls, whose cells are added; with `normalize` the sums are divided by the greatest one.",
    )


async def detection_set(info: Info, source: Source) -> DetectionSetRecord:
    """Make the one call that the selected fields need, or none, for a source that names no sensors."""
    types = source.types(_selected(info))
    body = {"data_types": sorted(types), **source.body}
    answer: DetectionsAnswer | NotAsked | None
    try:
        answer = await info.context.loaders.detections.whole(body) if types else None
    except NotAsked as error:
        answer = error
    return DetectionSetRecord(source, answer, types)


async def detection_sets(info: Info, sources: Sequence[Source | None]) -> list[DetectionSetRecord | Exception | None]:
    """Do as `detection_set` for sources that name sensors and share one body. The result of no source is None."""
    names = _selected(info)
    body = next((source.body for source in sources if source), {})
    asks = [(source, source.types(names), source.macs or ()) for source in sources if source]
    of_types: dict[frozenset[str], list[str]] = defaultdict(list)
    for _, types, macs in asks:
        if types:
            of_types[types] += macs
    keys = [key for types, macs in of_types.items() for key in DetectionsOf.make_many(macs, types, body)]
    answers = iter(await info.context.loaders.detections.load_many(keys))
    parts = {types: iter(list(islice(answers, len(macs)))) for types, macs in of_types.items()}
    sets = iter(
        _set_of(source, list(islice(parts[types], len(macs))) if types else [], types) for source, types, macs in asks
    )
    return [next(sets) if source else None for source in sources]


def _set_of(
    source: Source, answers: Sequence[DetectionsAnswer | Exception], types: frozenset[str]
) -> DetectionSetRecord | Exception:
    good = [answer for answer in answers if isinstance(answer, DetectionsAnswer)]
    if len(good) < len(answers):
        error = next(answer for answer in answers if isinstance(answer, Exception))
        return DetectionSetRecord(source, error, types) if isinstance(error, NotAsked) else error
    return DetectionSetRecord(source, merged(good, types) if good else None)


def _selected(info: Info) -> AbstractSet[str]:
    return selected(info._raw_info)  # noqa: SLF001 -- Strawberry's own view does not obey @skip


def _body(**arguments: Any) -> Body:
    given = without_unset(**arguments)
    window = given.pop("window", None)
    return {"filter": with_times(given), **({"window": window} if window else {})}


@resolves_many("mac_address")
async def sensor_detections(
    roots: strawberry.Parent[ParentBatch],
    info: Info,
    start: Time,
    stop: Time | None = UNSET,
    omit_empty_value: bool | None = UNSET,
    window: DetectionWindow | None = UNSET,
) -> Any:
    body = _body(start=start, stop=stop, omit_empty_value=omit_empty_value, window=window)
    macs = (sensor.mac_address for sensor in roots.records)
    return await detection_sets(info, [Source(body, (mac,)) if mac else None for mac in macs])


@resolves_many("id")
async def place_detections(
    roots: strawberry.Parent[ParentBatch],
    info: Info,
    start: Time,
    stop: Time | None = UNSET,
    omit_empty_value: bool | None = UNSET,
    window: DetectionWindow | None = UNSET,
) -> Any:
    body = _body(start=start, stop=stop, omit_empty_value=omit_empty_value, window=window)
    assets = await info.context.loaders.assets()
    return await detection_sets(info, [_source_at(root, assets, body) for root in roots.records])


def _source_at(root: HiveRecord | RoomRecord | FloorRecord, assets: Assets, body: Body) -> Source:
    sensors: Sequence[SensorRecord]
    place: dict[str, str] | None = None
    if isinstance(root, HiveRecord):
        sensors = assets.sensors_by_hive.get(root.id, ())
    elif isinstance(root, RoomRecord):
        sensors, place = assets.sensors_by_room.get(root.id, ()), {"room_id": root.id}
    else:
        sensors, place = assets.sensors_by_floor.get(root.id, ()), {"space_id": root.id}
    return Source(body, tuple(sensor.mac_address for sensor in sensors if sensor.mac_address), place)


def detections_field() -> Any:
    return strawberry.field(
        resolver=sensor_detections,
        graphql_type=DetectionSet | None,
        description="Where this sensor detected people. Equal selections on several sensors share one call. "
        "Null if no source of assets knows the sensor's MAC address.",
    )


def place_detections_field() -> Any:
    return strawberry.field(
        resolver=place_detections,
        graphql_type=DetectionSet | None,
        description="Where sensors in this place detected people. Equal selections on any places share one call.",
    )
