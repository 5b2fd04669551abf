"""What may be cut by asset and time without changing the answer, and the asks for its parts.

Windows are counted from the epoch: window `n` of a length `every` is from `n * every` to `(n + 1) * every`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ...butlr import format_rfc3339, parse_rfc3339
from ...cache import canonical
from ..bodies import KEY_OF_FILTER, Body, widest, window_seconds

DAY = 86_400
# Every offset of a time zone is a multiple of it.
ZONE_STEP = 900
# Assets times windows. An answer of more is kept whole alone.
MOST_CELLS = 250_000

# Run totals (traffic occupancy) count from the start of the span, and statistics are of all of it.
BY_WINDOW = frozenset({"presence", "traffic", "room_occupancy", "floor_occupancy", "zone_occupancy"})
FUNCTIONS = frozenset({"max", "min", "sum", "mean", "median", "first", "last"})
PLAIN_OPTIONS = {"format": "json", "timestamp": "RFC3339", "includeCalibrationPoints": False}
POINT_TYPES = frozenset({"detections_local", "detections_world"})


@dataclass(frozen=True, slots=True)
class Cut:
    """An ask that can be cut: `ids` of `dimension` from window `first` up to `stop`, None for now.

    Without a dimension the one id is empty, and stands for all that the filter matches.
    """

    call: str
    body: Body
    dimension: str | None
    ids: tuple[str, ...]
    every: int
    first: int
    stop: float | None
    arrays: tuple[str, ...]
    """The names of what the answer lists."""
    topic: tuple[object, ...]
    """What decides the form of rows."""
    group: bytes
    """All but ids and span: asks of one group share tiles."""

    @property
    def ragged(self) -> bool:
        """Whether the stop cuts the last window in two."""
        return self.stop is not None and self.stop % self.every != 0

    @property
    def id_field(self) -> str | None:
        return KEY_OF_FILTER[self.dimension] if self.dimension else None

    def last(self, now: float) -> int:
        """The number of the window after the last one."""
        return math.ceil((now if self.stop is None else self.stop) / self.every)

    def normal(self, id_: str) -> str:
        return id_.lower().replace(":", "-") if self.dimension == "mac_addresses" else id_

    def of(self, ids: Sequence[str]) -> "Cut":
        """The same of some ids, as far as its answer is looked at."""
        return replace(self, ids=tuple(ids))

    def part(self, ids: Sequence[str], first: int, stop: int | None) -> "Cut":
        """The ask for some ids from one window up to another, or up to this ask's own stop."""
        within = {**self.body["filter"], "start": moment(first * self.every)}
        if stop is not None:
            within["stop"] = moment(stop * self.every)
        if self.dimension and self.call == "reporting":
            within[self.dimension] = {"eq": list(ids)}
        elif self.dimension:
            within[self.dimension] = list(ids)
        end = self.stop if stop is None else float(stop * self.every)
        return replace(self, body={**self.body, "filter": within}, ids=tuple(ids), first=first, stop=end)


def moment(seconds: float) -> str:
    return format_rfc3339(datetime.fromtimestamp(seconds, UTC))


def cut_report(body: Body, dimension: str | None = None) -> Cut | None:
    """Return how a reporting body may be cut, by the ids of `dimension` or else of its longest list; None if not."""
    filter_ = body["filter"]
    window, options = body.get("window"), body.get("options")
    measurements = filter_.get("measurements")
    if not (
        body.keys() <= {"filter", "window", "options", "group_by"}
        and not body.get("group_by")
        and filter_.keys() <= {"start", "stop", "measurements", "value", "time_constraints", *KEY_OF_FILTER, "tags"}
        and isinstance(measurements, list)
        and measurements
        and all(_is_one_of(BY_WINDOW, name) for name in measurements)
        and isinstance(window, dict)
        and window.keys() <= {"every", "function", "timezone", "create_empty"}
        # Whether a series without a point in it is shown as empty windows depends on the span.
        and not window.get("create_empty")
        and _is_one_of(FUNCTIONS, window.get("function"))
        and (options is None or _is_plain(options))
    ):
        return None
    every = _every(body)
    zone = window.get("timezone")
    if every is None or (zone not in (None, "UTC") and ZONE_STEP % every):
        return None
    if filter_.get("time_constraints") and not zone:
        return None
    if dimension is None:
        dimension, ids = widest(body, at_least=1)
    else:
        ids = list(filter_[dimension]["eq"])
    if dimension == "zones" and not all(name.startswith("zone_") for name in measurements):
        # The one zone that a sensor's row names does not say all the zones it stands in.
        dimension, ids = None, []
    return _cut("reporting", body, dimension, ids, every, ("data",), ("reporting", *sorted(set(measurements))))


def cut_detections(body: Body) -> Cut | None:
    """Return how a detections body may be cut; None where it may not."""
    filter_, window, types = body["filter"], body.get("window"), body.get("data_types")
    if not (
        body.keys() <= {"data_types", "filter", "window"}
        and isinstance(types, list)
        and types
        and POINT_TYPES.issuperset(types)
        and filter_.keys() <= {"start", "stop", "omit_empty_value", "space_id", "room_id", "mac_addresses"}
        and isinstance(window, dict)
        and window.keys() == {"every", "function"}
        and _is_one_of(FUNCTIONS, window["function"])
    ):
        return None
    every = _every(body)
    if every is None:
        return None
    macs = filter_.get("mac_addresses")
    dimension = "mac_addresses" if macs else None
    return _cut("detections", body, dimension, macs or [], every, tuple(types), ("detections",))


def _cut(
    call: str,
    body: Body,
    dimension: str | None,
    ids: list[Any],
    every: int,
    arrays: tuple[str, ...],
    topic: tuple[object, ...],
) -> Cut | None:
    filter_ = body["filter"]
    start, stop = _seconds(filter_.get("start")), filter_.get("stop")
    end = None if stop in (None, "now") else _seconds(stop)
    if start is None or start % every or (end is None and stop not in (None, "now")):
        return None
    if not all(isinstance(id_, str) for id_ in ids):
        return None
    rest = {name: value for name, value in filter_.items() if name not in ("start", "stop", dimension)}
    named = canonical([call, dimension, every, {**body, "filter": rest}])
    cut = Cut(
        call,
        body,
        dimension,
        tuple(ids) if dimension else ("",),
        every,
        int(start) // every,
        end,
        arrays,
        topic,
        hashlib.sha256(named).digest(),
    )
    if len({cut.normal(id_) for id_ in cut.ids}) < len(cut.ids):
        return None
    if end is not None and not 0 < (cut.last(end) - cut.first) * len(cut.ids) <= MOST_CELLS:
        return None
    return cut


def _every(body: Body) -> int | None:
    seconds = window_seconds(body)
    if not seconds or seconds < 1 or DAY % seconds:
        return None
    return int(seconds)


def _seconds(value: object) -> float | None:
    found = parse_rfc3339(value) if isinstance(value, str) else None
    return found.timestamp() if found else None


def _is_plain(options: object) -> bool:
    return isinstance(options, dict) and all(
        name in PLAIN_OPTIONS and value == PLAIN_OPTIONS[name] for name, value in options.items()
    )


def _is_one_of(names: frozenset[str], value: object) -> bool:
    return isinstance(value, str) and value in names
