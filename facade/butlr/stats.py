"""Answers of the stats call (v4): a number for each item and measurement."""

from __future__ import annotations

import orjson

from ._loose import as_object, number
from .client import STATS_PATH
from .errors import undecodable


def decode(body: bytes, path: str = STATS_PATH) -> dict[str, dict[str, float | None]]:
    """Return values by item and measurement. Raises InvalidResponse if `data` is neither an object nor null."""
    try:
        answer = as_object(orjson.loads(body))
    except ValueError as exc:
        raise undecodable(body, path, "statistics") from exc
    data = answer.get("data", "missing")
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise undecodable(body, path, "statistics by item")
    return {
        item: {measurement: number(value) for measurement, value in as_object(values).items()}
        for item, values in data.items()
    }
