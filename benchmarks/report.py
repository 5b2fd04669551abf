"""The results of a run: one table for each workload, and a JSON file."""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from .contenders import PEERS
from .goals import goals
from .growth import Curve
from .processes import CORES
from .rounds import Measured, baseline

RESULTS = Path(__file__).parent / "results"
# The highest load average before a run of a machine that counts as idle.
QUIET = 0.5
PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "strawberry-graphql", "graphql-core", "httpx", "aiohttp")


@dataclass(slots=True)
class Found:
    """All results of a run."""

    workloads: list[Measured] = field(default_factory=list)
    curves: list[tuple[Curve, dict[int, Measured]]] = field(default_factory=list)
    polled: dict[str, Any] | None = None
    polled_relative: dict[str, Any] | None = None
    pushed: dict[str, Any] | None = None
    million: dict[str, Any] | None = None
    exported: dict[str, Any] | None = None
    frames: dict[str, Any] | None = None


def table(measured: Measured) -> Table:
    workload, base = measured.workload, measured.base
    base_wall = base.wall if base else 0.0
    base_cpu = base.cpu if base else 0.0
    made = Table(title=f"{workload.name}: {workload.title}", title_justify="left", title_style="bold")
    made.add_column("", no_wrap=True)
    for heading in (
        "wall ratio",
        "CPU ratio",
        "requests/s",
        "median ms",
        "CPU µs",
        "peak MB",
        "calls",
        "noise",
        "load",
    ):
        made.add_column(heading, justify="right")
    for result in sorted(measured.results, key=lambda result: result.wall):
        made.add_row(
            result.name,
            _ratio(result.wall, base_wall),
            _ratio(result.cpu, base_cpu),
            f"{1 / result.wall:,.0f}" if result.wall < 0.1 else f"{1 / result.wall:.1f}",
            f"{result.median(lambda sample: sample.median) * 1000:,.2f}",
            f"{result.cpu * 1e6:,.0f}",
            f"{result.peak / 1e6:,.0f}",
            f"{result.median(lambda sample: sample.calls_a_request):.3g}",
            f"{result.spread():.2f}",
            f"{result.median(lambda sample: sample.load):.0%}",
        )
    return made


def curve_table(curve: Curve, points: dict[int, Measured]) -> Table:
    """One workload at several sizes: milliseconds for each request, and their ratio to the baseline's."""
    made = Table(title=curve.title, title_justify="left", title_style="bold")
    made.add_column("ms a request (ratio)")
    for measured in points.values():
        made.add_column(measured.workload.title, justify="right")
    names = dict.fromkeys(result.name for measured in points.values() for result in measured.results)
    for name in names:
        made.add_row(name, *(_cell(measured, name) for measured in points.values()))
    return made


def pushed_table(found: dict[str, Any]) -> Table:
    spread = found["spread"]
    made = Table(
        title=f"pushed: an event to {found['number']} subscribers",
        caption=f"{spread['subscribers']:,} subscribers at {spread['replicas']} replicas: all have a change within "
        f"{spread['p95_seconds']:.2f} s at p95",
        title_justify="left",
        title_style="bold",
    )
    for heading in ("", "CPU ratio", "CPU µs a delivery", "ms until the last has it", "p95"):
        made.add_column(heading, justify="right" if heading else "left")
    for name, one in found["of"].items():
        made.add_row(
            name,
            f"{one['cpu_ratio']:.2f}",
            f"{one['cpu_seconds'] * 1e6:.0f}",
            f"{one['median_seconds'] * 1e3:.0f}",
            f"{one['p95_seconds'] * 1e3:.0f}",
        )
    return made


def _cell(measured: Measured, name: str) -> str:
    result = next((result for result in measured.results if result.name == name), None)
    if result is None:
        return "-"
    return f"{result.wall * 1000:,.2f} ({_ratio(result.wall, measured.base.wall if measured.base else 0.0)})"


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else "-"


def goals_table(run: dict[str, Any]) -> Table | None:
    made = Table(title="What it is held to", title_justify="left", title_style="bold")
    for heading in ("workload", "what", "goal", "found"):
        made.add_column(heading)
    for goal in goals(run):
        made.add_row(*goal.cells(), style=None if goal.met else "red")
    return made if made.rows else None


def keep(run: dict[str, Any], path: Path | None) -> Path:
    """Write the figures as JSON, by default into `results/`, and return the path."""
    if path is None:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(run, indent=1) + "\n")
    return path


def as_json(found: Found, **run: Any) -> dict[str, Any]:
    curves = []
    for curve, points in found.curves:
        made = {"title": curve.title, "points": [{"size": size, **_measured(one)} for size, one in points.items()]}
        curves.append(made)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **run,
        "machine": _machine(),
        "workloads": [_measured(measured) for measured in found.workloads],
        "curves": curves,
        "polled": found.polled,
        "polled_relative": found.polled_relative,
        "pushed": found.pushed,
        "million": found.million,
        "exported": found.exported,
        "frames": found.frames,
    }


def _measured(measured: Measured) -> dict[str, Any]:
    workload = measured.workload
    return {
        "name": workload.name,
        "title": workload.title,
        "baseline": baseline(workload),
        "at_once": workload.at_once,
        "sensors": workload.sensors,
        "variables": workload.variables,
        "results": [result.as_json() for result in measured.results],
        "left_out": measured.left_out,
    }


def _machine() -> dict[str, Any]:
    node = shutil.which("node")
    peers = json.loads((PEERS / "package.json").read_text())
    return {
        "cores": len(CORES),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "node": subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if node
        else None,
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "peers": peers["dependencies"] | peers["optionalDependencies"],
    }
