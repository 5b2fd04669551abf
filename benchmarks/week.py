"""The calls that name all sensors of a week, for those who make them by hand."""

import time
from typing import Any

HALF_HOUR, LANDING, HALF_DAY, WEEK = 1800, 7200, 43_200, 604_800


def of_a_week() -> list[dict[str, Any]]:
    """The bodies of two reporting calls.

    Butlr answers with windows that are closed and have landed, so that no one window covers the week: half days do up
    to the last that has landed, and half hours from there.
    """
    now = int(time.time())
    landed = (now - LANDING) // HALF_DAY * HALF_DAY
    spans = ((now - WEEK) // HALF_DAY * HALF_DAY, landed, "12h"), (landed, now // HALF_HOUR * HALF_HOUR, "30m")
    return [
        {
            "filter": {
                "start": _rfc3339(start),
                "stop": _rfc3339(stop),
                "measurements": ["presence", "traffic"],
                "value": {"gte": 0},
            },
            "window": {"every": every, "function": "last"},
        }
        for start, stop, every in spans
    ]


def _rfc3339(epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
