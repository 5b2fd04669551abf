"""The rounds of a workload. In each round every contender has a turn."""

import json
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .contenders import (
    BY_HAND,
    FACADE,
    FLOOR,
    NOT_EXPLAINED,
    Running,
    Server,
    by_hand,
    floor,
    load_generator,
    running,
    upstream,
)
from .processes import Process, RunError, post
from .workloads import Workload

# Requests before the first round: they fill caches and warm up compilers. Peak memory is read after them, when every
# contender has answered the same number of requests.
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender's turn. Times are seconds; `median` is of a request from its first byte to its last."""

    requests: int
    seconds: float
    median: float
    cpu: float
    calls: int
    # The share of a core that the load generator used. Near 1 it may be the bottleneck, not the server.
    load: float = 0.0

    @property
    def wall(self) -> float:
        """The seconds of the round divided by its requests."""
        return self.seconds / self.requests

    @property
    def cpu_a_request(self) -> float:
        return self.cpu / self.requests

    @property
    def calls_a_request(self) -> float:
        return self.calls / self.requests


@dataclass(slots=True)
class Result:
    """The results of one contender in one workload."""

    name: str
    peak: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return self.median(lambda sample: sample.wall)

    @property
    def cpu(self) -> float:
        return self.median(lambda sample: sample.cpu_a_request)

    def median(self, of: Callable[[Sample], float]) -> float:
        return statistics.median(map(of, self.samples))

    def spread(self) -> float:
        """The noise: the wall time of the slowest round divided by that of the fastest."""
        walls = [sample.wall for sample in self.samples]
        return max(walls) / min(walls)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "peak_bytes": self.peak,
            "wall_seconds": self.wall,
            "median_seconds": self.median(lambda sample: sample.median),
            "cpu_seconds": self.cpu,
            "calls": self.median(lambda sample: sample.calls_a_request),
            "spread": self.spread(),
            "load": self.median(lambda sample: sample.load),
            "samples": [asdict(sample) for sample in self.samples],
        }


class Bench:
    """One workload with all its contenders, started and warmed up."""

    def __init__(self, workload: Workload, folder: Path, upstream: str, stack: ExitStack) -> None:
        self.workload = workload
        # Why servers of npm were left out.
        self.left_out: dict[str, str] = {}
        self._folder = folder
        self._upstream = upstream
        self._stack = stack
        self._load = load_generator(stack, folder)
        self._turns: dict[str, Callable[[float, int], Sample]] = {}
        self._peaks: dict[str, Callable[[], int]] = {}
        self._peers: set[str] = set()
        self._expected: Any = None

    def add(self, server: Server) -> None:
        """Start and check a contender. Raises `RunError`, except that a server of npm is left out with the reason."""
        try:
            with ExitStack() as until_it_answers:
                contender = until_it_answers.enter_context(running(server, self._folder, self._upstream))
                query = server.words.get(self.workload.name, self.workload.query)
                body = json.dumps({"query": query, "variables": self.workload.variables})
                answer = post(contender.url, body.encode(), "hot")
                self._check(server.name, answer)
                self._stack.push(until_it_answers.pop_all())
        except (RunError, OSError) as error:
            if not server.is_peer:
                raise
            self.left_out[server.name] = str(error)
            return
        if server.name == FACADE and baseline(self.workload) == FLOOR:
            same_bytes = self._folder / "floor.json"
            same_bytes.write_bytes(answer)
            self.add(floor(same_bytes))
        self._peers |= {server.name} if server.is_peer else set()
        self._turns[server.name] = lambda seconds, least: self._turn(contender, body, seconds, least)
        self._peaks[server.name] = contender.process.peak

    def add_by_hand(self) -> None:
        process = by_hand(self._stack, self._folder, self._upstream)
        answer = process.ask(self._job_by_hand(0, 1) | {"show": True})
        self._check(BY_HAND, answer["body"].encode())
        self._turns[BY_HAND] = lambda seconds, least: self._turn_by_hand(process, seconds, least)
        self._peaks[BY_HAND] = process.peak

    def measure(self, rounds: int, seconds: float, warm_up: int) -> list[Result]:
        results = {name: Result(name) for name in self._turns}
        for name in list(self._turns):
            self._take(name, 0 if self.workload.cold else min(seconds, 1.0), warm_up)
            results[name].peak = self._peaks[name]()
        names = list(self._turns)
        for number in range(rounds):
            # The order is rotated, so that no contender always follows the same one.
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if sample := self._take(name, seconds, 3):
                    results[name].samples.append(sample)
        return [results[name] for name in names if name not in self.left_out]

    def _take(self, name: str, seconds: float, least: int) -> Sample | None:
        if name in self.left_out:
            return None
        try:
            return self._turns[name](seconds, least)
        except RunError as error:
            if name not in self._peers:
                raise
            self.left_out[name] = str(error)
            return None

    def _check(self, name: str, answer: bytes) -> None:
        """Raise `RunError` if the data differs from that of the contenders before."""
        found = json.loads(answer)
        if found.get("errors") or not found.get("data"):
            raise RunError(f"{name} answers {self.workload.name} with {answer[:300]!r}")
        self._expected = self._expected or found["data"]
        if found["data"] != self._expected:
            raise RunError(f"{name} answers {self.workload.name} with other data than those before it")

    def _calls(self) -> int:
        calls: dict[str, int] = json.loads(post(f"{self._upstream}/calls"))
        return sum(number for path, number in calls.items() if path.startswith("/"))

    def _turn(self, contender: Running, body: str, seconds: float, least: int) -> Sample:
        self._calls()
        before = contender.process.cpu()
        answer = self._load.ask(
            {
                "host": "127.0.0.1",
                "port": contender.port,
                "path": "/graphql",
                "body": body,
                "cold": self.workload.cold,
                "at_once": self.workload.at_once,
                "seconds": seconds,
                "least": max(least, self.workload.at_once),
            }
        )
        cpu = contender.process.cpu() - before
        if set(answer["statuses"]) != {"200"} or len(answer["lengths"]) != 1:
            raise RunError(f"{contender.name}: statuses {answer['statuses']}, lengths {answer['lengths']}")
        calls = self._calls()
        if self.workload.cold and calls < answer["requests"]:
            raise RunError(f"{contender.name} answers a caller with what it kept for another")
        return Sample(
            answer["requests"], answer["seconds"], answer["median"], cpu, calls, load=answer["cpu"] / answer["seconds"]
        )

    def _job_by_hand(self, seconds: float, least: int) -> dict[str, Any]:
        return {
            "workload": self.workload.name,
            "variables": self.workload.variables,
            "seconds": seconds,
            "least": least,
        }

    def _turn_by_hand(self, process: Process, seconds: float, least: int) -> Sample:
        self._calls()
        answer = process.ask(self._job_by_hand(seconds, least))
        return Sample(answer["requests"], answer["seconds"], answer["median"], answer["cpu"], self._calls())


@dataclass(slots=True)
class Measured:
    """A workload and the results of all contenders."""

    workload: Workload
    results: list[Result]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> Result | None:
        return next((result for result in self.results if result.name == baseline(self.workload)), None)


def run(
    workload: Workload,
    servers: Sequence[Server],
    folder: Path,
    *,
    latency: float,
    rounds: int,
    seconds: float,
    warm_up: int = WARM_UP,
) -> Measured:
    """Measure all contenders of a workload. Raises `RunError`."""
    with ExitStack() as stack:
        address = stack.enter_context(upstream(folder, workload.sensors, latency))
        bench = Bench(workload, folder, address, stack)
        if baseline(workload) == BY_HAND:
            bench.add_by_hand()
        for server in servers:
            if workload.name in server.workloads:
                bench.add(server)
        return Measured(workload, bench.measure(rounds, seconds, warm_up), bench.left_out)


def baseline(workload: Workload) -> str:
    """Return the baseline: the client by hand for cold workloads, bare uvicorn for hot ones, else a facade."""
    if workload.name == "B told":
        return NOT_EXPLAINED
    if workload.name in ("B workers", "A told"):
        return FACADE
    return BY_HAND if workload.cold else FLOOR
