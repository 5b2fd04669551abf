"""The positions of people at any time, assembled from the days of each floor."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from .campus import Campus, Floor, Room, Sensor, Zone
from .schedule import OVERHANG, Crossings, FloorDay, FloorLife, Stay, local_days
from .steps import Step, merge_steps

Watched = Sensor | Room | Zone | Floor
# Some 100 kB each.
DAYS_KEPT = 512
# Simulating a floor's day takes about as long as writing so many points.
POINTS_PER_DAY = 200
NOBODY = Step([], [])
NO_CROSSINGS = Crossings([], [])


class People:
    def __init__(self, campus: Campus, seed: int) -> None:
        self.campus = campus
        self.seed = seed
        self._zones = {floor.id: ZoneInfo(floor.timezone) for floor in campus.floors}
        self._life = lru_cache(maxsize=None)(self._draw_life)
        self._day = lru_cache(maxsize=DAYS_KEPT)(self._draw_day)

    def occupancy(self, asset: Watched, start: float, stop: float) -> Step:
        """Count the people in a place, or seen by a presence sensor."""
        steps = [self._occupancy_on(day, asset) for day in self._days(asset, start, stop)]
        if len(steps) > 1 and self._overlaps(asset):
            return merge_steps(steps)
        times: list[int] = []
        values: list[int] = []
        for step in steps:
            times += step.times
            values += step.values
        return Step(times, values)

    def occupancy_at(self, asset: Watched, time: float) -> int:
        return self.occupancy(asset, time, time + 1).at(time)

    def crossings(self, sensor: Sensor, start: float, stop: float) -> Crossings:
        """Return the times in the half-open span at which a person went in or out at this sensor."""
        ins: list[int] = []
        outs: list[int] = []
        for day in self._days(sensor, start, stop):
            passed = day.crossings.get(sensor.id, NO_CROSSINGS)
            ins += passed.ins
            outs += passed.outs
        if self._overlaps(sensor):
            ins.sort()
            outs.sort()
        return Crossings(_within(ins, start, stop), _within(outs, start, stop))

    def stays(self, sensor: Sensor, start: float, stop: float) -> list[Stay]:
        """Return the people in a presence sensor's view during the span, by their time of arrival."""
        found = [
            stay
            for day in self._days(sensor, start, stop)
            for stay in day.stays_by_sensor.get(sensor.id, ())
            if stay.start < stop and stay.stop > start
        ]
        return sorted(found, key=lambda stay: stay.start) if self._overlaps(sensor) else found

    def effort(self, assets: Iterable[Watched], start: float, stop: float) -> float:
        """Return the cost of simulating the days of the assets' floors, in points of an answer."""
        floors = {_floor_id(asset) for asset in assets}
        return POINTS_PER_DAY * len(floors) * max(0, stop - start) / 86_400

    def _days(self, asset: Watched, start: float, stop: float) -> list[FloorDay]:
        floor_id = _floor_id(asset)
        if not floor_id or start >= stop:
            return []
        if self._overlaps(asset):
            start -= OVERHANG
        return [self._day(floor_id, day) for day in local_days(self._zones[floor_id], start, stop)]

    def _overlaps(self, asset: Watched) -> bool:
        """Whether a day of the asset's floor reaches into the next one."""
        floor_id = _floor_id(asset)
        return bool(floor_id) and self._life(floor_id).around_the_clock

    def _occupancy_on(self, day: FloorDay, asset: Watched) -> Step:
        match asset:
            case Floor():
                return day.floor
            case Room():
                return day.rooms.get(asset.id, NOBODY)
            case Sensor():
                return day.sensors.get(asset.id, NOBODY)
            case Zone():
                sensors = self.campus.sensors_of.get(asset.id, ())
                return merge_steps(day.sensors.get(sensor.id, NOBODY) for sensor in sensors)

    def _draw_life(self, floor_id: str) -> FloorLife:
        return FloorLife(self.campus, self.campus.floor[floor_id], self.seed)

    def _draw_day(self, floor_id: str, day: date) -> FloorDay:
        return self._life(floor_id).day(day)


def _floor_id(asset: Watched) -> str:
    return asset.id if isinstance(asset, Floor) else asset.floor_id


def _within(times: list[int], start: float, stop: float) -> list[int]:
    return times[bisect_left(times, start) : bisect_left(times, stop)]
