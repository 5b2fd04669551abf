"""One report of a million rows to one client: the peak memory as a multiple of the answer's size."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .contenders import facade, load_generator, running, upstream
from .growth import rows_of
from .processes import RunError

# The free memory that is needed, so that the machine does not run out of it.
NEEDS = 4 * 2**30


def free_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def measure(folder: Path, *, latency: float, rows: int = 1_000_000) -> dict[str, Any]:
    """Read the report once, cold. Raises `RunError`."""
    workload = rows_of(rows)
    settings = {"FACADE_MAX_COST": str(10 * rows)} | {
        f"FACADE_{name}_TIMEOUT": "300" for name in ("UPSTREAM", "OPERATION")
    }
    server = facade(workloads=frozenset(), settings=settings)
    with ExitStack() as stack:
        address = stack.enter_context(upstream(folder, workload.sensors, latency))
        contender = stack.enter_context(running(server, folder, address))
        load = load_generator(stack, folder)
        idle, cpu = contender.process.peak(), contender.process.cpu()
        answer = load.ask(
            {
                "host": "127.0.0.1",
                "port": contender.port,
                "path": "/graphql",
                "body": json.dumps({"query": workload.query, "variables": workload.variables}),
                "cold": True,
                "at_once": 1,
                "seconds": 0,
                "least": 1,
            }
        )
        size = int(next(iter(answer["lengths"])))
        if set(answer["statuses"]) != {"200"} or size < rows:
            raise RunError(f"a report of {rows} rows: statuses {answer['statuses']}, {size} bytes")
        peak = contender.process.peak()
        return {
            "rows": rows,
            "answer_bytes": size,
            "idle_bytes": idle,
            "peak_bytes": peak,
            "ratio": peak / size,
            "seconds": answer["median"],
            "cpu_seconds": contender.process.cpu() - cpu,
        }
