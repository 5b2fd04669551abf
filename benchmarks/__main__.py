"""Run the workloads side by side, print ratios and write the figures to a file: `python -m benchmarks`.

`python -m benchmarks chart [RESULT.json] [OUT.svg]` draws a run, `python -m benchmarks text [RESULT.json]` writes it as
Markdown. Both use the newest run by default.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from . import exports, frames, million, polling, pushed
from .contenders import SERVERS, Server, install_peers
from .growth import CURVES, Curve
from .processes import CORES, RunError
from .publish import publish
from .report import QUIET, Found, as_json, curve_table, goals_table, keep, pushed_table, table
from .rounds import Measured, run
from .workloads import WORKLOADS, Workload

POLLED, PUSHED, MILLION, EXPORTED, FRAMES = "polled", "pushed", "1M rows", "exported", "frames"
NAMES = [*(workload.name for workload in WORKLOADS), POLLED, PUSHED, MILLION, EXPORTED, FRAMES]


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, only to see that everything runs")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, in each of which every server has a turn (3)")
    parser.add_argument("--latency", type=float, default=20, help="the upstream's delay in milliseconds (20)")
    parser.add_argument("--no-peers", action="store_true", help="without the servers from npm")
    parser.add_argument(
        "--with",
        action="append",
        dest="servers",
        metavar="SERVER",
        choices=[server.name for server in SERVERS],
        help=f"only these servers; may be repeated: {', '.join(server.name for server in SERVERS)}",
    )
    parser.add_argument("--out", type=Path, help="the file for the figures (a new one in benchmarks/results)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="WORKLOAD",
        choices=NAMES,
        help=f"only these workloads; may be repeated: {', '.join(NAMES)}",
    )
    parser.add_argument("--growth", action="store_true", help="how times grow with rows, sensors and requests at once")
    parser.add_argument("--full", action="store_true", help="everything: the workloads, the growth, a million rows")
    arguments = parser.parse_args(given)
    if arguments.rounds < 1:
        parser.error("--rounds: at least one")
    if (arguments.only is not None) + arguments.growth + arguments.full > 1:
        parser.error("one of --only, --growth and --full")
    return arguments


class Run:
    """One run and its results so far."""

    def __init__(
        self, arguments: argparse.Namespace, servers: Sequence[Server], folder: Path, console: Console
    ) -> None:
        self.found = Found()
        self._arguments = arguments
        self._servers = servers
        self._folder = folder
        self._console = console
        self._latency = arguments.latency / 1000

    def _wanted(self, name: str, *, by_default: bool = True) -> bool:
        if self._arguments.only:
            return name in self._arguments.only
        return self._arguments.full or (by_default and not self._arguments.growth)

    def _measure(self, workload: Workload, servers: Sequence[Server], **how: int) -> Measured:
        quick = self._arguments.quick
        seconds = 0.5 if quick else workload.seconds
        measured = run(workload, servers, self._folder, latency=self._latency, seconds=seconds, **how)
        for name, reason in measured.left_out.items():
            self._console.print(f"{workload.name}: {name} is left out: {reason}", markup=False, highlight=False)
        return measured

    def workloads(self) -> None:
        for workload in WORKLOADS:
            if self._wanted(workload.name):
                measured = self._measure(workload, self._servers, rounds=self._arguments.rounds)
                self.found.workloads.append(measured)
                self._console.print(table(measured))

    def polled(self) -> None:
        if self._wanted(POLLED):
            polls = 2 if self._arguments.quick else 60
            measure = polling.measure
            self.found.polled = measure(self._folder, latency=self._latency, polls=polls)
            self.found.polled_relative = measure(self._folder, latency=self._latency, polls=polls, relative=True)
            for name, found in (("polled", self.found.polled), ("polled by -24h", self.found.polled_relative)):
                self._console.print(
                    f"{name}: {found['points_fetched']:,} points fetched in {polls} polls for "
                    f"{found['points_needed']:,} of windows new or not settled: {found['ratio']:.2f} times; "
                    f"{found['calls']} calls; {found['median_seconds'] * 1e3:.0f} ms a poll",
                    highlight=False,
                )

    def pushed(self, *, peers: bool) -> None:
        if self._wanted(PUSHED):
            arguments = self._arguments
            self.found.pushed = found = pushed.measure(self._folder, peers=peers, quick=arguments.quick)
            self._console.print(pushed_table(found))

    def growth(self) -> None:
        if self._arguments.growth or self._arguments.full:
            for curve in CURVES:
                self._curve(curve)

    def _curve(self, curve: Curve) -> None:
        servers = [server for server in self._servers if server.name in curve.servers]
        points = {size: self._measure(one, servers, rounds=1, warm_up=1) for size, one in curve.points.items()}
        self.found.curves.append((curve, points))
        self._console.print(curve_table(curve, points))

    def million(self) -> None:
        """Measure the million rows last and alone, since they need the machine's memory."""
        if not self._wanted(MILLION, by_default=False):
            return
        if million.free_memory() < million.NEEDS:
            self._console.print(f"1M rows: left out, for less than {million.NEEDS / 2**30:.0f} GiB of memory is free")
            return
        self.found.million = found = million.measure(self._folder, latency=self._latency)
        self._console.print(
            f"1M rows: {found['answer_bytes'] / 1e6:,.0f} MB in {found['seconds']:.1f} s, at most "
            f"{found['peak_bytes'] / 1e6:,.0f} MB held: {found['ratio']:.2f} times the answer",
            highlight=False,
        )

    def exported(self) -> None:
        if self._wanted(EXPORTED, by_default=False):
            days = 1 if self._arguments.quick else exports.DAYS
            self.found.exported = found = exports.measure(self._folder, latency=self._latency, days=days)
            self._console.print(
                f"exported: {found['rows']:,} rows to Parquet in {found['ratio']:.2f} of the time by hand "
                f"({found['cpu_ratio']:.2f} of its CPU), at most {found['peak_bytes'] / 1e6:,.0f} MB held",
                highlight=False,
            )

    def frames(self) -> None:
        if self._wanted(FRAMES, by_default=False):
            rows = 20_000 if self._arguments.quick else frames.ROWS
            self.found.frames = found = frames.measure(self._folder, latency=self._latency, rows=rows)
            self._console.print(
                f"frames: {found['rows']:,} rows by Arrow in {found['time_ratio']:.2f} of the time of JSON and "
                f"{found['csv_ratio']:.2f} of that of CSV, in {found['bytes_ratio']:.3f} of the bytes",
                highlight=False,
            )


def main(given: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if given is None else given
    if given and given[0] in ("chart", "text"):
        return publish(given)
    arguments = _arguments(given)
    # In a pipe rich assumes 80 columns and would cut the figures off.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    load = os.getloadavg()[0]
    if len(CORES) < 2:
        console.print("One core: the load takes time from the servers, so only CPU times say something.")
    if load > QUIET:
        console.print(f"The machine is busy with other things (load {load:.1f}): the figures are worth less for it.")
    peers = "left out" if arguments.no_peers else install_peers()
    if peers:
        console.print(f"No peers from npm: {peers}.", markup=False)
    names = arguments.servers or [server.name for server in SERVERS]
    servers = [server for server in SERVERS if server.name in names and not (peers and server.is_peer)]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        run_ = Run(arguments, servers, Path(name), console)
        try:
            run_.workloads()
            run_.polled()
            run_.pushed(peers=not peers)
            run_.growth()
            run_.million()
            run_.exported()
            run_.frames()
        except RunError as error:
            console.print(f"Stopped: {error}", style="red", markup=False)
            return 1
    options = {"quick": arguments.quick, "rounds": arguments.rounds, "latency_ms": arguments.latency}
    whole = as_json(run_.found, **options, load_before=load)
    if held_to := goals_table(whole):
        console.print(held_to)
    path = keep(whole, arguments.out)
    console.print(f"Kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
