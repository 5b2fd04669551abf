"""Real processes on real sockets: the sandbox, the facade in front of it, and their clients.

One process a configuration and test worker. Tests stay apart by their tokens: each takes a fresh one, which is a
cache of its own in the facade and is counted by itself in the sandbox.
"""

import fcntl
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

import httpx
import pytest
from hypothesis import settings

from .redis_servers import RedisCluster, RedisWithSentinel

# Hypothesis' own number is 100: for a change of what a property is about, and by night.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "40"))
# A busy machine is slow, and no example is wrong for that.
settings.register_profile("untimed", deadline=None, max_examples=EXAMPLES)
settings.load_profile("untimed")

CHILD = Path(__file__).parent / "child.py"
# A forked child finds `child` by the path of the process that asks for it.
sys.path.append(str(CHILD.parent))
import child  # noqa: E402

# Imports once a test worker what each server would import anew: that takes longer than most tests.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(child.PRELOADED)
# A process that starts imports for a second or two; on a busy machine for many.
PATIENCE = 180.0
# The backends that the sandbox can be; tests marked `both_eras` run in front of each.
ERAS = ("today", "influx")
DEFAULT_ERA = "today"


class FailuresAtOnce:
    """Prints each failure as it occurs, since an interrupted run has no summary."""

    MOST = 2000

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"FAILED {report.nodeid} ({report.when}, {report.duration:.0f} s)", red=True)
            terminal.write_line(report.longreprtext[-self.MOST :])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresAtOnce(config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_eras") and "era" in metafunc.fixturenames:
        metafunc.parametrize("era", ERAS, indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long files first, so that the last file of the run is a short one."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


class Forked:
    """A process of the fork server, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, *arguments: Any) -> None:
        # A daemon: it ends with the tests, however they end.
        self._process = FORKS.Process(target=child.forked, args=arguments, daemon=True)
        self._process.start()
        self.pid: int = self._process.pid
        self.terminate = self._process.terminate
        self.kill = self._process.kill

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (ended := self.poll()) is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return ended

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Server:
    """A child process that serves HTTP."""

    def __init__(self, process: Any, url: str, log: Path, http: httpx.Client) -> None:
        self.process = process
        self.url = url
        self.http = http
        self._log = log

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self.http.request(method, f"{self.url}{path}", **options)
        except httpx.ConnectError as exc:
            if self.process.poll() is None:
                raise
            exc.add_note(f"the server has ended; its log says:\n{self.log()[-2000:]}")
            raise

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Sandbox(Server):
    """The simulated upstream. What a test sets is undone after it."""

    DEFAULTS: dict[str, Any] = {
        "latency_ms": 0,
        "fault_rate": 0,
        "token_ttl": 86_400,
        "rate_limit_per_minute": None,
        "max_points": 2_000_000,
        "max_ids": None,
        "shallow_groups": False,
    }
    touched = False

    def login(self, client: str = "demo") -> str:
        """A fresh token of the client; no two are the same."""
        body = {
            "client_id": f"{client}-client",
            "client_secret": f"{client}-secret",
            "audience": "https://butlrauth/",
            "grant_type": "client_credentials",
        }
        answer = self.request("POST", "/api/v2/clients/login", json=body)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def ask(self, path: str, body: dict[str, Any], token: str) -> Any:
        """Call the REST API as the facade would."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.request("POST", path, json=body, headers=headers).raise_for_status().json()

    def calls(self, token: str | None = None) -> list[dict[str, Any]]:
        """Return the requests under `/api`, if given only those of one token."""
        log: list[dict[str, Any]] = self.request("GET", "/_sandbox/calls").json()["log"]
        if token is None:
            return log
        hashed = hashlib.sha256(token.encode()).hexdigest()[:12]
        return [call for call in log if call["token_hash"] == hashed]

    def campus(self, tenant: str = "client_demo") -> dict[str, list[dict[str, Any]]]:
        campus: dict[str, list[dict[str, Any]]] = self.request(
            "GET", "/_sandbox/campus", params={"tenant": tenant}
        ).json()
        return campus

    def forget_calls(self) -> None:
        self.request("DELETE", "/_sandbox/calls").raise_for_status()

    def fault(self, path: str = "*", *, times: int = -1, **fault: Any) -> None:
        """Set the faults of the next calls to a path. They replace those set before."""
        self.touched = True
        records = [{"path": path, "times": times, **fault}]
        self.request("PUT", "/_sandbox/faults", json=records).raise_for_status()

    def no_faults(self) -> None:
        self.request("DELETE", "/_sandbox/faults").raise_for_status()

    def configure(self, **settings: Any) -> None:
        self.touched = True
        self.request("PUT", "/_sandbox/config", json=settings).raise_for_status()

    def reset(self) -> None:
        if self.touched:
            self.touched = False
            self.no_faults()
            self.request("PUT", "/_sandbox/config", json=self.DEFAULTS).raise_for_status()


class Facade(Server):
    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """Wait for the request's own line, which follows the answer, and return all its JSON log lines."""
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = [json.loads(text) for text in self.log().splitlines() if request_id in text and text.endswith("}")]
            found = [line for line in lines if line.get("request_id") == request_id]
            if any(line.get("event") == "request" for line in found):
                return found
            assert time.monotonic() < deadline, f"{request_id} was not logged"
            time.sleep(0.02)

    def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        path: str = "/graphql",
    ) -> httpx.Response:
        """The answer of the server, whatever its status."""
        sent = {"Accept": "application/graphql-response+json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        body = {"query": query, **({} if variables is None else {"variables": variables})}
        return self.request("POST", path, json=body, headers=sent)

    def ask(self, query: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Return the answer as JSON, including errors."""
        answer: dict[str, Any] = self.post(query, variables, **options).json()
        return answer

    def data(self, query: str, variables: dict[str, Any] | None = None, **options: Any) -> Any:
        """Return the data of an answer, which must have no errors."""
        answer = self.ask(query, variables, **options)
        assert "errors" not in answer, answer["errors"][:3]
        return answer["data"]

    def error(self, query: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Return the only error of an answer."""
        answer = self.ask(query, variables, **options)
        assert len(answer.get("errors", ())) == 1, answer
        error: dict[str, Any] = answer["errors"][0]
        return error


class Launcher:
    """Starts children, and ends them all."""

    def __init__(self, folder: Path, http: httpx.Client) -> None:
        self._folder = folder
        self._http = http
        self._servers: list[Server] = []

    def sandbox(self, **config: Any) -> Sandbox:
        """Start a sandbox; of one site and the era `DEFAULT_ERA` unless the configuration says otherwise."""
        return self._start(Sandbox, "sandbox", {}, json.dumps({"sites": 1, "era": DEFAULT_ERA, **config}))

    def facade(
        self, upstream: str, *, elsewhere: bool = False, stderr: int | IO[bytes] | None = None, **settings: str
    ) -> Facade:
        """A facade in front of `upstream`, with settings by their names in the environment.

        `elsewhere`: under a server that is not the facade's own. `stderr`: where its log goes, if not to its file.
        """
        name = "facade-elsewhere" if elsewhere else "facade"
        settings = {"BUTLR_BASE_URL": upstream, "FACADE_LOG_FORMAT": "json", **settings}
        return self._start(Facade, name, settings, stderr=stderr)

    def _start(
        self,
        kind: type[Any],
        name: str,
        settings: dict[str, str],
        *arguments: str,
        stderr: int | IO[bytes] | None = None,
    ) -> Any:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("FACADE_", "BUTLR_")) and not key.lower().endswith("_proxy")
        }
        log = self._folder / f"{len(self._servers)}-{name}.log"
        environment = {**inherited, **settings}
        # Away from the sources, where a `.env` file of the developer may lie.
        where = {"cwd": self._folder, "env": environment}
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, log.open("wb") as output:
            # Listening already: a request made while the child still starts waits for it.
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            if stderr is not None or settings.get("FACADE_CACHE_URL", "").startswith("redis"):
                # Replicas hash with a seed each, as programs do and forks of one process do not.
                command = [sys.executable, str(CHILD), str(listening.fileno()), name, *arguments]
                errors = output if stderr is None else stderr
                process = subprocess.Popen(
                    command, pass_fds=[listening.fileno()], stdout=output, stderr=errors, **where
                )
            else:
                process = Forked(listening, str(log), str(self._folder), environment, name, *arguments)
        server = kind(process, url, log, self._http)
        self._servers.append(server)
        return server

    def stop(self) -> None:
        for server in self._servers:
            if server.process.poll() is None:
                server.process.terminate()
        for server in self._servers:
            server.stop()


class Steps:
    """The number of executed lines of Python: a measure that does not depend on the machine's load."""

    lines = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, *_: object) -> Any:
        self.lines += 1
        return self._trace


@pytest.fixture(scope="session")
def steps() -> type[Steps]:
    """The context in which steps are counted."""
    return Steps


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
    with httpx.Client(timeout=PATIENCE, limits=limits, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster of three masters. A test that kills one must restart it."""
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def redis_with_sentinel(tmp_path: Path) -> Iterator[RedisWithSentinel]:
    servers = RedisWithSentinel(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.kill()


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory, http: httpx.Client) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("servers"), http)
    yield launcher
    launcher.stop()


@pytest.fixture(scope="session")
def era(request: pytest.FixtureRequest) -> str:
    """Which of Butlr's backends the sandbox is: `today` or `influx`."""
    return getattr(request, "param", DEFAULT_ERA)


@pytest.fixture(scope="session")
def sandbox_process(launch: Launcher, era: str) -> Sandbox:
    """200 sensors."""
    return launch.sandbox(era=era)


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    yield sandbox_process
    sandbox_process.reset()


@pytest.fixture(scope="session")
def facade(launch: Launcher, sandbox_process: Sandbox) -> Facade:
    """A facade in front of the sandbox, with default settings."""
    return launch.facade(sandbox_process.url)


@pytest.fixture
def token(sandbox: Sandbox) -> str:
    """A token of the demo client that nobody has used yet."""
    return sandbox.login()


@pytest.fixture(scope="session")
def at_work() -> Callable[..., dict[str, str]]:
    """Makes spans of past working hours: people are there, and nothing about them changes any more.

    `days` back from the last whole working day, `minutes` long, from an hour at which all of the Americas work.
    """

    def span(*, days: int = 0, minutes: int = 10, after: int = 0) -> dict[str, str]:
        day = datetime.now(UTC).replace(hour=17, minute=0, second=0, microsecond=0) - timedelta(days=1)
        while day.weekday() > 4:
            day -= timedelta(days=1)
        for _ in range(days):
            day -= timedelta(days=1)
            while day.weekday() > 4:
                day -= timedelta(days=1)
        start = day + timedelta(minutes=after)
        return {
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "stop": f"{start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}",
        }

    return span


@pytest.fixture(scope="session")
def npm_project() -> Callable[[Path], str]:
    """Installs the packages of a folder of tests where that is not done, and returns the path of Node.js."""

    def install(folder: Path) -> str:
        node, npm = shutil.which("node"), shutil.which("npm")
        assert node, "Node.js is not installed: apt-get install nodejs npm"
        assert npm, "npm is not installed: apt-get install npm"
        # One test worker installs; the others wait for it.
        with (folder / "package-lock.json").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "node_modules" / ".package-lock.json").exists():
                subprocess.run([npm, "ci"], cwd=folder, check=True, capture_output=True, timeout=180)
        return node

    return install
