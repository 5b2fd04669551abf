"""The benchmarks can be run. Full runs are made by hand (`make bench`)."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest


@pytest.fixture
def python(root: Path, tmp_path: Path) -> list[str]:
    body = tmp_path / "body.json"
    body.write_text("{}")
    settings = {"FLOOR_BODY": str(body), "UPSTREAM": "http://127.0.0.1:9"}
    return ["env", f"--chdir={root}", *(f"{name}={value}" for name, value in settings.items()), sys.executable]


@pytest.fixture
def stub(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root)
    return import_module("benchmarks.upstream")


def test_help_names_the_workloads(python: list[str]) -> None:
    done = subprocess.run([*python, "-m", "benchmarks", "--help"], capture_output=True, text=True, check=True)
    assert "--quick" in done.stdout
    assert "A, B, C, C hot" in done.stdout


def test_every_module_can_be_imported(root: Path, python: list[str]) -> None:
    names = sorted(path.stem for path in (root / "benchmarks").glob("*.py") if not path.stem.startswith("__"))
    assert {"upstream", "floor", "plain", "by_hand", "load", "execution"} <= set(names)
    lines = "\n".join(f"import benchmarks.{name}" for name in names)
    subprocess.run([*python, "-W", "error::DeprecationWarning:benchmarks", "-c", lines], check=True)


def test_the_upstream_has_the_rows_that_the_workloads_name(stub: ModuleType) -> None:
    rows = {}
    for workload in import_module("benchmarks.workloads").WORKLOADS:
        span = {name: workload.variables[name] for name in ("start", "stop")}
        sensors = workload.variables.get("sensors")
        filter_ = {**span, **({"sensors": {"eq": sensors}} if sensors else {})}
        counted, parts = stub.reporting({"filter": filter_, "window": {"every": "5m"}})
        rows[workload.name] = json.loads(b"".join(parts))["data"]
        assert counted == len(rows[workload.name])
    assert [len(rows[name]) for name in ("B", "C", "C hot", "B workers")] == [15, 20_000, 20_000, 15]
    assert len({(row["sensor_id"], row["time"]) for row in rows["C"]}) == 20_000


def test_the_upstream_has_detections_of_the_sensors_asked_for(stub: ModuleType) -> None:
    macs = [stub.mac_address(3), stub.mac_address(150)]
    span = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T00:05:00Z"}
    counted, parts = stub.detections({"data_types": ["detections_local"], "filter": {**span, "mac_addresses": macs}})
    found = json.loads(b"".join(parts))
    assert counted == 10
    assert {entry["mac_address"] for entry in found["detections_local"]} == set(macs)
    assert len(found["detections_local"]) == 10


def test_the_peers_are_pinned_without_the_address_of_a_registry(root: Path) -> None:
    folder = root / "benchmarks" / "peers"
    package = json.loads((folder / "package.json").read_text())
    wanted = package["dependencies"] | package["optionalDependencies"]
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not any("resolved" in package for package in lock.values())


@pytest.mark.slow
def test_a_run_of_the_floor_and_the_facade_can_be_drawn_and_written(python: list[str], tmp_path: Path) -> None:
    kept, drawn = tmp_path / "run.json", tmp_path / "run.svg"
    what = ("--quick", "--rounds", "1", "--no-peers", "--with", "facade", "--only", "B", "--only", "polled")
    subprocess.run([*python, "-m", "benchmarks", *what, "--out", str(kept)], capture_output=True, check=True)
    run = json.loads(kept.read_text())
    (workload,) = run["workloads"]
    assert (workload["name"], workload["baseline"]) == ("B", "bare uvicorn")
    assert {result["name"] for result in workload["results"]} == {"bare uvicorn", "facade"}
    for result in workload["results"]:
        assert result["samples"][0]["requests"] >= 32
        assert result["calls"] == 0
    # The first poll needs all of 24 hours by 5 minutes and the window that is under way.
    assert run["polled"]["points_needed"] >= 289 * 200
    assert run["polled"]["points_fetched"] >= 289 * 200

    subprocess.run([*python, "-m", "benchmarks", "chart", str(kept), str(drawn)], check=True)
    texts = [element.text for element in ET.parse(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"facade", "bare uvicorn"} <= set(texts)
    document = tmp_path / "document.md"
    document.write_text("# Benchmarks\n\n## Figures\n\nOf another run.\n")
    subprocess.run([*python, "-m", "benchmarks", "text", str(kept), str(document)], check=True)
    text = document.read_text()
    assert text.startswith("# Benchmarks\n\n## Figures\n")
    assert "Of another run" not in text
    assert "| B | CPU by that of bare uvicorn | at most 1.4 |" in text
    assert "| bare uvicorn | 1.00 | 1.00 |" in text


def test_what_a_poll_needs_is_what_may_have_changed(stub: ModuleType) -> None:
    needed = import_module("benchmarks.polling").points_needed
    now = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
    start = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert needed(start, now, first=True) == 289 * 200
    # Of 11:45 to 12:00 three windows, the first of which ended 30 seconds too late to be settled, and the newest.
    assert needed(start, now, first=False) == 4 * 200


def test_workers_count_with_the_process_that_started_them(stub: ModuleType, tmp_path: Path) -> None:
    processes = import_module("benchmarks.processes")
    child = "x = bytearray(50_000_000); print('ready', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    command = processes.python("-c", parent)
    with processes.Process(command, cores=processes.CORES, folder=tmp_path, name="parent", talks=True) as process:
        assert process.read_line() == "ready\n"
        assert process.peak() > 50_000_000


def test_goals_are_of_the_figures_that_a_run_has(stub: ModuleType) -> None:
    figures = {
        "bare uvicorn": (1e-4, 7e-5),
        "facade": (2e-4, 14e-5),
        "Apollo, response cache": (4e-4, 3e-4),
        "Tailcall": (1e-4, 5e-5),
    }
    results = [{"name": name, "wall_seconds": wall, "cpu_seconds": cpu} for name, (wall, cpu) in figures.items()]
    run = {"workloads": [{"name": "B", "results": results}], "polled": {"ratio": 1.1}, "million": None}
    found = [
        (goal.workload, goal.what, round(goal.found, 3), goal.met)
        for goal in import_module("benchmarks.goals").goals(run)
    ]
    assert found == [
        ("B", "CPU by that of bare uvicorn", 2.0, False),
        ("B", "times as fast as Apollo, response cache", 2.0, False),
        ("polled", "points fetched by points of windows new or not settled", 1.1, True),
    ]


def test_explain_that_nobody_asks_for_and_traces_are_held_to_what_the_facade_takes_without(stub: ModuleType) -> None:
    def results(**cpu: float) -> list[dict[str, Any]]:
        names = {
            "off": "facade, explain off",
            "facade": "facade",
            "few": "facade, 1 in 100 traced",
            "all": "facade, all traced",
        }
        return [{"name": names[name], "wall_seconds": seconds, "cpu_seconds": seconds} for name, seconds in cpu.items()]

    workloads = [
        {"name": "B told", "results": results(off=1.0, facade=1.01, few=1.2)},
        {"name": "A told", "results": results(facade=1.0, all=1.04)},
    ]
    run = {"machine": {"cores": 2}, "workloads": workloads, "polled": None, "million": None}
    found = [(goal.workload, goal.what, goal.found, goal.met) for goal in import_module("benchmarks.goals").goals(run)]
    assert found == [
        ("B told", "CPU of facade by that of facade, explain off", 1.01, True),
        ("B told", "CPU of facade, 1 in 100 traced by that of facade, explain off", 1.2, False),
        ("A told", "CPU of facade, all traced by that of facade", 1.04, True),
    ]


@pytest.mark.parametrize(("cores", "what", "met"), [(4, "times the requests/s", True), (2, "CPU a request", False)])
def test_two_workers_are_held_to_twice_the_requests_only_where_the_load_has_a_core(
    stub: ModuleType, cores: int, what: str, met: bool
) -> None:
    results = [
        {"name": "facade", "wall_seconds": 2e-4, "cpu_seconds": 1e-4},
        {"name": "facade, 2 workers", "wall_seconds": 1e-4, "cpu_seconds": 1.5e-4},
    ]
    run = {
        "machine": {"cores": cores},
        "workloads": [{"name": "B workers", "results": results}],
        "polled": None,
        "million": None,
    }
    (goal,) = import_module("benchmarks.goals").goals(run)
    assert goal.what.startswith(what)
    assert goal.met is met
