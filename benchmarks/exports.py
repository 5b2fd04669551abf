"""A month of five-minute windows of 205 sensors to Parquet: `facade export` beside the same calls by hand.

`python -m benchmarks.exports [DAYS]` measures only this.
"""

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .contenders import BY_HAND, FACADE, upstream
from .processes import SERVER_CORES, Process, RunError, post, python

SENSORS, EVERY, DAYS = 205, "5m", 30
START = datetime(2025, 10, 1, tzinfo=UTC)
# The stub makes its answers anew for each contender. If it kept them, the second one would be faster.
NOT_KEPT = {"large": 1}
# The span that the facade reads by one call for so many sensors.
HOURS = 8


def measure(folder: Path, *, latency: float, days: int = DAYS) -> dict[str, Any]:
    """Export once with each contender. Raises `RunError` if the files or the calls differ."""
    start, stop = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (START, START + timedelta(days=days)))
    files = {name: folder / f"{name.replace(' ', '-')}.parquet" for name in (BY_HAND, FACADE)}
    asked = ("--measurements", "presence", "--start", start, "--stop", stop, "--every", EVERY, "--function", "max")
    with upstream(folder, SENSORS, latency, **NOT_KEPT) as address:
        commands = {
            BY_HAND: python("-m", "benchmarks.export_by_hand", address, start, stop, str(HOURS), str(files[BY_HAND])),
            FACADE: python("-m", "facade", "export", "report", *asked, "--out", str(files[FACADE])),
        }
        found = {name: _run(name, command, folder, address) for name, command in commands.items()}
    by_hand, ours = map(_rows, files.values())
    if not ours.equals(by_hand):
        raise RunError("the export and the file made by hand have other rows")
    if found[FACADE]["calls"] != found[BY_HAND]["calls"]:
        raise RunError(f"the export made {found[FACADE]['calls']} calls, by hand there were {found[BY_HAND]['calls']}")
    return {
        "rows": ours.num_rows,
        "ratio": found[FACADE]["seconds"] / found[BY_HAND]["seconds"],
        "cpu_ratio": found[FACADE]["cpu_seconds"] / found[BY_HAND]["cpu_seconds"],
        "peak_bytes": found[FACADE]["peak_bytes"],
        "of": found,
    }


def _rows(file: Path) -> pa.Table:
    table = pq.read_table(file, columns=["sensor_id", "time", "value"])
    plain = pa.schema([("sensor_id", pa.string()), table.schema.field("time"), table.schema.field("value")])
    return table.cast(plain).sort_by([(name, "ascending") for name in ("sensor_id", "time")]).combine_chunks()


def _run(name: str, command: list[str], folder: Path, address: str) -> dict[str, Any]:
    post(f"{address}/calls")
    environment = {"BUTLR_BASE_URL": address, "BUTLR_TOKEN": "benchmark"}
    began = time.perf_counter()
    with Process(command, cores=SERVER_CORES[:1], folder=folder, name=name, environment=environment) as process:
        status, cpu, peak = process.wait()
    seconds = time.perf_counter() - began
    if status:
        raise RunError(f"{name} ended with {status}: {process.last_words()}")
    calls = json.loads(post(f"{address}/calls")).get("/api/v3/reporting", 0)
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak, "calls": calls}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), latency=0.02, days=int((sys.argv[1:] or [DAYS])[0])), indent=1))
