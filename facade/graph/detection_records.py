"""The records behind the types of detections: the points of one or several answers."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import strawberry
from strawberry import UNSET

from ..butlr import DetectionEntry as DetectionRecord
from ..butlr import Detections
from ..loaders import DetectionsAnswer, Loaders
from ..series import Body, oldest
from ..upstream import NotAsked
from .context import Info
from .inputs import without_unset
from .report_records import FreshnessRecord, freshness_of

POINT_TYPES = frozenset({"detections_local", "detections_world"})
DATA_TYPES = POINT_TYPES | {"heatmap"}


class Source(NamedTuple):
    """What a `DetectionSet` is about: sensors, or a place.

    Points are asked for by sensor, so that equal loads share a call. Heat maps are asked for by place if there is one,
    since their cells name no sensor by which an answer could be split.
    """

    body: Body
    macs: tuple[str, ...] | None = None
    place: Mapping[str, str] | None = None

    def types(self, selected_: AbstractSet[str]) -> frozenset[str]:
        """Return the `data_types` to ask for in the call for points."""
        types = (DATA_TYPES if self.macs is None or len(self.macs) == 1 else POINT_TYPES) & selected_
        if not types and "freshness" in selected_ and not selected_ & {"heatmap", "heatmap_v2"}:
            return frozenset({"detections_local"})
        return types

    async def heatmap(self, loaders: Loaders) -> Any:
        window = self.body.get("window")
        answer = await loaders.detections.whole({"data_types": ["heatmap"], **self._at_place(window)})
        return answer.detections.raw("heatmap")

    async def heatmap_v2(self, loaders: Loaders, window: Body | None) -> Any:
        answer = await loaders.detections.heatmap_v2(self._at_place(window))
        return answer.detections.raw("heatmap_v2")

    def _at_place(self, window: Body | None) -> Body:
        filter_ = {**self.body["filter"], **(self.place or {})}
        if self.place is None and self.macs is not None:
            filter_["mac_addresses"] = list(self.macs)
        return {"filter": filter_, **({"window": window} if window else {})}


def merged(answers: Sequence[DetectionsAnswer], types: frozenset[str]) -> DetectionsAnswer:
    """Merge the answers of several sensors."""
    if len(answers) == 1:
        return answers[0]
    entries: dict[str, list[DetectionRecord] | None] = {
        type_: [entry for a in answers for entry in a.detections.entries(type_) or ()] for type_ in types
    }
    return DetectionsAnswer(Detections.from_entries(entries, {}), oldest([answer.entry for answer in answers]))


class DetectionSetRecord:
    """A `DetectionSet` over the answer for the selected types; its fields are null if none of them needs a call.

    In a plan the answer is an error, so that the fields which need no points are planned all the same.
    """

    def __init__(
        self, source: Source, answer: DetectionsAnswer | NotAsked | None, types: AbstractSet[str] = frozenset()
    ) -> None:
        self.source = source
        self._read = answer
        self._types = types

    @property
    def _answer(self) -> DetectionsAnswer | None:
        return None if isinstance(self._read, NotAsked) else self._read

    def _entries(self, type_: str) -> list[DetectionRecord] | None:
        return self._answer.detections.entries(type_) if self._answer else None

    @property
    def detections_local(self) -> list[DetectionRecord] | None:
        return self._entries("detections_local")

    @property
    def detections_world(self) -> list[DetectionRecord] | None:
        return self._entries("detections_world")

    @property
    def freshness(self) -> FreshnessRecord | None:
        return freshness_of(self._answer.entry) if self._answer else None

    async def heatmap(self, loaders: Loaders) -> Any:
        if isinstance(self._read, NotAsked) and "heatmap" in self._types:
            return None
        if self._answer and "heatmap" in self._answer.detections.data_types:
            return self._answer.detections.raw("heatmap")
        return await self.source.heatmap(loaders)


async def heatmap(root: strawberry.Parent[DetectionSetRecord], info: Info) -> Any:
    return await root.heatmap(info.context.loaders)


async def heatmap_v2(
    root: strawberry.Parent[DetectionSetRecord],
    info: Info,
    grid_resolution: float | None = UNSET,
    heatmap_type: str | None = UNSET,
    normalize: bool | None = UNSET,
) -> Any:
    options = without_unset(grid_resolution=grid_resolution, heatmap_type=heatmap_type, normalize=normalize)
    window = {"heatmap_v2_options": options} if options else root.source.body.get("window")
    return await root.source.heatmap_v2(info.context.loaders, window)
