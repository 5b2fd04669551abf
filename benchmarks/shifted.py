"""The facade with clocks that are put forward from outside: `python -m benchmarks.shifted FILE serve …`.

FILE holds the seconds to add, eight bytes of a double; so an hour of polls takes as long as its answers do. Timers of
the event loop are not shifted: a wait for an answer is as long as it is.
"""

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path


def _shifted(clock: Callable[[], float], shift: mmap.mmap) -> Callable[[], float]:
    return lambda: clock() + struct.unpack_from("d", shift)[0]


def main() -> None:
    file = Path(sys.argv.pop(1))
    with file.open("rb") as opened:
        shift = mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)
    # Before anything that takes one of them for a default is imported.
    time.time = _shifted(time.time, shift)
    time.monotonic = _shifted(time.monotonic, shift)
    from facade.cli import main as facade  # noqa: PLC0415 -- see above

    facade()


if __name__ == "__main__":
    main()
