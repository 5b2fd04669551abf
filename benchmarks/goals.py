"""The goals of the facade, beside the results of a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .chart import figure
from .contenders import (
    APOLLO,
    APOLLO_CACHED,
    BY_HAND,
    FACADE,
    FLOOR,
    NOT_EXPLAINED,
    PLAIN,
    TRACED,
    TRACED_SELDOM,
    TWO_WORKERS,
)
from .pushed import SSE

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: `found` is at most `bound`, or, with `at_least`, at least `bound`."""

    workload: str
    what: str
    found: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def cells(self) -> tuple[str, str, str, str]:
        bound = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        return self.workload, self.what, bound, f"{figure(self.found)}{'' if self.met else ' (not met)'}"


def goals(run: dict[str, Any]) -> Iterator[Goal]:
    """Return the goals for which the run has figures."""
    of = {workload["name"]: {result["name"]: result for result in workload["results"]} for workload in run["workloads"]}
    for name, judge in (("A", _a), ("B", _b), ("C", _c), ("C hot", _c_hot)):
        if FACADE in of.get(name, {}):
            yield from judge(of[name])
    if {FACADE, TWO_WORKERS} <= set(of.get("B workers", {})):
        yield _workers(of["B workers"], run["machine"]["cores"])
    yield from _told(of)
    if polled := run["polled"]:
        yield Goal("polled", "points fetched by points of windows new or not settled", polled["ratio"], 1.1)
    if relative := run.get("polled_relative"):
        yield Goal("polled by -24h", "the same, asked relative to now", relative["ratio"], 1.1)
    if pushed := run.get("pushed"):
        yield Goal("pushed", "CPU of a delivered event by that of a bare loop", pushed["of"][SSE]["cpu_ratio"], 1.5)
        yield Goal("pushed", "seconds until 1,000 at three replicas have it, p95", pushed["spread"]["p95_seconds"], 1)
    if million := run["million"]:
        yield Goal("1M rows", "peak memory by the answer's size", million["ratio"], 3)
    if exported := run.get("exported"):
        yield Goal("exported", "time by that by hand", exported["ratio"], 1.3)
        yield Goal("exported", "MB held at most", exported["peak_bytes"] / 1e6, 250)
    if frames := run.get("frames"):
        yield Goal("frames", "time by that of GraphQL's JSON", frames["time_ratio"], 0.5)
        yield Goal("frames", "bytes by those of GraphQL's JSON", frames["bytes_ratio"], 0.33)
        yield Goal("frames", "time by that of CSV", frames["csv_ratio"], 1)


def _ratio(results: Results, what: str, other: str) -> float | None:
    """Return the facade's figure divided by another server's; None if that one is missing or zero."""
    divisor = results[other][what] if other in results else 0
    return results[FACADE][what] / divisor if divisor else None


def _best_peer(results: Results) -> str:
    peers = [name for name in results if name not in (FACADE, FLOOR, BY_HAND, PLAIN)]
    return min(peers, key=lambda name: float(results[name]["wall_seconds"]), default="")


def _at_most(workload: str, what: str, found: float | None, bound: float) -> Iterator[Goal]:
    if found is not None:
        yield Goal(workload, what, found, bound)


def _times_faster(workload: str, results: Results, other: str, bound: float) -> Iterator[Goal]:
    if ratio := _ratio(results, "wall_seconds", other):
        yield Goal(workload, f"times as fast as {other}", 1 / ratio, bound, at_least=True)


def _a(results: Results) -> Iterator[Goal]:
    best = _best_peer(results)
    yield from _at_most("A", "time by that by hand", _ratio(results, "wall_seconds", BY_HAND), 1.2)
    yield from _at_most("A", f"time by that of {best}", _ratio(results, "wall_seconds", best), 0.6)
    # Two name the sensors of a week.
    yield Goal("A", "calls", results[FACADE]["calls"], 3)


def _b(results: Results) -> Iterator[Goal]:
    yield from _at_most("B", "CPU by that of bare uvicorn", _ratio(results, "cpu_seconds", FLOOR), 1.4)
    yield from _times_faster("B", results, APOLLO_CACHED, 4)


def _c(results: Results) -> Iterator[Goal]:
    yield from _at_most("C", "time by that by hand", _ratio(results, "wall_seconds", BY_HAND), 0.6)
    yield from _times_faster("C", results, _best_peer(results), 5)
    yield from _times_faster("C", results, PLAIN, 10)
    yield from _at_most("C", "peak memory by Apollo's", _ratio(results, "peak_bytes", APOLLO), 0.5)


def _c_hot(results: Results) -> Iterator[Goal]:
    yield from _at_most("C hot", "time by that of bare uvicorn", _ratio(results, "wall_seconds", FLOOR), 1.3)
    yield from _times_faster("C hot", results, _best_peer(results), 8)


def _told(of: dict[str, Results]) -> Iterator[Goal]:
    """Yield the goals for the cost of unused explain and of traces."""
    for workload, name, base, bound in (
        ("B told", FACADE, NOT_EXPLAINED, 1.02),
        ("B told", TRACED_SELDOM, NOT_EXPLAINED, 1.05),
        ("A told", TRACED, FACADE, 1.05),
    ):
        results = of.get(workload, {})
        if {name, base} <= results.keys() and results[base]["cpu_seconds"]:
            ratio = results[name]["cpu_seconds"] / results[base]["cpu_seconds"]
            yield Goal(workload, f"CPU of {name} by that of {base}", ratio, bound)


def _workers(results: Results, cores: int) -> Goal:
    one, two = results[FACADE], results[TWO_WORKERS]
    if cores > 2:
        times = one["wall_seconds"] / two["wall_seconds"]
        return Goal("B workers", "times the requests/s by two workers", times, 1.7, at_least=True)
    # The load shares a core with a worker, so the number of requests cannot double. Their CPU time should not grow.
    ratio = two["cpu_seconds"] / (one["cpu_seconds"] or two["cpu_seconds"])
    return Goal("B workers", "CPU a request by two workers by that by one", ratio, 1.1)
