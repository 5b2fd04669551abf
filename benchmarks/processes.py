"""The processes of a run: each on its core, with CPU time and memory read from /proc."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
# With enough cores, the load generator and the upstream do not share the servers' cores.
SERVER_CORES, LOAD_CORES = CORES[:2], CORES[2:] or CORES[-1:]
_TICK = os.sysconf("SC_CLK_TCK")
# All processes are on this machine, so no proxy is used.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RunError(Exception):
    """A process failed, so the run cannot continue."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, body: bytes = b"", token: str = "check") -> bytes:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with _DIRECT.open(urllib.request.Request(url, body, headers), timeout=120) as answer:
        whole: bytes = answer.read()
        return whole


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def asgi(app: str, port: int) -> list[str]:
    """Return the command of a bare uvicorn with its fastest options."""
    uvicorn = ("-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), "--http", "httptools")
    quiet = ("--no-access-log", "--log-level", "warning", "--lifespan", "off")
    # Connections are idle during the turns of others and must not be closed meanwhile.
    return python(*uvicorn, *quiet, "--loop", "uvloop", "--timeout-keep-alive", "600")


class Process:
    def __init__(
        self,
        command: Sequence[str],
        *,
        cores: Collection[int],
        folder: Path,
        name: str,
        environment: Mapping[str, str] | None = None,
        talks: bool = False,
    ) -> None:
        self.name = name
        # Its output goes to a file, since a scrolling terminal would affect the measurement.
        self.log = folder / f"{name.replace(' ', '-')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **(environment or {})},
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                # Set in the child before it has threads. The parent has no threads that could hold a lock.
                preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509
                text=talks,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        all_of_it = self._pids()
        self._process.terminate()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            # Killed, since some servers would wait for their connections, and none has data to save.
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            for pid in all_of_it:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()

    def wait(self) -> tuple[int, float, int]:
        """Wait until it ends. Return its exit status, CPU seconds and peak memory in bytes."""
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    def wait_for(self, url: str, seconds: float = 60) -> None:
        """Wait until it answers. Raises `RunError` if it ends or does not answer in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RunError(f"{self.name} ended: {self.last_words()}")
            try:
                with _DIRECT.open(url, timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise RunError(f"{self.name} does not listen: {self.last_words()}")

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Send a job as a line and return its answer."""
        stdin: IO[str] | None = self._process.stdin
        if stdin is None:
            raise RunError(f"{self.name} does not talk")
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(self.read_line())
        return answer

    def read_line(self) -> str:
        stdout: IO[str] | None = self._process.stdout
        line = stdout.readline() if stdout else ""
        if not line:
            raise RunError(f"{self.name} ended: {self.last_words()}")
        return line

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1000:].strip() or "it said nothing"

    def cpu(self) -> float:
        """Return the CPU seconds so far of all threads and workers."""
        return sum(self._cpu_of(pid) for pid in self._pids())

    def peak(self) -> int:
        """Return the peak memory in bytes; with workers, the sum of theirs."""
        return sum(self._peak_of(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:
            # A process or thread may have ended before its file is read.
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    @staticmethod
    def _cpu_of(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    @staticmethod
    def _peak_of(pid: int) -> int:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        # A zombie process has no memory.
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)
