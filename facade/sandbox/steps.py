"""A count that changes at known moments."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """`values[i]` holds from `times[i]` up to the next time; before the first it is 0."""

    times: list[int]
    values: list[int]

    def at(self, time: float) -> int:
        i = bisect_right(self.times, time) - 1
        return self.values[i] if i >= 0 else 0

    def pieces(self, start: float, stop: float) -> Iterable[tuple[float, float, int]]:
        """Return the parts of the span with one count each, in order: (from, to, count)."""
        i = bisect_right(self.times, start)
        value = self.values[i - 1] if i else 0
        while start < stop:
            until = min(self.times[i], stop) if i < len(self.times) else stop
            yield start, until, value
            if i < len(self.times):
                value = self.values[i]
            start, i = until, i + 1


def count_overlaps(spans: Iterable[tuple[int, int]]) -> Step:
    """Return the number of half-open spans that contain each moment."""
    changes: dict[int, int] = {}
    for start, stop in spans:
        changes[start] = changes.get(start, 0) + 1
        changes[stop] = changes.get(stop, 0) - 1
    times: list[int] = []
    values: list[int] = []
    count = 0
    for time in sorted(changes):
        if change := changes[time]:
            count += change
            times.append(time)
            values.append(count)
    return Step(times, values)


def merge_steps(steps: Iterable[Step]) -> Step:
    """Add up counts over the same time."""
    changes: dict[int, int] = {}
    for step in steps:
        last = 0
        for time, value in zip(step.times, step.values, strict=True):
            changes[time] = changes.get(time, 0) + value - last
            last = value
    times = sorted(changes)
    values: list[int] = []
    total = 0
    for time in times:
        total += changes[time]
        values.append(total)
    return Step(times, values)
