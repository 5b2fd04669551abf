"""The polls of subscriptions, read through the loaders as any operation."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..assets import Assets
from ..assets.records import FloorRecord, Record, RoomRecord, ZoneRecord
from ..auth import Caller
from ..butlr import DetectionEntry as DetectionRecord
from ..butlr import Forbidden
from ..cache import canonical
from ..loaders import Loaders, Points, ReadOptions, Services
from ..series import Body, epoch_of, windows_of
from ..upstream import ReadLog
from .occupancy import OccupancyRecord, occupancies

PLACES = ("rooms", "zones", "floors")
# The span in which the newest detections are searched.
DETECTIONS_SINCE = "-10m"
_DAY = 24 * 3600


def places_among(assets: Assets, ids: Iterable[str]) -> dict[str, RoomRecord | ZoneRecord | FloorRecord]:
    """Return the rooms, zones and floors of these ids."""
    found = {}
    for id_ in ids:
        for kind in PLACES:
            if (record := getattr(assets, kind).get(id_)) is not None:
                found[id_] = record
    return found


class OccupancyQuestion:
    """The occupancy of places, by their ids."""

    name = "occupancy"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self, caller: Caller, keys: set[str], *, fresh: bool) -> Mapping[str, OccupancyRecord]:
        loaders = Loaders(self._services, caller, ReadLog(fresh=fresh))
        try:
            records = places_among(await self._services.assets.assets(caller, ReadLog()), keys)
            by_class: dict[type[Record], list[Any]] = {}
            for record in records.values():
                by_class.setdefault(type(record), []).append(record)
            found: dict[str, OccupancyRecord] = {}
            for alike in by_class.values():
                for record, outcome in zip(alike, await occupancies(alike, loaders), strict=True):
                    if isinstance(outcome, OccupancyRecord):
                        found[record.id] = outcome
                    elif not isinstance(outcome, Forbidden):
                        raise outcome
            return found
        finally:
            loaders.cancel()

    def is_newer(self, value: OccupancyRecord, known: OccupancyRecord) -> bool:
        if value.time is None or known.time is None:
            return value.time != known.time
        at, before = epoch_of(value.time), epoch_of(known.time)
        return at is not None and (before is None or at > before or (at == before and value.value != known.value))

    def content(self, value: OccupancyRecord) -> str:
        return f"{value.time} {value.value}"

    def quiet_until(self, now: float) -> float:
        # A new window ends each minute.
        return now

    def is_over(self, _key: str, _values: Mapping[str, Any]) -> bool:
        return False


class ReportQuestion:
    """A flat report: its rows by series and window. `points` is what was read last, `reads` how often."""

    points: Points
    reads = 0

    def __init__(self, services: Services, body: Body, read: ReadOptions) -> None:
        self._services, self._body, self._read = services, body, read
        self.name = f"report {read.include_open} {canonical(body).decode()}"

    async def read(self, caller: Caller, _keys: set[str], *, fresh: bool) -> Mapping[str, Any]:
        loaders = Loaders(self._services, caller, ReadLog(fresh=fresh))
        try:
            self.points = await loaders.reports.whole(self._body, self._read)
            self.reads += 1
            return {row_key(row): row for row in self.points.rows()}
        finally:
            loaders.cancel()

    def is_newer(self, value: Any, known: Any) -> bool:
        return bool(value.value != known.value)

    def content(self, value: Any) -> str:
        # Equal numbers may be read as an int or a float.
        return str(value.value if value.value is None else float(value.value))

    def quiet_until(self, now: float) -> float:
        """Return until when nothing new can land: a window lands after its end, and then none until the next ends."""
        windows = windows_of(self._body)
        if windows is None or self._read.include_open:
            return now
        moment = datetime.fromtimestamp(now, UTC)
        edge = windows.floor(moment)
        landed = edge + timedelta(seconds=self._services.upstream.rules.landing_of(windows.seconds))
        if moment < landed:
            return now
        # No source says where windows longer than a day end, except that it is at a midnight.
        return (edge + timedelta(days=1) if windows.seconds > _DAY else windows.after(edge)).timestamp()

    def is_over(self, _key: str, _values: Mapping[str, Any]) -> bool:
        # Rows that left the span as it moved on are forgotten.
        return True


def row_key(row: Any) -> str:
    """Return the key of a row: its series, and the time of its window."""
    named = (row.measurement, row.field, row.sensor_id, row.mac_address, row.zone_id, row.room_id, row.space_id)
    return "\0".join((*(name or "" for name in named), str(row.time)))


class DetectionsQuestion:
    """The newest detections of each sensor of a place, or of some sensors."""

    def __init__(self, services: Services, filter_: Body, every: str | None) -> None:
        self._services = services
        self._body: Body = {
            "data_types": ["detections_local"],
            "filter": {**filter_, "start": DETECTIONS_SINCE},
            "window": {"every": every or "1m", "function": "last"},
        }
        self.name = f"detections {canonical(self._body).decode()}"

    async def read(self, caller: Caller, _keys: set[str], *, fresh: bool) -> Mapping[str, DetectionRecord]:
        loaders = Loaders(self._services, caller, ReadLog(fresh=fresh))
        try:
            answer = await loaders.detections.whole(self._body)
            found: dict[str, DetectionRecord] = {}
            for entry in answer.detections.entries("detections_local") or ():
                mac = (entry.mac_address or "").lower()
                known = found.get(mac)
                if known is None or _moment(entry) >= _moment(known):
                    found[mac] = entry
            return found
        finally:
            loaders.cancel()

    def is_newer(self, value: DetectionRecord, known: DetectionRecord) -> bool:
        at, before = _moment(value), _moment(known)
        return at > before or (at == before and value.value != known.value)

    def content(self, value: DetectionRecord) -> str:
        return f"{value.start_time} {value.value}"

    def quiet_until(self, now: float) -> float:
        return now

    def is_over(self, _key: str, _values: Mapping[str, Any]) -> bool:
        return False


def _moment(entry: DetectionRecord) -> float:
    time = entry.start_time
    if isinstance(time, float):
        return time / 1000
    return (None if time is None else epoch_of(time)) or 0.0
