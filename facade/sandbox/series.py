"""The values of a sensor or a place in each window."""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from .campus import Campus, Sensor
from .landing import Landing
from .people import People, Watched
from .steps import Step
from .windows import Window

Number = int | float
Function = Literal["max", "min", "sum", "mean", "median", "first", "last"]
FUNCTIONS: tuple[Function, ...] = ("max", "min", "sum", "mean", "median", "first", "last")
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Measurement:
    level: Literal["sensor", "room", "zone", "floor"]
    source: Literal["presence", "traffic"]
    fields: tuple[str, ...]


# The field name of occupancies is that of Butlr's sample. That of presence times is assumed.
MEASUREMENTS: dict[str, Measurement] = {
    "presence": Measurement("sensor", "presence", ("occupancy",)),
    "traffic": Measurement("sensor", "traffic", ("in", "out")),
    "room_occupancy": Measurement("room", "presence", ("occupancy",)),
    "zone_occupancy": Measurement("zone", "presence", ("occupancy",)),
    "floor_occupancy": Measurement("floor", "presence", ("occupancy",)),
    "traffic_room_occupancy": Measurement("room", "traffic", ("occupancy",)),
    "traffic_floor_occupancy": Measurement("floor", "traffic", ("occupancy",)),
    "room_presence_time_secs": Measurement("room", "presence", ("presence_time_secs",)),
    "zone_presence_time_secs": Measurement("zone", "presence", ("presence_time_secs",)),
    "floor_presence_time_secs": Measurement("floor", "presence", ("presence_time_secs",)),
}


def measured_assets(campus: Campus, measurement: Measurement) -> Iterable[Watched]:
    """Return the assets with sensors for the measurement: rooms count all their doors, floors their entrances."""
    source = measurement.source
    if measurement.level == "sensor":
        return [sensor for sensor in campus.sensors if sensor.mode == source and sensor.floor_id]
    places: dict[str, Sequence[Watched]] = {
        "room": campus.rooms,
        "zone": campus.zones,
        "floor": campus.floors,
    }
    entrances_only = measurement.level == "floor" and source == "traffic"
    return [
        place
        for place in places[measurement.level]
        if any(
            sensor.mode == source and (sensor.is_entrance or not entrances_only)
            for sensor in campus.sensors_of.get(place.id, ())
        )
    ]


def measure(
    people: People,
    asset: Watched,
    field: str,
    windows: Sequence[Window],
    function: Function,
    landing: Landing | None = None,
) -> list[Number | None]:
    """Return one value for each window; None if it has no sample. With `landing`, only of crossings known by now."""
    sampled = [window for window in windows if window.runs]
    if not sampled:
        return [None] * len(windows)
    span = (sampled[0].start, sampled[-1].stop)
    values: Callable[[Window], Number]
    if field in ("in", "out"):
        if not isinstance(asset, Sensor):
            raise TypeError(f"{type(asset).__name__} counts no crossings")
        values = _crossing_values(people, asset, field, span, function, landing)
    elif field == "presence_time_secs":
        values = partial(_presence_time, people.occupancy(asset, *span), function)
    elif function in ("first", "last") and sampled[0].stop - sampled[0].start >= DAY:
        values = partial(_occupancy_at_end, people, asset, function)
    else:
        values = partial(_occupancy, people.occupancy(asset, *span), function)
    return [values(window) if window.runs else None for window in windows]


def _occupancy_at_end(people: People, asset: Watched, function: Function, window: Window) -> Number:
    """Read one sample, so that only its day is simulated: a week of a large campus takes seconds."""
    return people.occupancy_at(asset, window.first if function == "first" else window.last)


def _occupancy(step: Step, function: Function, window: Window) -> Number:
    times = step.times
    first, last = window.first, window.last
    i = bisect_right(times, first)
    if (i == len(times) or times[i] > last) and len(window.runs) == 1:
        value = step.values[i - 1] if i else 0
        return value * window.samples if function == "sum" else value
    if function == "first":
        return step.at(first)
    if function == "last":
        return step.at(last)
    return aggregate(tally(step, window), function)


def tally(step: Step, window: Window) -> Counter[Number]:
    samples: Counter[Number] = Counter()
    for run in window.counts(step):
        samples[run.people] += run.samples
    return samples


def _crossing_values(
    people: People,
    sensor: Sensor,
    field: str,
    span: tuple[float, float],
    function: Function,
    landing: Landing | None,
) -> Callable[[Window], Number]:
    def between(begin: float, end: float) -> list[int]:
        crossings = people.crossings(sensor, begin, end)
        moments = crossings.ins if field == "in" else crossings.outs
        return landing.heard(sensor.id, moments) if landing else moments

    def one_sample(window: Window) -> Number:
        begin = window.first if function == "first" else window.last
        return len(between(begin, min(begin + window.period, window.stop)))

    if function in ("first", "last"):
        return one_sample

    moments = between(*span)

    def within(window: Window) -> list[list[int]]:
        return [
            moments[
                bisect_left(moments, window.sample_time(i)) : bisect_left(
                    moments, min(window.sample_time(j), window.stop)
                )
            ]
            for i, j in window.runs
        ]

    def total(window: Window) -> Number:
        return sum(map(len, within(window)))

    def of_samples(window: Window) -> Number:
        busy = Counter(int(moment - window.start) // window.period for run in within(window) for moment in run)
        samples: Counter[Number] = Counter(busy.values())
        if idle := window.samples - len(busy):
            samples[0] += idle
        return aggregate(samples, function)

    return total if function == "sum" else of_samples


def _presence_time(step: Step, function: Function, window: Window) -> Number:
    """Aggregate the seconds of presence in each sample's period."""
    period = window.period

    def seconds(begin: float, end: float) -> Number:
        return sum(until - since for since, until, count in step.pieces(begin, end) if count)

    if function in ("first", "last"):
        begin = window.first if function == "first" else window.last
        return seconds(begin, min(begin + period, window.stop))
    # Samples occupied throughout are counted, the others' seconds are added up one by one.
    full = 0
    broken: defaultdict[int, Number] = defaultdict(int)
    total: Number = 0
    for i, j in window.runs:
        for since, until, count in step.pieces(window.sample_time(i), min(window.sample_time(j), window.stop)):
            if not count:
                continue
            total += until - since
            first = math.ceil((since - window.start) / period)
            stop = int((until - window.start) // period)
            if first > stop:
                broken[stop] += until - since
            else:
                full += stop - first
                broken[first - 1] += window.sample_time(first) - since
                broken[stop] += until - window.sample_time(stop)
    if function == "sum":
        return total
    samples: Counter[Number] = Counter(seconds for seconds in broken.values() if seconds)
    samples[0] = window.samples - full - samples.total()
    samples[period] += full
    return aggregate(+samples, function)


def aggregate(samples: Counter[Number], function: str) -> Number:
    """Aggregate values with their counts by a function that does not depend on their order."""
    match function:
        case "max":
            return max(samples)
        case "min":
            return min(samples)
        case "sum":
            return sum(value * count for value, count in samples.items())
        case "mean":
            return sum(value * count for value, count in samples.items()) / samples.total()
        case "median":
            return upper_median(samples)
    raise ValueError(function)


def upper_median(samples: Counter[Number]) -> Number:
    """Return the median; of an even number of values the greater middle one, as in Butlr's sample (4 and 6: 6)."""
    middle = samples.total() // 2
    for value in sorted(samples):
        middle -= samples[value]
        if middle < 0:
            return value
    raise ValueError("no values")
