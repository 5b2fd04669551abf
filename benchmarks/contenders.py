"""Who is measured, and how each is started."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import LOAD_CORE, SERVER_CORE, Process, asgi, free_port, python

PEERS = Path(__file__).parent / "peers"
FLOOR, BY_HAND, FACADE = "bare uvicorn", "by hand", "facade"


@dataclass(frozen=True, slots=True)
class Server:
    """A contender behind a socket. `command` is made of its port, `environment` of the port and the upstream."""

    name: str
    command: Callable[[int], list[str]]
    environment: Callable[[int, str], dict[str, str]]
    workloads: frozenset[str] = field(default=frozenset({"A", "B", "C", "C hot"}))
    is_peer: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    name: str
    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


def _facade(port: int) -> list[str]:
    return python("-m", "facade", "serve", "--host", "127.0.0.1", "--port", str(port))


def _facade_environment(_port: int, upstream: str) -> dict[str, str]:
    return {"BUTLR_BASE_URL": upstream, "FACADE_AUTH": "passthrough"}


def _node(script: str) -> Callable[[int], list[str]]:
    return lambda _port: ["node", str(PEERS / script)]


def _node_environment(**more: str) -> Callable[[int, str], dict[str, str]]:
    return lambda port, upstream: {"PORT": str(port), "UPSTREAM": upstream, "NODE_ENV": "production", **more}


SERVERS = (
    Server(FACADE, _facade, _facade_environment),
    Server(
        "plain Strawberry",
        lambda port: asgi("benchmarks.plain:app", port),
        lambda _port, upstream: {"UPSTREAM": upstream},
        # It keeps nothing, so there is no hot.
        frozenset({"A", "B", "C"}),
    ),
    Server("Apollo Server", _node("apollo.js"), _node_environment(), is_peer=True),
    Server("Apollo, response cache", _node("apollo.js"), _node_environment(RESPONSE_CACHE="1"), is_peer=True),
    Server("Yoga, response cache", _node("yoga.js"), _node_environment(), is_peer=True),
)


def install_peers() -> str | None:
    """Install the peers from npm where they are not; return why that cannot be done."""
    if (PEERS / "node_modules" / ".package-lock.json").exists():
        return None
    try:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--loglevel=error"],
            cwd=PEERS,
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return "there is no npm"
    except subprocess.CalledProcessError as error:
        return f"npm ci failed: {error.stderr.strip()[-300:]}"
    return None


@contextmanager
def upstream(folder: Path, sensors: int, latency: float) -> Iterator[str]:
    """Run the stub, `latency` in seconds; yields its address."""
    port = free_port()
    process = Process(
        asgi("benchmarks.upstream:app", port),
        core=LOAD_CORE,
        folder=folder,
        name="upstream",
        environment={"STUB_SENSORS": str(sensors), "STUB_LATENCY": str(latency)},
    )
    with process:
        process.wait_for(f"http://127.0.0.1:{port}/calls")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(server: Server, folder: Path, upstream_url: str) -> Iterator[Running]:
    port = free_port()
    environment = server.environment(port, upstream_url)
    process = Process(server.command(port), core=SERVER_CORE, folder=folder, name=server.name, environment=environment)
    with process:
        process.wait_for(f"http://127.0.0.1:{port}/")
        yield Running(server.name, process, port)


def floor(body: Path) -> Server:
    return Server(FLOOR, lambda port: asgi("benchmarks.floor:app", port), lambda *_: {"FLOOR_BODY": str(body)})


def load_generator(stack: ExitStack, folder: Path) -> Process:
    command = python("-m", "benchmarks.load")
    return stack.enter_context(Process(command, core=LOAD_CORE, folder=folder, name="load", talks=True))


def by_hand(stack: ExitStack, folder: Path, upstream_url: str) -> Process:
    return stack.enter_context(
        Process(
            python("-m", "benchmarks.by_hand"),
            core=SERVER_CORE,
            folder=folder,
            name=BY_HAND,
            environment={"UPSTREAM": upstream_url},
            talks=True,
        )
    )
