"""Real Redis servers of more than one process: a cluster of three masters, and servers that a sentinel watches."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

# Seconds that servers take to know each other, on a busy machine.
PATIENCE = 180.0


def _ports(number: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in opened]
    for each in opened:
        each.close()
    return ports


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _program(name: str) -> str:
    program = shutil.which(name)
    assert program, f"{name} is not installed: apt-get install redis-server"
    return program


class _Servers:
    url: str

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start_server(self, port: int, *arguments: str) -> None:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *arguments]
        self._run(port, [_program("redis-server"), *options], folder)

    def _run(self, port: int, command: list[str], folder: Path) -> None:
        self._processes[port] = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        until(lambda: self.answers(port))

    def answers(self, port: int) -> bool:
        with redis.Redis(port=port) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def kill(self, port: int | None = None) -> None:
        for each in [port] if port is not None else list(self._processes):
            process = self._processes.pop(each)
            process.kill()
            process.wait()


class RedisCluster(_Servers):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        ports = _ports(6)
        self._buses = dict(zip(ports[:3], ports[3:], strict=True))
        self.ports = ports[:3]
        self.url = f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in self.ports)}"

    def start(self) -> None:
        for port in self.ports:
            self.start_node(port)
        nodes = [f"127.0.0.1:{port}" for port in self.ports]
        subprocess.run(
            [_program("redis-cli"), "--cluster", "create", *nodes, "--cluster-yes"],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        until(lambda: all(self.state(port) == "ok" for port in self.ports))

    def start_node(self, port: int) -> None:
        self.start_server(port, "--cluster-enabled", "yes", "--cluster-port", str(self._buses[port]))

    def state(self, port: int) -> str:
        with redis.Redis(port=port) as client:
            information: Any = client.execute_command("CLUSTER INFO")
        return str(information["cluster_state"])

    def keys(self) -> dict[int, set[bytes]]:
        """The keys of each node."""
        found = {}
        for port in self.ports:
            with redis.Redis(port=port) as client:
                found[port] = set(client.keys())
        return found


class RedisWithSentinel(_Servers):
    """A master, a replica of it, and a sentinel that names a new master within a second or so."""

    service = "facade"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.master, self.replica, self.sentinel = _ports(3)
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel}/{self.service}"

    def start(self) -> None:
        self.start_server(self.master)
        self.start_server(self.replica, "--replicaof", "127.0.0.1", str(self.master))
        configuration = self._folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.sentinel}\nbind 127.0.0.1\nsentinel monitor {self.service} 127.0.0.1 {self.master} 1\n"
            f"sentinel down-after-milliseconds {self.service} 500\nsentinel failover-timeout {self.service} 3000\n"
        )
        self._run(self.sentinel, [_program("redis-server"), str(configuration), "--sentinel"], self._folder)
        # A master without a replica that is in step cannot be followed by one.
        until(lambda: self._told(self.master)["connected_slaves"] == 1)
        until(lambda: self._told(self.replica)["master_link_status"] == "up")
        until(lambda: self._known_replicas() == 1)

    def _told(self, port: int) -> dict[str, Any]:
        with redis.Redis(port=port) as client:
            told: dict[str, Any] = client.info("replication")
        return told

    def _known_replicas(self) -> int:
        with redis.Redis(port=self.sentinel) as client:
            return len(client.sentinel_slaves(self.service))
