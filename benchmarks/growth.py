"""How the workloads' times grow with what they are asked for."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .contenders import FACADE
from .workloads import WORKLOADS, Workload

_OF_NAME = {workload.name: workload for workload in WORKLOADS}
_MIDNIGHT = datetime(2025, 10, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Curve:
    """A workload at several sizes, by those who can still be waited for at the largest."""

    title: str
    points: tuple[tuple[int, Workload], ...]
    servers: frozenset[str]


def _rows(count: int) -> Workload:
    base = _OF_NAME["C"]
    stop = _MIDNIGHT + timedelta(minutes=5) * (count // base.sensors)
    variables = {"start": _MIDNIGHT.isoformat(), "stop": stop.isoformat()}
    variables = {name: value.replace("+00:00", "Z") for name, value in variables.items()}
    return replace(base, title=f"{count:,} rows", variables=variables, seconds=2.0)


def _sensors(count: int) -> Workload:
    return replace(_OF_NAME["A"], title=f"{count:,} sensors", sensors=count, seconds=2.0)


def _at_once(count: int) -> Workload:
    return replace(_OF_NAME["B"], title=f"{count:,} at once", at_once=count, seconds=2.0)


CURVES = (
    Curve(
        "C by rows, cold",
        tuple((count, _rows(count)) for count in (1_000, 10_000, 100_000)),
        frozenset({FACADE, "Apollo Server", "Yoga, response cache"}),
    ),
    Curve(
        "A by sensors, cold",
        tuple((count, _sensors(count)) for count in (100, 1_000, 10_000)),
        frozenset({FACADE, "Apollo Server", "Yoga, response cache"}),
    ),
    Curve(
        "B by requests at once, hot",
        tuple((count, _at_once(count)) for count in (1, 10, 100, 1_000)),
        frozenset({FACADE, "Apollo, response cache", "Yoga, response cache"}),
    ),
)
