"""The benchmarks themselves are run by hand (`make bench`): here, that they can be."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

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
        rows[workload.name] = json.loads(stub.reporting({"filter": filter_, "window": {"every": "5m"}}))["data"]
    assert [len(rows[name]) for name in ("B", "C", "C hot")] == [15, 20_000, 20_000]
    assert len({(row["sensor_id"], row["time"]) for row in rows["C"]}) == 20_000


def test_the_upstream_has_detections_of_the_sensors_asked_for(stub: ModuleType) -> None:
    macs = [stub.mac_address(3), stub.mac_address(150)]
    span = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T00:05:00Z"}
    found = json.loads(stub.detections({"data_types": ["detections_local"], "filter": {**span, "mac_addresses": macs}}))
    assert {entry["mac_address"] for entry in found["detections_local"]} == set(macs)
    assert len(found["detections_local"]) == 10


def test_the_peers_are_pinned_without_the_address_of_a_registry(root: Path) -> None:
    folder = root / "benchmarks" / "peers"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not any("resolved" in package for package in lock.values())
