"""The webhook events of a minute, in Butlr's envelopes.

Values agree with what the other calls say once the minute has settled: `TRAFFIC` is a sensor's sum of the minute, an
occupancy `_1MIN` the value of the window of a minute, one without it the median of the last five minutes, and
`DETECTIONS` the points of the window that begins at the event's time. A change of an occupancy is an event, and no
change is none. All times are epoch milliseconds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from .campus import Campus, Floor, Room, Sensor, Zone
from .detections import points_at
from .people import People, Watched
from .seeding import seeded
from .series import MEASUREMENTS, Measurement, measured_assets, upper_median
from .steps import Step

MINUTE = 60
# Minutes that an occupancy without `_1MIN` looks back over.
ROLLING = 5
VERSION = "v1.0.0"
OCCUPANCIES = {
    "ROOM_OCCUPANCY": MEASUREMENTS["room_occupancy"],
    "ZONE_OCCUPANCY": MEASUREMENTS["zone_occupancy"],
    "FLOOR_OCCUPANCY": MEASUREMENTS["floor_occupancy"],
}
Event = dict[str, Any]


class Events:
    """The events of one campus. Those of a minute can be read at any time, and are always the same."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._campus = people.campus
        sensors = [sensor for sensor in self._campus.sensors if sensor.floor_id]
        self._doors = [sensor for sensor in sensors if sensor.mode == "traffic"]
        self._eyes = [sensor for sensor in sensors if sensor.mode == "presence"]
        self._assets = cache(self._measured)
        self._metadata = cache(self._described)

    def of_minute(self, end: int, *, every_value: bool = False) -> list[Event]:
        """Return the events of the minute that ends then; with `every_value` occupancies that did not change too."""
        return [
            *self._traffic(end),
            *self._occupancies(end, every_value),
            *self._detections(end),
            *self._motions(end),
        ]

    def _traffic(self, end: int) -> Iterator[Event]:
        for sensor in self._doors:
            crossings = self._people.crossings(sensor, end - MINUTE, end)
            if crossings.ins or crossings.outs:
                yield self._event("TRAFFIC", sensor, end * 1000, {"in": len(crossings.ins), "out": len(crossings.outs)})

    def _occupancies(self, end: int, every_value: bool) -> Iterator[Event]:
        for name, measurement in OCCUPANCIES.items():
            for asset in self._assets(measurement):
                step = self._people.occupancy(asset, end - (ROLLING + 1) * MINUTE, end)
                for type_, minutes in ((f"{name}_1MIN", 1), (name, ROLLING)):
                    value = _median(step, end, minutes)
                    if every_value or value != _median(step, end - MINUTE, minutes):
                        yield self._event(type_, asset, end * 1000, value)

    def _detections(self, end: int) -> Iterator[Event]:
        for sensor in self._eyes:
            step = self._people.occupancy(sensor, end - MINUTE, end + 1)
            if step.at(end) or step.at(end - MINUTE):
                local, world = points_at(self._people, sensor, end)
                yield self._event("DETECTIONS", sensor, end * 1000, {"local": local, "world": world})

    def _motions(self, end: int) -> Iterator[Event]:
        for sensor in self._eyes:
            step = self._people.occupancy(sensor, end - MINUTE, end)
            there = step.at(end - MINUTE - 1) > 0
            for since, _, count in step.pieces(end - MINUTE, end):
                if (count > 0) != there:
                    there = count > 0
                    yield self._event("PIR_MOTION" if there else "PIR_NO_MOTION", sensor, int(since * 1000), None)

    def _event(self, type_: str, asset: Watched, timestamp: int, data: Any) -> Event:
        drawn = seeded(self._people.seed, type_, asset.id, timestamp).getrandbits(96)
        event: Event = {
            "id": f"event_{drawn:024x}",
            "type": type_,
            "timestamp": timestamp,
            "version": VERSION,
            "metadata": self._metadata(asset.id),
        }
        return event if data is None else {**event, "data": data}

    def _measured(self, measurement: Measurement) -> Sequence[Watched]:
        return list(measured_assets(self._campus, measurement))

    def _described(self, asset_id: str) -> dict[str, Any]:
        return metadata(self._campus, asset_id)


def metadata(campus: Campus, asset_id: str) -> dict[str, Any]:
    """Return the metadata of an event: ids and names from the organisation down to the asset, and custom ids if set."""
    asset = _asset(campus, asset_id)
    floor = asset if isinstance(asset, Floor) else campus.floor[asset.floor_id]
    building = campus.building[floor.building_id]
    site = campus.site[building.site_id]
    room = asset if isinstance(asset, Room) else campus.room.get(getattr(asset, "room_id", ""))
    zone_ids = getattr(asset, "zone_ids", ())
    zone = asset if isinstance(asset, Zone) else campus.zone.get(zone_ids[0] if zone_ids else "")
    found: dict[str, Any] = {"org_id": site.org_id}
    for kind, place in (("site", site), ("building", building), ("floor", floor), ("room", room), ("zone", zone)):
        if place is None:
            continue
        found |= {f"{kind}_id": place.id, f"{kind}_name": place.name}
        if place.customID:
            found[f"{kind}_custom_id"] = place.customID
    if isinstance(asset, Sensor):
        found |= {
            "hive_id": asset.hive_id,
            "hive_serial": asset.hive_serial,
            "hive_model": "Hive",
            "hive_version": "2",
            "sensor_id": asset.id,
            "sensor_name": asset.name,
            "mac_address": asset.mac_address,
            "sensor_mode": asset.mode,
            "sensor_model": asset.model,
        }
    return found


def _asset(campus: Campus, asset_id: str) -> Watched:
    places: tuple[dict[str, Any], ...] = (campus.sensor, campus.room, campus.zone, campus.floor)
    found: Watched = next(known[asset_id] for known in places if asset_id in known)
    return found


def _median(step: Step, end: int, minutes: int) -> int:
    """Return the median count of the last minutes, with one sample at the start of each."""
    return int(upper_median(Counter(step.at(end - k * MINUTE) for k in range(1, minutes + 1))))
