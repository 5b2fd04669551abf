"""A million rows into a pandas data frame: as Arrow, as CSV, and as JSON of GraphQL.

`python -m benchmarks.frames [ROWS]` measures only this.
"""

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from facade.client import Facade

from .contenders import facade, running, upstream
from .growth import rows_of
from .processes import RunError

ROWS = 1_000_000
ARROW, CSV, JSON = "Arrow", "CSV", "GraphQL JSON"
TIMEOUT = 600


class Reader:
    """Reads the same rows in each format, each as another caller, so that none is served from another's cache."""

    def __init__(self, url: str, variables: dict[str, Any], query: str) -> None:
        self._url = url
        self._variables = variables
        self._query = query
        self._asked = {**variables, "measurements": "presence", "every": "5m", "function": "max"}

    def arrow(self) -> tuple[pd.DataFrame, int]:
        with Facade(self._url, "arrow", timeout=TIMEOUT) as client:
            rows = client.report(**self._asked)
        return rows.to_pandas(), len(rows.stream)

    def csv(self) -> tuple[pd.DataFrame, int]:
        answer = self._sent("csv", "GET", "/export/report.csv", params=self._asked)
        return pd.read_csv(io.BytesIO(answer), parse_dates=["time", "window_start"], low_memory=False), len(answer)

    def json(self) -> tuple[pd.DataFrame, int]:
        asked = {"query": self._query, "variables": self._variables}
        answer = self._sent("json", "POST", "/graphql", json=asked)
        frame = pd.DataFrame(json.loads(answer)["data"]["report"]["rows"])
        frame["time"] = pd.to_datetime(frame["time"])
        return frame, len(answer)

    def _sent(self, token: str, method: str, path: str, **asked: Any) -> bytes:
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        answer = httpx.request(
            method, self._url + path, headers=headers, timeout=TIMEOUT, trust_env=False, **asked
        ).raise_for_status()
        return answer.content


def measure(folder: Path, *, latency: float, rows: int = ROWS) -> dict[str, Any]:
    """Read once in each format, cold. Raises `RunError` if the values differ."""
    workload = rows_of(rows)
    settings = {"FACADE_MAX_COST": str(10 * rows)} | {
        f"FACADE_{name}_TIMEOUT": str(TIMEOUT) for name in ("UPSTREAM", "OPERATION")
    }
    server = facade(workloads=frozenset(), settings=settings)
    found: dict[str, dict[str, Any]] = {}
    sums = set()
    with ExitStack() as stack:
        address = stack.enter_context(upstream(folder, workload.sensors, latency, large=1))
        contender = stack.enter_context(running(server, folder, address))
        reader = Reader(f"http://127.0.0.1:{contender.port}", workload.variables, workload.query)
        ways: dict[str, Callable[[], tuple[pd.DataFrame, int]]] = {
            JSON: reader.json,
            CSV: reader.csv,
            ARROW: reader.arrow,
        }
        for name, read in ways.items():
            began, cpu, own = time.perf_counter(), contender.process.cpu(), time.process_time()
            frame, size = read()
            found[name] = {
                "seconds": time.perf_counter() - began,
                "cpu_seconds": contender.process.cpu() - cpu + time.process_time() - own,
                "bytes": size,
            }
            sums.add((len(frame), frame["value"].sum(), frame["time"].max()))
            del frame
    if len(sums) != 1:
        raise RunError(f"the same rows came as different ones: {sums}")
    return {
        "rows": rows,
        "time_ratio": found[ARROW]["seconds"] / found[JSON]["seconds"],
        "bytes_ratio": found[ARROW]["bytes"] / found[JSON]["bytes"],
        "csv_ratio": found[ARROW]["seconds"] / found[CSV]["seconds"],
        "of": found,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), latency=0.02, rows=int((sys.argv[1:] or [ROWS])[0])), indent=1))
