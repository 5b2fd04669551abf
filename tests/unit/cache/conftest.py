"""A real redis-server on a free port, to be killed, stopped and started again."""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from facade.cache import Entry


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class RedisServer:
    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def forget_calls(self) -> None:
        self.command("CONFIG", "RESETSTAT")

    def info(self, section: str) -> dict[str, Any]:
        with redis.Redis(port=self.port) as client:
            told: dict[str, Any] = client.info(section)
        return told

    def calls(self) -> dict[str, int]:
        """How often each command has come since."""
        stats = self.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): told["calls"] for name, told in stats.items()}
        return {
            name: calls
            for name, calls in calls.items()
            if name not in ("info", "client|setinfo", "config|resetstat", "hello", "ping")
        }

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._binary, *arguments], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not listen"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Connections are still taken and nothing is answered, as behind a firewall that drops packets."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """The first line of Redis's answer to one inline command."""
        with (
            socket.create_connection(("127.0.0.1", self.port), 5) as connection,
            connection.makefile("rwb") as wire,
        ):
            wire.write(" ".join(words).encode() + b"\r\n")
            wire.flush()
            return wire.readline().decode().strip()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(binary, tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Any]:
    """Waits for what other tasks and Redis bring about."""

    async def until(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 -- of Redis nothing wakes us
                await asyncio.sleep(0.005)

    return until


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    def make(body: bytes = b'{"data":[]}', **fields: object) -> Entry:
        known: dict[str, object] = {
            "content_type": "application/json",
            "as_of": 1000.5,
            "fresh_until": 1060.5,
            "settled_until": 900.0,
            "partial": True,
        }
        return Entry(body=body, **(known | fields))

    return make
