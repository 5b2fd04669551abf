"""The metrics of all worker processes of one service, as sums.

Each worker counts in its own files (prometheus-client's multiprocess mode). The files of its counters stay after its
end; those of its gauges are removed.
"""

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# The library reads this variable at its first import.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def of_all_workers() -> CollectorRegistry | None:
    """Return a registry with the counts of all workers; None if this process is the only one."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    for pid in {int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("gauge_live*_*.db")}:
        if not _lives(pid):
            # Another worker may have removed it at the same time.
            with suppress(FileNotFoundError):
                mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
