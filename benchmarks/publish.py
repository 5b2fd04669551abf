"""Publishes the figures of a run: as a chart, and as tables in `docs/benchmarks.md`."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .chart import figure, svg
from .contenders import BY_HAND, FACADE
from .goals import goals
from .processes import ROOT
from .pushed import BARE
from .report import QUIET, RESULTS

CHART, DOCUMENT = ROOT / "docs" / "images" / "benchmarks.svg", ROOT / "docs" / "benchmarks.md"
# The last chapter of the document, which the figures of a run replace.
CHAPTER = "## Figures\n"


def publish(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", choices=["chart", "text"])
    parser.add_argument("result", nargs="?", type=Path, help="the JSON of a run; by default the newest")
    parser.add_argument("out", nargs="?", type=Path, help="the chart's file, or the document of the figures")
    arguments = parser.parse_args(given)
    source = arguments.result or max(RESULTS.glob("*.json"), default=None)
    if source is None:
        parser.error("there is no run yet: python -m benchmarks")
    run = json.loads(source.read_text())
    try:
        if arguments.what == "chart":
            (arguments.out or CHART).write_text(svg(run))
        else:
            document = arguments.out or DOCUMENT
            document.write_text(with_figures(document.read_text(), run))
    except ValueError as error:
        parser.error(str(error))
    return 0


def with_figures(document: str, run: dict[str, Any]) -> str:
    """Return the document with the run's figures as last chapter. Raises ValueError if it has no such chapter."""
    before, chapter, _ = document.partition(CHAPTER)
    if not chapter:
        raise ValueError(f"the document has no chapter {CHAPTER.strip()!r}")
    return "\n".join([before + chapter, *markdown(run), ""])


def markdown(run: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the figures, the goals first."""
    if run["load_before"] > QUIET:
        yield f"The machine was busy with other things (load {run['load_before']:.1f}): not even ratios can be trusted."
        yield ""
    if held_to := list(goals(run)):
        yield "| workload | what | goal | found |"
        yield "| --- | --- | --- | ---: |"
        for goal in held_to:
            yield f"| {' | '.join(goal.cells())} |"
        yield ""
    for workload in run["workloads"]:
        yield from _table(workload)
    for curve in run["curves"]:
        yield from _curve(curve)
    if polled := run["polled"]:
        yield (
            f"The polled dashboard: {polled['points_fetched']:,} points fetched in {polled['polls']} polls by "
            f"{polled['calls']} calls, {polled['ratio']:.2f} times the {polled['points_needed']:,} of windows that "
            f"were new or not settled; {polled['median_seconds'] * 1e3:.0f} ms a poll."
        )
        yield ""
    if pushed := run.get("pushed"):
        yield from _pushed(pushed)
    if million := run["million"]:
        yield (
            f"A report of {million['rows']:,} rows: {million['answer_bytes'] / 1e6:,.0f} MB in "
            f"{million['seconds']:.1f} s, {million['peak_bytes'] / 1e6:,.0f} MB of memory at most, "
            f"{million['ratio']:.2f} times the answer."
        )
        yield ""
    if exported := run.get("exported"):
        by_hand, facade = (exported["of"][name] for name in (BY_HAND, FACADE))
        yield (
            f"`facade export` of {exported['rows']:,} rows to Parquet: {facade['seconds']:.1f} s and "
            f"{facade['peak_bytes'] / 1e6:,.0f} MB; by hand {by_hand['seconds']:.1f} s and "
            f"{by_hand['peak_bytes'] / 1e6:,.0f} MB, of the same {facade['calls']} calls."
        )
        yield ""
    if frames := run.get("frames"):
        ways = "; ".join(
            f"{name} {one['seconds']:.1f} s, {one['bytes'] / 1e6:,.1f} MB" for name, one in frames["of"].items()
        )
        yield f"{frames['rows']:,} rows into a pandas frame: {ways}."
        yield ""
    machine = run["machine"]
    peers = ", ".join(f"{name} {version}" for name, version in machine.pop("peers").items())
    own = ", ".join(f"{name} {value}" for name, value in machine.items() if name not in ("cores", "load", "kernel"))
    kernel = machine["kernel"].split("-")[0]
    yield f"Run {run['at'][:10]}, {machine['cores']} cores, Linux {kernel}: {own}. Peers: {peers}."


def _table(workload: dict[str, Any]) -> Iterator[str]:
    results = sorted(workload["results"], key=lambda result: float(result["wall_seconds"]))
    base = next(result for result in results if result["name"] == workload["baseline"])
    yield f"### {workload['name']}: {workload['title']}"
    yield ""
    yield f"| | time, of {base['name']} | CPU, of {base['name']} | requests/s | ms | CPU ms | peak MB | calls |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for result in results:
        cells = (
            f"{result['wall_seconds'] / base['wall_seconds']:.2f}",
            f"{result['cpu_seconds'] / base['cpu_seconds']:.2f}" if base["cpu_seconds"] else "-",
            figure(1 / result["wall_seconds"]),
            figure(result["median_seconds"] * 1e3),
            f"{result['cpu_seconds'] * 1e3:.3f}",
            f"{result['peak_bytes'] / 1e6:,.0f}",
            f"{result['calls']:.3g}",
        )
        yield f"| {result['name']} | {' | '.join(cells)} |"
    yield ""
    for name, reason in workload["left_out"].items():
        yield f"{name} is left out: {reason.splitlines()[-1]}"
        yield ""


def _pushed(found: dict[str, Any]) -> Iterator[str]:
    yield f"### pushed: an event of {found['bytes']} bytes to {found['number']} subscribers of each"
    yield ""
    yield f"| | CPU a delivery, of {BARE} | CPU µs | ms until the last has it | p95 ms |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, one in sorted(found["of"].items(), key=lambda each: float(each[1]["cpu_seconds"])):
        milliseconds = " | ".join(figure(one[f"{what}_seconds"] * 1e3) for what in ("median", "p95"))
        yield f"| {name} | {one['cpu_ratio']:.2f} | {one['cpu_seconds'] * 1e6:.0f} | {milliseconds} |"
    yield ""
    spread = found["spread"]
    yield (
        f"Of {spread['subscribers']:,} subscribers to the occupancy of 80 rooms at {spread['replicas']} replicas over "
        f"one Redis, all have a change {figure(spread['p95_seconds'])} s after its webhook at p95, of "
        f"{spread['events']} changes."
    )
    yield ""


def _curve(curve: dict[str, Any]) -> Iterator[str]:
    points = curve["points"]
    names = dict.fromkeys(result["name"] for point in points for result in point["results"])
    yield f"### {curve['title']}, ms a request"
    yield ""
    yield "| | " + " | ".join(point["title"] for point in points) + " |"
    yield "| --- |" + " ---: |" * len(points)
    for name in names:
        of_point = [{result["name"]: result for result in point["results"]}.get(name) for point in points]
        cells = [figure(result["wall_seconds"] * 1e3) if result else "-" for result in of_point]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
