"""`facade export`: folders that a killed run leaves whole, and a later run completes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from facade.cli.app import run as command

START, STOP = "2026-05-01T00:00:00Z", "2026-05-06T06:00:00Z"


def arguments(out: Path | str, *more: str, stop: str = STOP) -> list[str]:
    span = ["--start", START, "--stop", stop, "--every", "1h", "--function", "max"]
    return ["export", "report", *span, "--measurements", "room_occupancy", "--out", str(out), *more]


class Runner:
    """Runs the command in front of a sandbox: within this process, or in one that can be killed."""

    def __init__(self, upstream: Any, capture: pytest.CaptureFixture[bytes]) -> None:
        self._upstream = upstream
        self._token = upstream.login()
        self._capture = capture
        self.settings = {"BUTLR_BASE_URL": upstream.url, "BUTLR_TOKEN": self._token, "FACADE_UPSTREAM_RETRIES": "0"}

    def __call__(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        code = command(args)
        return subprocess.CompletedProcess(args, code, *self._capture.readouterr())

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "facade", *args], stderr=subprocess.PIPE)

    def calls(self) -> int:
        return len(self._upstream.calls(self._token))


@pytest.fixture
def run(upstream: Any, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Runner:
    for name in os.environ:
        if name.startswith(("FACADE_", "BUTLR_")):
            monkeypatch.delenv(name)
    runner = Runner(upstream, capfdbinary)
    for name, value in {**runner.settings, "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    return runner


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix == ".parquet"}


def test_a_run_that_was_killed_is_gone_on_with(upstream: Any, run: Runner, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = run(*arguments(whole))
    assert done.returncode == 0, done.stderr
    assert b"rows" in done.stderr
    assert len(contents(whole)) == 6
    calls = run.calls()

    # Of the six calls one is never answered; four are under way at a time, so it is none of the first two.
    path = "/api/v3/reporting"
    upstream.fault(path, times=5)
    faults = [{"path": path, "times": 5}, {"path": path, "times": -1, "hang": True}]
    upstream.request("PUT", "/_sandbox/faults", json=faults).raise_for_status()
    process = run.start(*arguments(broken))
    while len(contents(broken) if broken.exists() else ()) < 2:
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = contents(broken)
    assert 0 < len(kept) < 6
    upstream.reset()

    before = run.calls()
    assert run(*arguments(broken)).returncode == 0
    assert contents(broken) == contents(whole)
    assert run.calls() - before < calls
    assert not list(broken.glob(".*"))

    # A day more is one more call; what is there is not asked for again.
    before = run.calls()
    assert run(*arguments(broken, stop="2026-05-07T00:00:00Z")).returncode == 0
    manifest = json.loads((broken / "manifest.json").read_text())
    assert run.calls() - before == 1
    assert all(file["settled"] for file in manifest["files"].values())
    assert manifest["files"]["2026-05-06.parquet"]["stop"] == "2026-05-07T00:00:00Z"
    before = run.calls()
    assert run(*arguments(broken, "--refresh")).returncode == 0
    assert run.calls() == before

    other = run(*arguments(broken, "--rooms", "room_1"))
    assert (other.returncode, other.stdout) == (2, b"")
    assert b"another export" in other.stderr


def test_one_file_stdout_and_assets(upstream: Any, run: Runner, tmp_path: Path) -> None:
    file, folder = tmp_path / "rows.parquet", tmp_path / "days/"
    upstream.fault("/api/v3/reporting", times=1, status=429, headers={"Retry-After": "1"})
    done = run(*arguments(file))
    assert done.returncode == 0, done.stderr
    assert b"come back in 1 s" in done.stderr
    text = run(*arguments("-", "--format", "csv"))
    assert text.stdout.count(b"\r\n") == pq.read_metadata(file).num_rows + 1 > 100
    done = run(*arguments(folder, "--assets", stop="2026-05-02T00:00:00Z"))
    assert done.returncode == 0, done.stderr
    rooms = set(pq.read_table(folder / "rooms.parquet")["id"].to_pylist())
    assert set(pq.read_table(folder / "2026-05-01.parquet")["room_id"].to_pylist()) <= rooms


def test_what_cannot_be_written_is_told(run: Runner, tmp_path: Path) -> None:
    for args, says in (
        (arguments(tmp_path / "rows.xlsx"), b"--format"),
        (arguments(tmp_path / "rows.csv", "--refresh"), b"folder"),
        (["export", "report", "--start", START, "--out", str(tmp_path / "raw")], b"would change its rows"),
    ):
        done = run(*args)
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) <= 2
