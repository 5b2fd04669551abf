"""Run the workloads side by side, print ratios, keep the figures: `python -m benchmarks`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .contenders import SERVERS, Server, install_peers
from .growth import CURVES
from .processes import CORES, RunError
from .report import curve_table, keep, table
from .rounds import Result, run
from .workloads import WORKLOADS, Workload


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds: shows that it runs, not what is faster")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which everyone has a turn (3)")
    parser.add_argument("--latency", type=float, default=20, help="of the upstream, in milliseconds (20)")
    parser.add_argument("--no-peers", action="store_true", help="without the servers from npm")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--only",
        action="append",
        metavar="WORKLOAD",
        choices=[workload.name for workload in WORKLOADS],
        help=f"one of {', '.join(workload.name for workload in WORKLOADS)}; may be repeated",
    )
    what.add_argument("--growth", action="store_true", help="how times grow with rows, sensors and requests at once")
    arguments = parser.parse_args(given)
    if arguments.rounds < 1:
        parser.error("--rounds: at least one")
    return arguments


class Run:
    """One run, and what it found so far."""

    def __init__(self, arguments: argparse.Namespace, servers: Sequence[Server], folder: Path) -> None:
        self.found: list[tuple[Workload, list[Result]]] = []
        self._arguments = arguments
        self._servers = servers
        self._folder = folder

    def measure(self, workload: Workload, names: frozenset[str] | None = None) -> list[Result]:
        results = run(
            workload,
            [server for server in self._servers if names is None or server.name in names],
            self._folder,
            latency=self._arguments.latency / 1000,
            rounds=self._arguments.rounds,
            seconds=0.5 if self._arguments.quick else workload.seconds,
        )
        self.found.append((workload, results))
        return results


def _measure(run_: Run, arguments: argparse.Namespace, console: Console) -> None:
    if arguments.growth:
        for curve in CURVES:
            points = [(workload, run_.measure(workload, curve.servers)) for _, workload in curve.points]
            console.print(curve_table(curve.title, points))
        return
    for workload in WORKLOADS:
        if not arguments.only or workload.name in arguments.only:
            console.print(table(workload, run_.measure(workload)))


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    # A table cut to a pipe's 80 columns would lose its figures.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    load = os.getloadavg()[0]
    if len(CORES) < 2:
        console.print("One core: the load takes time from the servers, so only CPU times say something.")
    if load > 0.5:
        console.print(f"The machine is busy with other things (load {load:.1f}): the figures are worth less for it.")
    peers = "left out" if arguments.no_peers else install_peers()
    if peers:
        console.print(f"No peers from npm: {peers}.", markup=False)
    servers = [server for server in SERVERS if not (peers and server.is_peer)]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        run_ = Run(arguments, servers, Path(name))
        try:
            _measure(run_, arguments, console)
        except RunError as error:
            console.print(f"Stopped: {error}", style="red", markup=False)
            return 1
    options = {"quick": arguments.quick, "rounds": arguments.rounds, "latency_ms": arguments.latency}
    path = keep(run_.found, **options, load_before=load)
    console.print(f"Kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
