"""How the times of workloads grow with rows, sensors and concurrent requests."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .contenders import APOLLO, APOLLO_CACHED, FACADE
from .workloads import WORKLOADS, Workload

_OF_NAME = {workload.name: workload for workload in WORKLOADS}
_MIDNIGHT = datetime(2025, 10, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Curve:
    """A workload at several sizes, by the contenders that are fast enough for the largest one."""

    title: str
    points: dict[int, Workload]
    servers: frozenset[str]


def rows_of(count: int) -> Workload:
    base = _OF_NAME["C"]
    stop = _MIDNIGHT + timedelta(minutes=5) * (count // base.sensors)
    variables = {"start": _MIDNIGHT.isoformat(), "stop": stop.isoformat()}
    variables = {name: value.replace("+00:00", "Z") for name, value in variables.items()}
    return replace(base, title=f"{count:,} rows", variables=variables, seconds=1.0)


def _sensors_of(count: int) -> Workload:
    return replace(_OF_NAME["A"], title=f"{count:,} sensors", sensors=count, seconds=1.0)


def _at_once(count: int) -> Workload:
    return replace(_OF_NAME["B"], title=f"{count:,} at once", at_once=count, seconds=1.0)


CURVES = (
    Curve(
        # A million rows are measured by `million.py`, since most other servers do not have the memory.
        "C by rows, cold",
        {count: rows_of(count) for count in (1_000, 10_000, 100_000)},
        frozenset({FACADE, APOLLO, "Hive Gateway, response cache", "Tailcall"}),
    ),
    Curve(
        "A by sensors, cold",
        {count: _sensors_of(count) for count in (100, 300, 1_000, 3_000, 10_000)},
        frozenset({FACADE, APOLLO, "Hive Gateway, response cache"}),
    ),
    Curve(
        "B by requests at once, hot",
        {count: _at_once(count) for count in (1, 4, 16, 64, 256, 1_000)},
        frozenset({FACADE, APOLLO_CACHED, "Tailcall"}),
    ),
)
