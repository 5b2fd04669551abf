"""Request headers that are lists of values with weights, as `Accept` (RFC 9110, section 12.4.2)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_WEIGHT = re.compile(r"[01](\.[0-9]*)?")


class Weighted(NamedTuple):
    """A value in lower case, its parameters as `name=value`, and its weight: 1 unless given, 0 for an invalid one."""

    value: str
    parameters: list[str]
    weight: float


def weighted(header: str) -> Iterator[Weighted]:
    for part in header.lower().split(","):
        value, *parameters = (piece.strip() for piece in part.split(";"))
        yield Weighted(value, parameters, _weight_in(parameters))


def _weight_in(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
    return 1.0
