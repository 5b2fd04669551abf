"""The longest synchronous steps on the event loop of a facade that answers large reports.

`python -m benchmarks.loop_steps [CELLS]` prints, for each way to ask, the steps of more than ten milliseconds, by the
CPU time of the loop's thread (a busy machine does not make them longer), and the lines that were seen within them.
"""

# ruff: noqa: SLF001 -- asyncio has no public way to time each callback

import asyncio
import asyncio.events
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

import httpx
import uvicorn

from facade.app import create_app
from facade.server.connections import CachingConnection

from .contenders import upstream
from .growth import rows_of
from .processes import free_port

CELLS = 250_000
TOO_LONG = 0.010
TIMEOUT = 600
OF_SENSORS = """query($start: Time!, $stop: Time!) {
  sensors { data { report(start: $start, stop: $stop, measurements: [presence], window: {every: "5m", function: max}) {
    rows { time value }
  } } }
}"""


class Steps:
    """Times each callback of the event loops of this process, and looks at where the long ones are."""

    def __init__(self) -> None:
        self.found: list[tuple[float, Counter[str]]] = []
        self._seen: Counter[str] = Counter()
        self._began = 0.0
        self._loop_thread = 0
        self._run = asyncio.events.Handle._run

    def __enter__(self) -> Self:
        steps, run = self, self._run

        def timed(handle: asyncio.events.Handle) -> None:
            steps._seen, began = Counter(), time.thread_time()
            steps._began, steps._loop_thread = time.perf_counter(), threading.get_ident()
            run(handle)
            took, steps._began = time.thread_time() - began, 0.0
            if took > TOO_LONG:
                steps.found.append((took, steps._seen))

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.events.Handle._run = self._run  # type: ignore[method-assign]

    def _watch(self) -> None:
        while asyncio.events.Handle._run is not self._run:
            time.sleep(0.002)
            frame, seen = sys._current_frames().get(self._loop_thread), self._seen
            if self._began and frame is not None:
                seen[_where(frame)] += 1

    def take(self) -> list[tuple[float, Counter[str]]]:
        found, self.found = sorted(self.found, key=lambda step: -step[0]), []
        return found


def _where(frame: FrameType | None) -> str:
    """The innermost three lines of the package."""
    lines: list[str] = []
    while frame is not None and len(lines) < 3:
        file = frame.f_code.co_filename
        if "/facade/" in file or not lines:
            lines.append(f"{'/'.join(Path(file).parts[-2:])}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(lines)


@contextmanager
def serving(address: str, cells: int) -> Iterator[str]:
    os.environ |= {"BUTLR_BASE_URL": address, "FACADE_MAX_COST": str(20 * cells)}
    os.environ |= {f"FACADE_{name}_TIMEOUT": str(TIMEOUT) for name in ("OPERATION", "UPSTREAM")}
    # As the server's own.
    gc.set_threshold(50_000, 50, 100)
    port = free_port()
    config = uvicorn.Config(create_app(), port=port, loop="asyncio", http=CachingConnection, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def measure(folder: Path, cells: int = CELLS) -> dict[str, Any]:
    workload = rows_of(cells)
    asked = {**workload.variables, "measurements": "presence", "every": "5m", "function": "max"}
    body = {
        "filter": {**workload.variables, "measurements": ["presence"]},
        "window": {"every": "5m", "function": "max"},
    }
    found: dict[str, Any] = {}
    with upstream(folder, workload.sensors, 0.0, large=1) as address, Steps() as steps, serving(address, cells) as url:

        def ask(name: str, token: str, method: str, path: str, **options: Any) -> None:
            headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
            steps.take()
            began = time.perf_counter()
            with httpx.stream(
                method, url + path, headers=headers, timeout=TIMEOUT, trust_env=False, **options
            ) as answer:
                size = sum(map(len, answer.iter_raw()))
                answer.raise_for_status()
            took = time.perf_counter() - began
            long = steps.take()
            found[name] = {
                "seconds": round(took, 2),
                "bytes": size,
                "steps": len(long),
                "longest": [
                    f"{1000 * seconds:.0f} ms: " + "; ".join(f"{line} ({count})" for line, count in seen.most_common(2))
                    for seconds, seen in long[:8]
                ],
            }

        def rows(query: str) -> dict[str, Any]:
            return {"json": {"query": query, "variables": workload.variables}}

        ask("warm up", "w", "POST", "/graphql", json={"query": "{ sensors { data { id } } }"})
        for heat in ("cold", "warm"):
            ask(f"GraphQL rows, {heat}", "a", "POST", "/graphql", **rows(workload.query))
            ask(f"GraphQL rows by sensor, {heat}", "b", "POST", "/graphql", **rows(OF_SENSORS))
            ask(f"export as Arrow, {heat}", "c", "GET", "/export/report.arrow", params=asked)
            ask(f"export as CSV, {heat}", "d", "GET", "/export/report.csv", params=asked)
            ask(f"REST, {heat}", "e", "POST", "/api/v3/reporting", json=body)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), int((sys.argv[1:] or [CELLS])[0])), indent=1))
