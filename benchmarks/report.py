"""What a run found: a table a workload, and a file."""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from .processes import CORES
from .rounds import Result, baseline
from .workloads import Workload

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "strawberry-graphql", "graphql-core", "httpx", "aiohttp")


def table(workload: Workload, results: Sequence[Result]) -> Table:
    base = next(result for result in results if result.name == baseline(workload))
    base_wall = base.median(lambda sample: sample.wall)
    base_cpu = base.median(lambda sample: sample.cpu_a_request)
    made = Table(title=f"{workload.name}: {workload.title}", title_justify="left", title_style="bold")
    made.add_column("")
    for heading in ("wall ratio", "CPU ratio", "requests/s", "median ms", "CPU µs", "peak MB", "calls", "noise"):
        made.add_column(heading, justify="right")
    for result in sorted(results, key=lambda result: result.median(lambda sample: sample.wall)):
        wall = result.median(lambda sample: sample.wall)
        cpu = result.median(lambda sample: sample.cpu_a_request)
        made.add_row(
            result.name,
            _ratio(wall, base_wall),
            _ratio(cpu, base_cpu),
            f"{1 / wall:,.0f}" if wall < 0.1 else f"{1 / wall:.1f}",
            f"{result.median(lambda sample: sample.median) * 1000:,.2f}",
            f"{cpu * 1e6:,.0f}",
            f"{result.peak / 1e6:,.0f}",
            f"{result.median(lambda sample: sample.calls_a_request):.3g}",
            f"{result.spread():.2f}",
        )
    return made


def curve_table(title: str, points: Sequence[tuple[Workload, Sequence[Result]]]) -> Table:
    """One workload at several sizes: milliseconds a request, and their ratio to the baseline's."""
    made = Table(title=title, title_justify="left", title_style="bold")
    made.add_column("ms a request (ratio)")
    rows: dict[str, list[str]] = {}
    for workload, results in points:
        made.add_column(workload.title, justify="right")
        walls = {result.name: result.median(lambda sample: sample.wall) for result in results}
        base = walls[baseline(workload)]
        for name, wall in walls.items():
            rows.setdefault(name, []).append(f"{wall * 1000:,.2f} ({_ratio(wall, base)})")
    for name, cells in rows.items():
        made.add_row(name, *cells)
    return made


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else "-"


def keep(found: Sequence[tuple[Workload, Sequence[Result]]], **run: Any) -> Path:
    """Write the run's figures under `results/`, and return where."""
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    path = RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
    whole = {
        "at": at.isoformat(timespec="seconds"),
        **run,
        "machine": _machine(),
        "workloads": [
            {
                "name": workload.name,
                "title": workload.title,
                "baseline": baseline(workload),
                "at_once": workload.at_once,
                "sensors": workload.sensors,
                "variables": workload.variables,
                "results": [result.as_json() for result in results],
            }
            for workload, results in found
        ],
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return path


def _machine() -> dict[str, Any]:
    node = shutil.which("node")
    return {
        "cores": len(CORES),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "node": subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if node
        else None,
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }
