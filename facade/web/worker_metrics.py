"""The metrics of all worker processes of one service, added up.

Each worker counts in files of its own (prometheus-client's multiprocess mode), which stay when it ends: what a worker
counted is not lost with it. Its gauges are, for they said what was so while it lived.
"""

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# The library reads it when it is first imported.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def of_all_workers() -> CollectorRegistry | None:
    """A registry of what all workers counted; None where this process is the only one."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    for pid in {int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("gauge_live*_*.db")}:
        if not _lives(pid):
            # Another worker may have done so in this moment.
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
