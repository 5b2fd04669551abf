"""Cut a span into windows, and each window into the samples that fall into it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .durations import Duration, add_months
from .schedule import local_days
from .steps import Step

# The seconds between two samples of a sensor. Shorter windows have one sample each.
SAMPLE_PERIOD = 60


class CountRun(NamedTuple):
    """Successive samples with the same count, from the index of the first one on."""

    first: int
    samples: int
    people: int


class Window(NamedTuple):
    """A half-open span named by its start, and its samples.

    Sample k is taken at `start + k * period`; `runs` are half-open ranges of k: one range, or several (or
    none) where time constraints leave samples out. A count of events at k is of those up to sample k + 1.
    """

    start: float
    stop: float
    period: int
    runs: tuple[tuple[int, int], ...]

    def sample_time(self, k: int) -> float:
        return self.start + k * self.period

    @property
    def first(self) -> float:
        return self.sample_time(self.runs[0][0])

    @property
    def last(self) -> float:
        return self.sample_time(self.runs[-1][1] - 1)

    @property
    def samples(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def counts(self, step: Step) -> Iterator[CountRun]:
        """Yield the count at each sample. Successive samples with the same count are one run."""
        for run_start, run_stop in self.runs:
            first = run_start
            # A sample at the time of a change has the new count.
            for _, end, count in step.pieces(self.sample_time(run_start), self.sample_time(run_stop)):
                until = math.ceil((end - self.start) / self.period)
                if until > first:
                    yield CountRun(first, until - first, count)
                    first = until

    def sample_times(self) -> Iterator[float]:
        for start, stop in self.runs:
            for k in range(start, stop):
                yield self.sample_time(k)


@dataclass(frozen=True, slots=True)
class TimeConstraints:
    """Times of day in seconds (none: the whole day) on days of the week that are not excluded."""

    ranges: tuple[tuple[int, int], ...] = ()
    excluded_days: frozenset[int] = frozenset()

    def allowed(self, start: float, stop: float, zone: ZoneInfo) -> list[tuple[float, float]]:
        ranges = sorted(self.ranges) or [(0, 86_400)]
        found = []
        for day in local_days(zone, start, stop):
            if day.weekday() in self.excluded_days:
                continue
            midnight = datetime.combine(day, time(), zone)
            for begin, end in ranges:
                span = (
                    max(start, (midnight + timedelta(seconds=begin)).timestamp()),
                    min(stop, (midnight + timedelta(seconds=end)).timestamp()),
                )
                if span[0] < span[1]:
                    found.append(span)
        return found


def edges(
    start: float, stop: float, every: Duration, zone: ZoneInfo | None = None, offset: int = 0
) -> Iterator[tuple[float, float]]:
    """Yield the windows' spans; the first and the last are cut to the span asked for.

    Windows count from the query's own start, not from the clock, unless a time zone is given and they are as
    long as a day: then they begin at midnight there (weeks on Monday, months on the first).
    """
    if every.months or (zone and every.seconds % 86_400 == 0):
        yield from _calendar_edges(start, stop, every, zone, offset)
        return
    length = every.seconds
    begin = start + (offset % length - length if offset % length else 0)
    while begin < stop:
        yield max(begin, start), min(begin + length, stop)
        begin += length


def _calendar_edges(
    start: float, stop: float, every: Duration, zone: ZoneInfo | None, offset: int
) -> Iterator[tuple[float, float]]:
    moment = datetime.fromtimestamp(start - offset, zone or UTC)
    if zone:
        moment = datetime.combine(moment.date(), time(), zone)
        if every.months:
            moment = moment.replace(day=1)
        elif every.seconds % 604_800 == 0:
            moment -= timedelta(days=moment.weekday())
    begin = moment.timestamp() + offset
    while begin < stop:
        # Wall-clock arithmetic: a day with a clock change is still one day.
        moment = add_months(moment, every.months) + timedelta(seconds=every.seconds)
        end = moment.timestamp() + offset
        if end > start:
            yield max(begin, start), min(end, stop)
        begin = end


def estimate(start: float, stop: float, every: Duration) -> int:
    return math.ceil((stop - start) / (every.seconds + every.months * 28 * 86_400))


def cut(spans: Iterator[tuple[float, float]], period: int, allowed: list[tuple[float, float]]) -> list[Window]:
    """Assign to each window the samples in the allowed spans, which are in order and do not overlap."""
    windows = []
    i = 0
    for start, stop in spans:
        while i < len(allowed) and allowed[i][1] <= start:
            i += 1
        runs = []
        j = i
        while j < len(allowed) and allowed[j][0] < stop:
            first = math.ceil((max(start, allowed[j][0]) - start) / period)
            last = math.ceil((min(stop, allowed[j][1]) - start) / period)
            if first < last:
                runs.append((first, last))
            j += 1
        windows.append(Window(start, stop, period, tuple(runs)))
    return windows
