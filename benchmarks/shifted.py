"""The facade with clocks that are moved forward from outside: `python -m benchmarks.shifted FILE serve …`.

FILE has the seconds to add as a double of eight bytes, so that an hour of polls takes only as long as its answers.
Timers of the event loop are not shifted, so waits for answers keep their length.
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
    # Before modules are imported that use one of the clocks as a default argument.
    time.time = _shifted(time.time, shift)
    time.monotonic = _shifted(time.monotonic, shift)
    from facade.cli import main as facade  # noqa: PLC0415 -- see above

    facade()


if __name__ == "__main__":
    main()
