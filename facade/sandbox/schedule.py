"""One floor on one local day: who comes, where and when they sit, and when they leave.

Nothing is stored: a day is drawn from a generator seeded with (seed, floor, date), so any day can be had at
any time and is always the same. Nobody is on a floor at local midnight, which keeps days independent; but for floors
with a lounge, which are open around the clock: there a day is that of its three shifts, and the last of them ends on
the morning after.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .campus import Campus, Floor, Room, Sensor
from .seeding import seeded
from .steps import Step, count_overlaps

MINUTE, HOUR = 60, 3600
MIDNIGHT = time()
# Monday to Sunday.
ATTENDANCE = (0.6, 0.78, 0.8, 0.74, 0.5, 0.05, 0.03)
PEOPLE_PER_SENSOR = 1.2
LOBBY_VISITORS = 30
# Around the clock: hours after midnight at which each shift begins, and the share that comes on any day.
SHIFTS = (6, 14, 22)
SHIFT_ATTENDANCE = 0.85
# How far into the next day the last shift reaches, at most; an hour of it where clocks are set back.
OVERHANG = 8 * HOUR


class Seat(NamedTuple):
    """A place in a room, and in the field of view of the one sensor that sees it (if any)."""

    room: Room
    sensor_id: str
    u: float
    v: float


class Stay(NamedTuple):
    start: int
    stop: int
    person: int
    seat: Seat


class Crossings(NamedTuple):
    """The times, in order, at which people passed a door."""

    ins: list[int]
    outs: list[int]


@dataclass(frozen=True)
class FloorDay:
    """Epoch seconds throughout."""

    stays: list[Stay]
    crossings: dict[str, Crossings]  # by traffic sensor

    @cached_property
    def stays_by_sensor(self) -> dict[str, list[Stay]]:
        found: dict[str, list[Stay]] = {}
        for stay in self.stays:
            found.setdefault(stay.seat.sensor_id, []).append(stay)
        return found

    @cached_property
    def floor(self) -> Step:
        return count_overlaps((stay.start, stay.stop) for stay in self.stays)

    @cached_property
    def rooms(self) -> dict[str, Step]:
        found: dict[str, list[tuple[int, int]]] = {}
        for stay in self.stays:
            found.setdefault(stay.seat.room.id, []).append((stay.start, stay.stop))
        return {room_id: count_overlaps(spans) for room_id, spans in found.items()}

    @cached_property
    def sensors(self) -> dict[str, Step]:
        return {
            sensor_id: count_overlaps((stay.start, stay.stop) for stay in stays)
            for sensor_id, stays in self.stays_by_sensor.items()
        }


class FloorLife:
    """The part of a floor that is the same each day: its people, their desks, its rooms."""

    def __init__(self, campus: Campus, floor: Floor, seed: int) -> None:
        self._seed = f"{seed}:{floor.id}"
        self._zone = ZoneInfo(floor.timezone)
        rooms = campus.rooms_of_floor[floor.id]
        sensors = campus.sensors_of.get(floor.id, [])
        self._sensors_in: dict[str, list[Sensor]] = {room.id: [] for room in rooms}
        self._doors: dict[str, list[Sensor]] = {room.id: [] for room in rooms}
        for sensor in sensors:
            if sensor.room_id:
                by_room = self._sensors_in if sensor.mode == "presence" else self._doors
                by_room[sensor.room_id].append(sensor)
        self._entrances = [sensor for sensor in sensors if sensor.is_entrance]
        self._traffic = [sensor for sensor in sensors if sensor.mode == "traffic"]
        self._meeting_rooms = [room for room in rooms if room.roomType in ("meeting", "boardroom")]
        self._cafes = [room for room in rooms if room.roomType == "cafe"]
        self._focus_rooms = [room for room in rooms if room.roomType == "focus"]
        self.around_the_clock = any(room.roomType == "lounge" for room in rooms)
        homes = [room for room in rooms if room.roomType in ("open", "auditorium", "lounge")] or rooms
        seeing = sum(sensor.mode == "presence" for sensor in sensors)
        least = len(SHIFTS) if self.around_the_clock else 1
        people = max(least, round(PEOPLE_PER_SENSOR * seeing)) if seeing else LOBBY_VISITORS
        random = seeded(self._seed)
        weights = [len(self._sensors_in[room.id]) or 1 for room in homes]
        self._desks = [self._seat(room, random) for room in random.choices(homes, weights, k=people)] if homes else []

    def day(self, day: date) -> FloorDay:
        random = seeded(self._seed, day)
        midnight = self._midnight(day)
        if self.around_the_clock:
            first, last = (self._midnight(day + timedelta(days=n)) + SHIFTS[0] * HOUR for n in (0, 1))
            diaries = self._shift_diaries([*(midnight + hour * HOUR for hour in SHIFTS), last], random)
        else:
            diaries = self._diaries(day, midnight, random)
            first, last = midnight + 9 * HOUR, midnight + 17 * HOUR
        self._arrange_meetings(diaries, first, last, random)
        stays: list[Stay] = []
        crossings = {sensor.id: Crossings([], []) for sensor in self._traffic}
        for diary in diaries:
            walk = list(diary.walk(random))
            stays.extend(stay for stay in walk if stay)
            self._pass_doors(walk, crossings, random)
        for ins, outs in crossings.values():
            ins.sort()
            outs.sort()
        stays.sort(key=lambda stay: (stay.start, stay.person))
        return FloorDay(stays, crossings)

    def _midnight(self, day: date) -> int:
        # Counted from noon, since clocks change between midnight and the first arrival.
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=self._zone)
        return int(noon.timestamp()) - 12 * HOUR

    def _seat(self, room: Room, random: Random) -> Seat:
        sensors = self._sensors_in[room.id]
        sensor_id = random.choice(sensors).id if sensors else ""
        return Seat(room, sensor_id, 0.1 + 0.8 * random.random(), 0.1 + 0.8 * random.random())

    def _diaries(self, day: date, midnight: int, random: Random) -> "list[_Diary]":
        diaries = []
        for person, desk in enumerate(self._desks):
            if random.random() >= ATTENDANCE[day.weekday()]:
                continue
            arrival = midnight + round(_between(6 * HOUR, random.gauss(8.9, 0.7) * HOUR, 11 * HOUR))
            departure = midnight + round(_between(14.5 * HOUR, random.gauss(17.4, 0.9) * HOUR, 21 * HOUR))
            diary = _Diary(person, desk, arrival, departure)
            lunch = midnight + round(_between(11.25 * HOUR, random.gauss(12.3, 0.4) * HOUR, 13.25 * HOUR))
            cafe = random.choice(self._cafes) if self._cafes and random.random() < 0.4 else None
            seat = self._seat(cafe, random) if cafe else None
            diary.block(lunch, lunch + random.randrange(25, 55) * MINUTE, seat)
            if random.random() < 0.4:
                walk = midnight + random.randrange(14 * HOUR, 16 * HOUR)
                diary.block(walk, walk + random.randrange(8, 20) * MINUTE, None)
            if self._focus_rooms and random.random() < 0.3:
                quiet = midnight + random.randrange(9 * HOUR, 17 * HOUR)
                seat = self._seat(random.choice(self._focus_rooms), random)
                diary.block(quiet, quiet + random.randrange(20, 70) * MINUTE, seat)
            diaries.append(diary)
        return diaries

    def _shift_diaries(self, changes: list[int], random: Random) -> "list[_Diary]":
        """Simulate the shifts. People stay a little longer than the end of their shift."""
        shifts = list(pairwise(changes))
        diaries = []
        for person, desk in enumerate(self._desks):
            # The first person of each shift is on duty, and never leaves the building.
            on_duty = person < len(SHIFTS)
            if not on_duty and random.random() >= SHIFT_ATTENDANCE:
                continue
            begins, ends = shifts[person % len(shifts)]
            arrival = begins - random.randrange(5, 25) * MINUTE
            departure = ends + random.randrange(5, 25) * MINUTE
            diary = _Diary(person, desk, arrival, departure)
            meal = begins + random.randrange(150, 300) * MINUTE
            seat = self._seat(random.choice(self._cafes), random) if self._cafes else None
            if seat or not on_duty:
                diary.block(meal, meal + random.randrange(20, 45) * MINUTE, seat)
            if self._focus_rooms and random.random() < 0.3:
                quiet = begins + random.randrange(20, 400) * MINUTE
                diary.block(
                    quiet,
                    quiet + random.randrange(20, 50) * MINUTE,
                    self._seat(random.choice(self._focus_rooms), random),
                )
            diaries.append(diary)
        return diaries

    def _arrange_meetings(self, diaries: "list[_Diary]", first: int, last: int, random: Random) -> None:
        for room in self._meeting_rooms:
            slot = first
            while slot < last:
                if random.random() < 0.6:
                    slot += 30 * MINUTE
                    continue
                stop = slot + random.choice((30, 30, 60, 60, 90)) * MINUTE
                wanted = random.randint(2, max(2, room.capacity["max"]))
                asked = random.sample(diaries, min(len(diaries), 2 * wanted))
                free = [diary for diary in asked if diary.free(slot, stop)][:wanted]
                if len(free) > 1:
                    for diary in free:
                        diary.block(slot, stop, self._seat(room, random))
                slot = stop

    def _pass_doors(self, walk: "list[Stay | None]", crossings: dict[str, Crossings], random: Random) -> None:
        for before, after in pairwise([None, *walk, None]):
            moment = after.start if after else before.stop if before else 0
            left = before.seat.room.id if before else None
            entered = after.seat.room.id if after else None
            if left == entered:
                continue
            if through := self._doors[left] if left else self._entrances:
                passed = crossings[random.choice(through).id]
                (passed.outs if left else passed.ins).append(moment)
            if through := self._doors[entered] if entered else self._entrances:
                passed = crossings[random.choice(through).id]
                (passed.ins if entered else passed.outs).append(moment)


class _Diary:
    """One person's day: the desk, and the blocks of time spent elsewhere (None: out of the building)."""

    def __init__(self, person: int, desk: Seat, arrival: int, departure: int) -> None:
        self.person = person
        self.desk = desk
        self.arrival = arrival
        self.departure = departure
        self.blocks: list[tuple[int, int, Seat | None]] = []

    def free(self, start: int, stop: int) -> bool:
        here = self.arrival + 5 * MINUTE <= start and stop + 5 * MINUTE <= self.departure
        return here and all(stop <= begin or end <= start for begin, end, _ in self.blocks)

    def block(self, start: int, stop: int, seat: Seat | None) -> None:
        if self.free(start, stop):
            self.blocks.append((start, stop, seat))

    def walk(self, random: Random) -> Iterator[Stay | None]:
        """Return the stays of the day in order and without gaps. None is a stay out of the building."""
        now = self.arrival
        for begin, end, seat in sorted(self.blocks, key=lambda block: block[0]):
            # People come a little early or late.
            start = max(now, begin + random.randint(-90, 120))
            stop = max(start + MINUTE, end + random.randint(-120, 90))
            if start > now:
                yield Stay(now, start, self.person, self.desk)
            yield Stay(start, stop, self.person, seat) if seat else None
            now = stop
        if self.departure > now:
            yield Stay(now, self.departure, self.person, self.desk)


@lru_cache(maxsize=64)
def local_days(zone: ZoneInfo, start: float, stop: float) -> tuple[date, ...]:
    """Yield each local calendar day that overlaps the half-open span."""
    days = [datetime.fromtimestamp(start, zone).date()]
    while datetime.combine(day := days[-1] + timedelta(days=1), MIDNIGHT, zone).timestamp() < stop:
        days.append(day)
    return tuple(days)


def _between(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)
