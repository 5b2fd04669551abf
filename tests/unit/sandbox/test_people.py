"""All measurements agree about the people of the campus."""

from collections import Counter
from datetime import datetime
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.sandbox.construction import build_campus
from facade.sandbox.durations import Duration
from facade.sandbox.people import People
from facade.sandbox.series import FUNCTIONS, measure, upper_median
from facade.sandbox.steps import Step, count_overlaps, merge_steps
from facade.sandbox.windows import cut, edges

DAY = 86_400
WEDNESDAY = int(datetime.fromisoformat("2025-10-15T00:00:00-07:00").timestamp())
CAMPUS = build_campus(200)
PEOPLE = People(CAMPUS, 1)
MOMENTS = st.integers(WEDNESDAY, WEDNESDAY + DAY)


@given(MOMENTS)
def test_a_floor_holds_whoever_came_in_and_has_not_gone_out(moment):
    for floor in CAMPUS.floors:
        entrances = [sensor for sensor in CAMPUS.sensors_of[floor.id] if sensor.is_entrance]
        crossings = [PEOPLE.crossings(sensor, WEDNESDAY, moment + 1) for sensor in entrances]
        ins = sum(len(crossing.ins) for crossing in crossings)
        outs = sum(len(crossing.outs) for crossing in crossings)
        assert PEOPLE.occupancy_at(floor, moment) == ins - outs


@given(MOMENTS)
def test_a_room_with_a_door_sensor_holds_whoever_came_in_and_has_not_gone_out(moment):
    for room in CAMPUS.rooms:
        doors = [sensor for sensor in CAMPUS.sensors_of[room.id] if sensor.mode == "traffic"]
        if doors:
            crossings = [PEOPLE.crossings(sensor, WEDNESDAY, moment + 1) for sensor in doors]
            inside = sum(len(crossing.ins) - len(crossing.outs) for crossing in crossings)
            assert PEOPLE.occupancy_at(room, moment) == inside


@given(MOMENTS)
def test_a_floor_holds_as_many_as_its_rooms(moment):
    for floor in CAMPUS.floors:
        rooms = CAMPUS.rooms_of_floor[floor.id]
        assert PEOPLE.occupancy_at(floor, moment) == sum(PEOPLE.occupancy_at(room, moment) for room in rooms)


@given(MOMENTS)
def test_the_sensors_of_a_place_see_all_who_are_there_and_each_of_them_once(moment):
    for place in [*CAMPUS.rooms, *CAMPUS.zones]:
        sensors = [sensor for sensor in CAMPUS.sensors_of[place.id] if sensor.mode == "presence"]
        if sensors:
            seen = sum(PEOPLE.occupancy_at(sensor, moment) for sensor in sensors)
            assert PEOPLE.occupancy_at(place, moment) == seen


@given(MOMENTS)
def test_nobody_is_in_two_places_at_once(moment):
    for floor in CAMPUS.floors:
        here = Counter(
            stay.person
            for sensor in CAMPUS.sensors_of[floor.id]
            for stay in PEOPLE.stays(sensor, moment, moment + 1)
            if stay.start <= moment
        )
        assert all(count == 1 for count in here.values())


def test_whoever_comes_leaves_before_midnight():
    for floor in CAMPUS.floors:
        for day in range(7):
            assert PEOPLE.occupancy_at(floor, WEDNESDAY + day * DAY) == 0


def test_weekdays_are_busy_around_ten_and_nights_and_sundays_are_not():
    def inside(moment: int) -> int:
        return sum(PEOPLE.occupancy_at(floor, moment) for floor in CAMPUS.floors)

    ten = 10 * 3600
    assert inside(WEDNESDAY + ten) > 100
    assert inside(WEDNESDAY + 3 * 3600) == 0
    assert inside(WEDNESDAY + 4 * DAY + ten) < 20


def test_people_leave_at_lunch_and_meet_in_meeting_rooms():
    meeting_rooms = [room for room in CAMPUS.rooms if room.roomType == "meeting"]
    met = [max(PEOPLE.occupancy(room, WEDNESDAY, WEDNESDAY + DAY).values, default=0) for room in meeting_rooms]
    out = sum(
        len(PEOPLE.crossings(sensor, WEDNESDAY + 11 * 3600, WEDNESDAY + 13 * 3600).outs)
        for sensor in CAMPUS.sensors
        if sensor.is_entrance
    )

    assert sum(most >= 2 for most in met) > len(met) / 2
    assert out > 20


def test_a_day_is_the_same_whenever_and_wherever_it_is_drawn():
    again = People(build_campus(200), 1)
    floor = CAMPUS.floors[1]
    again.occupancy(floor, WEDNESDAY - 30 * DAY, WEDNESDAY - 29 * DAY)

    span = (WEDNESDAY, WEDNESDAY + DAY)
    assert again.occupancy(floor, *span) == PEOPLE.occupancy(floor, *span)
    assert People(CAMPUS, 2).occupancy(floor, *span) != PEOPLE.occupancy(floor, *span)


FOLDS = {
    "max": max,
    "min": min,
    "sum": sum,
    "mean": fmean,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "median": lambda values: sorted(values)[len(values) // 2],
}
SPANS = st.tuples(
    st.integers(WEDNESDAY, WEDNESDAY + DAY), st.integers(61, 2 * DAY), st.sampled_from([30, 300, 3600, 100_000])
)


@settings(max_examples=25, deadline=None)
@given(SPANS, st.sampled_from(FUNCTIONS), st.integers(0, 86_400), st.integers(1, 86_400))
def test_a_windows_value_is_its_samples_folded_one_by_one(span, function, gap, length):
    start, duration, every = span
    period = min(60, every)
    allowed = [(start, start + gap), (start + gap + length, start + duration)]
    windows = cut(edges(start, start + duration, Duration(every)), period, allowed)
    fold = FOLDS[function]
    room = next(room for room in CAMPUS.rooms if room.roomType == "boardroom")
    door = next(sensor for sensor in CAMPUS.sensors_of[room.id] if sensor.mode == "traffic")
    occupancy = PEOPLE.occupancy(room, start, start + duration)
    ins = PEOPLE.crossings(door, start, start + duration).ins
    present = {
        second
        for begin, end, count in occupancy.pieces(start, start + duration)
        if count
        for second in range(int(begin), int(end))
    }

    for asset, field in ((room, "occupancy"), (door, "in"), (room, "presence_time_secs")):
        for window, value in zip(windows, measure(PEOPLE, asset, field, windows, function), strict=True):
            if not window.runs:
                assert value is None
                continue
            samples = [
                occupancy.at(time)
                if field == "occupancy"
                else sum(time <= moment < min(time + period, window.stop) for moment in ins)
                if field == "in"
                else sum(second in present for second in range(int(time), int(min(time + period, window.stop))))
                for time in window.sample_times()
            ]
            assert value == pytest.approx(fold(samples))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=20))
def test_overlaps_are_counted_and_added_up(spans):
    spans = [(start, start + length) for start, length in spans]
    whole = count_overlaps(spans)

    for time in range(-1, 101):
        assert whole.at(time) == sum(start <= time < stop for start, stop in spans)
    half = len(spans) // 2
    merged = merge_steps([count_overlaps(spans[:half]), count_overlaps(spans[half:])])
    assert all(merged.at(time) == whole.at(time) for time in range(101))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=10, unique=True), st.integers(-5, 40), st.integers(0, 40))
def test_pieces_put_together_are_the_span(times, start, length):
    step = Step(sorted(times), list(range(1, len(times) + 1)))

    pieces = list(step.pieces(start, start + length))

    seconds = [count for begin, end, count in pieces for _ in range(begin, end)]
    assert seconds == [step.at(time) for time in range(start, start + length)]


def test_the_median_of_an_even_number_is_the_greater_middle_one():
    assert upper_median(Counter([4, 6])) == 6
    assert upper_median(Counter([1, 1, 5])) == 1
