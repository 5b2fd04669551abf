"""A dashboard that polls: the last 24 hours by 5 minutes of 200 sensors, each minute for an hour."""

import json
import statistics
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .contenders import FACADE, Place, Server, facade, running, upstream
from .processes import RunError, post, python
from .upstream import sensor_id

QUERY = """query Dashboard($start: Time!, $stop: Time!, $sensors: [ID!]!) {
  report(
    filter: { start: $start, stop: $stop, measurements: [presence], sensors: { eq: $sensors } }
    window: { every: "5m", function: max }
  ) {
    series { sensor_id times values }
  }
}"""
SENSORS = 200
EVERY, SPAN, BETWEEN = timedelta(minutes=5), timedelta(hours=24), timedelta(minutes=1)
# Seconds after its end for which a window may still change, by the facade's rule.
LATE = timedelta(minutes=15)


# The same query as dashboards write it: with a start relative to now, and without a stop.
RELATIVE = QUERY.replace(", $stop: Time!", "").replace(", stop: $stop", "")


def _spelt(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _edge(moment: datetime) -> datetime:
    """Return the start of the window that contains a moment."""
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % EVERY


def points_needed(start: datetime, now: datetime, *, first: bool) -> int:
    """Return the points of the windows that are new or not settled at a poll. At the first poll all are new."""
    # Windows take longer to settle than the time between polls, so new windows are among the unsettled ones.
    oldest = start if first else _edge(now - LATE)
    return ((_edge(now) - oldest) // EVERY + 1) * SENSORS


def _server(shift: Path) -> Server:
    plain = facade(workloads=frozenset())

    def command(place: Place) -> list[str]:
        serve = plain.command(place)
        return python("-m", "benchmarks.shifted", str(shift), *serve[serve.index("serve") :])

    return Server(FACADE, command, plain.environment)


def measure(folder: Path, *, latency: float, polls: int = 60, relative: bool = False) -> dict[str, Any]:
    """Poll, and count the points that the upstream was asked for. Raises `RunError`.

    `relative` asks for `start: "-24h"`, which goes up absolute and on edges of windows.
    """
    shift = folder / "shift"
    shift.write_bytes(struct.pack("d", 0.0))
    # Each minute of the facade's clock at 30 seconds, so that no poll is on an edge of a window.
    begun = time.time()
    first = datetime.fromtimestamp(begun // 60 * 60 + 30, UTC)
    fetched, needed, calls, took = [], [], 0, []
    with (
        upstream(folder, SENSORS, latency) as address,
        running(_server(shift), folder, address) as server,
        shift.open("r+b") as clock,
    ):
        cpu = server.process.cpu()
        for number in range(polls):
            now = first + BETWEEN * number
            clock.seek(0)
            clock.write(struct.pack("d", now.timestamp() - time.time()))
            clock.flush()
            start = _edge(now - SPAN)
            sensors = [sensor_id(sensor) for sensor in range(SENSORS)]
            span = {"start": "-24h"} if relative else {"start": _spelt(start), "stop": _spelt(now)}
            query = RELATIVE if relative else QUERY
            body = json.dumps({"query": query, "variables": {**span, "sensors": sensors}}).encode()
            asked = time.perf_counter()
            answer = json.loads(post(server.url, body, "dashboard"))
            took.append(time.perf_counter() - asked)
            series = (answer.get("data") or {}).get("report", {}).get("series") or []
            # A relative end is moved to the last edge that has passed.
            windows = (now - start) // EVERY + (not relative)
            if [len(one["values"]) for one in series] != [windows] * SENSORS:
                raise RunError(f"the dashboard has {len(series)} series, not {SENSORS} of {windows} windows each")
            seen = json.loads(post(f"{address}/calls"))
            fetched.append(seen.pop("points", 0))
            calls += sum(seen.values())
            needed.append(points_needed(start, now, first=number == 0))
        cpu = server.process.cpu() - cpu
    return {
        "polls": polls,
        "points_fetched": sum(fetched),
        "points_needed": sum(needed),
        "ratio": sum(fetched) / sum(needed),
        # Without the first poll, which needs everything.
        "ratio_after_the_first": sum(fetched[1:]) / sum(needed[1:]),
        "calls": calls,
        "median_seconds": statistics.median(took),
        "cpu_seconds": cpu / polls,
    }
