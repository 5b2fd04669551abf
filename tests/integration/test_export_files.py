"""`facade export`: a killed run leaves only complete files, and the next run adds the rest."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from facade.cli.app import run as command

START, STOP = "2026-05-01T00:00:00Z", "2026-05-06T06:00:00Z"


def arguments(out: Path | str, *more: str, stop: str = STOP, every: str = "1h") -> list[str]:
    span = ["--start", START, "--stop", stop, "--every", every, "--function", "max"]
    return ["export", "report", *span, "--measurements", "room_occupancy", "--out", str(out), *more]


def command_in(environment: dict[str, str], args: list[str]) -> int:
    os.environ.clear()
    os.environ.update(environment)
    return command(args)


class Runner:
    """Runs the command in front of a sandbox: within this process, or in one that can be killed."""

    def __init__(self, upstream: Any, capture: pytest.CaptureFixture[bytes]) -> None:
        self._upstream = upstream
        self.token = upstream.login()
        self._capture = capture
        self.settings = {"BUTLR_BASE_URL": upstream.url, "BUTLR_TOKEN": self.token, "FACADE_UPSTREAM_RETRIES": "0"}

    def __call__(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        code = command(args)
        return subprocess.CompletedProcess(args, code, *self._capture.readouterr())

    def calls(self) -> int:
        return len(self._upstream.calls(self.token))


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
    """Return the contents of all files except the manifest, which has times."""
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.suffix != ".json"}


@pytest.fixture
def killed(run: Runner) -> Callable[..., int]:
    """Runs the command in processes that are killed at random moments. Returns how many were killed."""
    # The one fork server of the tests, which has imported all that takes long.
    context = multiprocessing.get_context("forkserver")
    chance = random.Random()

    def kill(args: list[str], times: int) -> int:
        kills = 0
        for _ in range(times):
            before, polls = run.calls(), chance.randrange(12)
            # A fork knows the environment in which the fork server was started.
            process = context.Process(target=command_in, args=(dict(os.environ), args))
            process.start()
            while process.is_alive() and (run.calls() == before or polls > 0):
                polls -= run.calls() > before
            process.kill()
            process.join()
            kills += process.exitcode == -signal.SIGKILL
        return kills

    return kill


@pytest.mark.slow
@pytest.mark.parametrize(
    ("out", "asked"), [("days/", {"stop": "2026-05-21T00:00:00Z"}), ("rows.parquet", {"stop": STOP, "every": "5m"})]
)
def test_a_run_that_was_killed_at_any_moment_is_gone_on_with(
    run: Runner, killed: Callable[..., int], tmp_path: Path, out: str, asked: dict[str, str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(*arguments(f"{whole}/{out}", **asked)).returncode == 0
    # Five moments for the folder, five for the file.
    kills = killed(arguments(f"{broken}/{out}", **asked), 5)
    done = run(*arguments(f"{broken}/{out}", **asked))
    assert done.returncode == 0, done.stderr
    assert kills
    assert contents(broken) == contents(whole)


def test_what_is_there_is_not_asked_for_again(upstream: Any, run: Runner, tmp_path: Path) -> None:
    folder, file = tmp_path / "days", tmp_path / "rows.csv"
    # Six calls each: six days, or thirds of two. Four of them are answered; as many are under way at a time.
    of_file = {"stop": "2026-05-03T00:00:00Z", "every": "5m"}
    for args in (arguments(folder), arguments(file, **of_file)):
        upstream.fault("/api/v3/reporting", times=4)
        faults = [{"path": "/api/v3/reporting", "times": 4}, {"path": "/api/v3/reporting", "times": -1, "status": 403}]
        upstream.request("PUT", "/_sandbox/faults", json=faults).raise_for_status()
        failed = run(*args)
        assert failed.returncode == 1
        assert b"Run the command again" in failed.stderr
        upstream.reset()
        before = run.calls()
        assert run(*args).returncode == 0
        # Which four came first is not told: what came after one that failed is lost.
        assert 2 <= run.calls() - before < 6
    assert not [*folder.glob(".*"), *tmp_path.glob(".*")]
    text = file.read_bytes()
    assert run(*arguments("-", "--format", "csv", **of_file)).stdout == text

    # A day more is one more call; what is there is not asked for again.
    before = run.calls()
    assert run(*arguments(folder, stop="2026-05-07T00:00:00Z")).returncode == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert run.calls() - before == 1
    assert all(entry["settled"] for entry in manifest["files"].values())
    assert manifest["files"]["2026-05-06.parquet"]["stop"] == "2026-05-07T00:00:00Z"
    before = run.calls()
    assert run(*arguments(folder, "--refresh", stop="2026-05-07T00:00:00Z")).returncode == 0
    assert run.calls() == before

    other = run(*arguments(folder, "--rooms", "room_1"))
    assert (other.returncode, other.stdout) == (2, b"")
    assert b"another export" in other.stderr


def test_a_folder_of_another_account_is_not_gone_on_with(
    upstream: Any, run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, manifest = tmp_path / "days", tmp_path / "days/manifest.json"
    one_day, two_days = ({"stop": f"2026-05-0{day}T00:00:00Z"} for day in (2, 3))
    assert run(*arguments(folder, **one_day)).returncode == 0
    recorded = manifest.read_text()
    account = {"upstream": upstream.url, "organization": "client_demo"}
    assert json.loads(recorded)["account"] == account
    assert not any(part in recorded for part in run.token.split("."))

    monkeypatch.setenv("BUTLR_TOKEN", other := upstream.login("other"))
    for more in ((), ("--refresh",), ("--assets",)):
        refused = run(*arguments(folder, *more, **two_days))
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert len(refused.stderr.splitlines()) == 1
        for part in (b"another account", b"client_demo", b"client_other", b"another folder"):
            assert part in refused.stderr
        assert other.encode() not in refused.stderr
    assert not upstream.calls(other)

    monkeypatch.delenv("BUTLR_TOKEN")
    monkeypatch.setenv("BUTLR_CLIENT_ID", "other-client")
    monkeypatch.setenv("BUTLR_CLIENT_SECRET", "other-secret")
    refused = run(*arguments(folder, **two_days))
    assert refused.returncode == 2
    assert b"client_id other-client" in refused.stderr
    assert manifest.read_text() == recorded

    # Another token of the same organisation goes on.
    monkeypatch.setenv("BUTLR_TOKEN", upstream.login())
    assert run(*arguments(folder, **two_days)).returncode == 0
    monkeypatch.setenv("BUTLR_BASE_URL", f"{upstream.url}/elsewhere")
    refused = run(*arguments(folder, **two_days))
    assert refused.returncode == 2
    assert f"{upstream.url}/elsewhere" in refused.stderr.decode()

    # A manifest of before accounts were recorded is taken as it is.
    monkeypatch.setenv("BUTLR_BASE_URL", upstream.url)
    said = json.loads(manifest.read_text())
    del said["account"]
    manifest.write_text(json.dumps(said))
    assert run(*arguments(folder)).returncode == 0
    assert json.loads(manifest.read_text())["account"] == account


def test_what_another_account_has_read_for_a_file_is_not_gone_on_with(
    upstream: Any, run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    args = arguments(tmp_path / "rows.csv", stop="2026-05-03T00:00:00Z", every="5m")
    faults = [{"path": "/api/v3/reporting", "times": 4}, {"path": "/api/v3/reporting", "times": -1, "status": 403}]
    upstream.fault("/api/v3/reporting", times=4)
    upstream.request("PUT", "/_sandbox/faults", json=faults).raise_for_status()
    assert run(*args).returncode == 1
    upstream.reset()
    monkeypatch.setenv("BUTLR_TOKEN", other := upstream.login("other"))
    refused = run(*args)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert b"another account" in refused.stderr
    assert not upstream.calls(other)
    assert [path.name for path in tmp_path.iterdir()] == [".rows.csv.read"]
    monkeypatch.setenv("BUTLR_TOKEN", run.token)
    assert run(*args).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_refresh_replaces_what_had_not_settled(upstream: Any, run: Runner, tmp_path: Path) -> None:
    today = ["export", "report", "--start", "-1d", "--every", "1h", "--function", "max", "--timezone", "UTC"]
    today += ["--measurements", "room_occupancy", "--out", str(tmp_path / "days")]
    assert run(*today).returncode == 0
    entries = json.loads((tmp_path / "days/manifest.json").read_text())["files"]
    open_days = [name for name, entry in entries.items() if not entry["settled"]]
    assert open_days == [max(entries)]
    before = run.calls()
    assert run(*today).returncode == 0
    assert run.calls() == before
    assert run(*today, "--refresh").returncode == 0
    assert run.calls() - before == 1


def test_one_file_stdout_and_assets(upstream: Any, run: Runner, tmp_path: Path) -> None:
    file, folder = tmp_path / "rows.parquet", tmp_path / "days/"
    upstream.fault("/api/v3/reporting", times=1, status=429, headers={"Retry-After": "1"})
    done = run(*arguments(file))
    assert done.returncode == 0, done.stderr
    assert b"waiting 1 s" in done.stderr
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
