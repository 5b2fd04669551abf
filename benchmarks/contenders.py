"""The servers that are measured, and how each is started."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import LOAD_CORES, SERVER_CORES, Process, asgi, free_port, python
from .words import HIVE_WORDS, TAILCALL_WORDS

PEERS = Path(__file__).parent / "peers"
FLOOR, BY_HAND, FACADE, TWO_WORKERS = "bare uvicorn", "by hand", "facade", "facade, 2 workers"
NOT_EXPLAINED, TRACED_SELDOM, TRACED = "facade, explain off", "facade, 1 in 100 traced", "facade, all traced"
PLAIN, APOLLO, APOLLO_CACHED = "plain Strawberry", "Apollo Server", "Apollo, response cache"


@dataclass(frozen=True, slots=True)
class Place:
    """The ports, cores and files that a contender's command and environment are made from."""

    port: int
    upstream: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Server:
    """A contender that is a server. `words` are its own queries for workloads, if its schema has other names."""

    name: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]] = lambda _place: {}
    workloads: frozenset[str] = frozenset({"A", "B", "C", "C hot"})
    words: Mapping[str, str] = field(default_factory=dict)
    is_peer: bool = False
    cores: int = 1


@dataclass(frozen=True, slots=True)
class Running:
    name: str
    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


def facade(
    name: str = FACADE,
    *,
    workers: int = 1,
    workloads: frozenset[str],
    settings: Mapping[str, str] | None = None,
    traced: float | None = None,
) -> Server:
    """Return the facade with all features of production, and a rate limit that is counted but never reached.

    `traced` is the share of requests whose spans go out, to the stub: it takes them as a collector does.
    """

    def command(place: Place) -> list[str]:
        return python("-m", "facade", "serve", "--port", str(place.port), "--workers", str(workers))

    def environment(place: Place) -> dict[str, str]:
        own = {"FACADE_AUTH": "passthrough", "FACADE_RATE_LIMIT": "1000000/second"}
        if traced is not None:
            own |= {
                "FACADE_OTEL": "true",
                "OTEL_EXPORTER_OTLP_ENDPOINT": place.upstream,
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": str(traced),
            }
        return {"BUTLR_BASE_URL": place.upstream, **own, **(settings or {})}

    return Server(name, command, environment, workloads, cores=workers)


def _node(name: str, script: str, words: Mapping[str, str] | None = None, **environment: str) -> Server:
    return Server(
        name,
        lambda _place: ["node", str(PEERS / script)],
        lambda place: {"PORT": str(place.port), "UPSTREAM": place.upstream, "NODE_ENV": "production", **environment},
        words=words or {},
        is_peer=True,
    )


def _tailcall(place: Place) -> list[str]:
    config = place.folder / "tailcall.graphql"
    text = (PEERS / "tailcall.graphql").read_text()
    config.write_text(text.replace("UPSTREAM", place.upstream).replace("PORT", str(place.port)))
    return [str(PEERS / "node_modules" / ".bin" / "tailcall"), "start", str(config)]


SERVERS = (
    facade(workloads=frozenset({"A", "B", "C", "C hot", "B workers", "B told", "A told"})),
    facade(NOT_EXPLAINED, workloads=frozenset({"B told"}), settings={"FACADE_EXPLAIN": "false"}),
    facade(TRACED_SELDOM, workloads=frozenset({"B told"}), traced=0.01),
    facade(TRACED, workloads=frozenset({"A told"}), traced=1),
    facade(TWO_WORKERS, workers=2, workloads=frozenset({"B workers"})),
    Server(
        PLAIN,
        lambda place: asgi("benchmarks.plain:app", place.port),
        lambda place: {"UPSTREAM": place.upstream},
        # It has no cache, so it has no hot workload.
        frozenset({"A", "B", "C"}),
    ),
    _node(APOLLO, "apollo.js"),
    _node(APOLLO_CACHED, "apollo.js", RESPONSE_CACHE="1"),
    _node("Yoga, response cache", "yoga.js"),
    _node("Hive Gateway, response cache", "hive.js", HIVE_WORDS),
    Server(
        "Tailcall",
        _tailcall,
        lambda _place: {"TAILCALL_LOG_LEVEL": "error", "TAILCALL_TRACKER": "false"},
        words=TAILCALL_WORDS,
        is_peer=True,
    ),
)


def install_peers() -> str | None:
    """Install the servers of npm if they are missing. Return the reason if that fails, else None."""
    installed, wanted = PEERS / "node_modules" / ".package-lock.json", PEERS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
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
def upstream(folder: Path, sensors: int, latency: float, **settings: int) -> Iterator[str]:
    """Run the stub for the duration of the context and yield its URL. `latency` is in seconds."""
    port = free_port()
    process = Process(
        asgi("benchmarks.upstream:app", port),
        cores=LOAD_CORES,
        folder=folder,
        name="upstream",
        environment={
            "STUB_SENSORS": str(sensors),
            "STUB_LATENCY": str(latency),
            **{f"STUB_{name.upper()}": str(value) for name, value in settings.items()},
        },
    )
    with process:
        process.wait_for(f"http://127.0.0.1:{port}/calls")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(server: Server, folder: Path, upstream_url: str) -> Iterator[Running]:
    place = Place(free_port(), upstream_url, folder)
    process = Process(
        server.command(place),
        cores=SERVER_CORES[: server.cores],
        folder=folder,
        name=server.name,
        environment=server.environment(place),
    )
    with process:
        process.wait_for(f"http://127.0.0.1:{place.port}/")
        yield Running(server.name, process, place.port)


def floor(body: Path) -> Server:
    return Server(
        FLOOR, lambda place: asgi("benchmarks.floor:app", place.port), lambda _place: {"FLOOR_BODY": str(body)}
    )


def load_generator(stack: ExitStack, folder: Path) -> Process:
    command = python("-m", "benchmarks.load")
    return stack.enter_context(Process(command, cores=LOAD_CORES, folder=folder, name="load", talks=True))


def by_hand(stack: ExitStack, folder: Path, upstream_url: str) -> Process:
    return stack.enter_context(
        Process(
            python("-m", "benchmarks.by_hand"),
            cores=SERVER_CORES[:1],
            folder=folder,
            name=BY_HAND,
            environment={"UPSTREAM": upstream_url},
            talks=True,
        )
    )
