"""The facade behind proxies that can simulate network faults."""

import asyncio
import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest


def _beside(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"faults_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


Proxy = _beside("proxy").Proxy


@pytest.fixture
def proxy_to() -> Iterator[Callable[[int], Any]]:
    """Starts proxies to local ports."""
    made = []

    def make(port: int, **options: Any) -> Any:
        made.append(Proxy(port, **options).__enter__())
        return made[-1]

    yield make
    for proxy in reversed(made):
        proxy.__exit__()


@pytest.fixture
def proxy(proxy_to, sandbox) -> Any:
    """In front of the sandbox."""
    return proxy_to(urlsplit(sandbox.url).port)


class Asker:
    """Sends a facade many operations at the same time."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def ask(
        self, token: str, query: str, variables: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any], float]:
        """Return the status, the answer and the seconds that it took."""
        began = time.perf_counter()
        headers = {"Accept": "application/graphql-response+json", "Authorization": f"Bearer {token}"}
        body = {"query": query, "variables": variables or {}}
        async with self.session.post(f"{self.url}/graphql", json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None), time.perf_counter() - began

    async def each(self, at_once: int, asks: list[Callable[[], Any]]) -> list[Any]:
        """Send all operations, so many at a time, and return the results in order."""
        results: list[Any] = [None] * len(asks)
        numbers = iter(range(len(asks)))

        async def work() -> None:
            for number in numbers:
                results[number] = await asks[number]()

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
        return results


@pytest.fixture
async def asker():
    """Makes askers of a facade's URL."""
    # Shorter than a server keeps a connection, or a request may meet its end.
    connector = aiohttp.TCPConnector(limit=256, keepalive_timeout=2)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield lambda facade: Asker(facade.url, session)


class RedisServer:
    """A separate server that writes nothing to disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed: apt-get install redis-server"
        self._program, self._folder = program, folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **options: object) -> None:
        given = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": self._folder, **options}
        arguments = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        self._process = subprocess.Popen([self._program, *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 180
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis(tmp_path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def memory_of() -> Callable[[int], int]:
    """The resident memory of a process, in bytes."""

    def resident(pid: int) -> int:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"process {pid} has ended")

    return resident


@pytest.fixture(scope="session")
def processor_seconds_of() -> Callable[[int], float]:
    """Return the CPU seconds of a process so far."""

    def seconds(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    return seconds
