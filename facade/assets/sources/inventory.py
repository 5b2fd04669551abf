"""`Inventory`: assets from a file that the operator writes."""

import asyncio
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import structlog

from ...auth import Caller
from ...upstream import ReadLog
from ..files.inventory_file import dangling, inventory_files, load_inventory
from ..files.located import InventoryError
from ..graph import Assets
from ..records import RECORD_TYPES
from ..token_probe import TokenProbe

log = structlog.get_logger(__name__)

# Modification time, size and inode of each file.
_Version = tuple[tuple[Path, int, int, int], ...]

# Seconds for which a client may keep data of the file, which rarely changes.
FRESH_FOR = 60.0


class Inventory:
    """The assets in a file or folder, read again when it changes.

    If a new version cannot be read, the previous one stays in use, and the log says so once.
    """

    name = "inventory"
    knows = frozenset(RECORD_TYPES)

    def __init__(
        self,
        path: Path | str,
        probe: TokenProbe,
        *,
        check_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file. Raises `InventoryError` with one line that says why it cannot be read.

        `check_every` is the least number of seconds between two checks for changes.
        """
        self.path = Path(path)
        self._probe = probe
        self._check_every = check_every
        self._clock = clock
        self._version = _version(self.path)
        self._assets = _read(self.path)
        self._checked_at = clock()
        self._check: asyncio.Task[None] | None = None

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        await self._probe.require(caller, read_log)
        now = self._clock()
        if now - self._checked_at >= self._check_every and (self._check is None or self._check.done()):
            self._checked_at = now
            self._check = asyncio.create_task(self._catch_up())
        if self._check is not None and not self._check.done():
            # Shared by all waiters, so that the cancellation of one does not end it.
            await asyncio.shield(self._check)
        read_log.local(FRESH_FOR)
        return self._assets

    async def _catch_up(self) -> None:
        # In a thread, since a large file takes a second, and a network file system may take any time.
        version = await asyncio.to_thread(_version, self.path)
        if version == self._version:
            return
        self._version = version
        try:
            self._assets = await asyncio.to_thread(_read, self.path)
        except InventoryError as exc:
            log.warning("inventory not read again, the version before stays", error=str(exc))
        else:
            log.info("inventory read again", path=str(self.path))


def _read(path: Path) -> Assets:
    assets = load_inventory(path)
    if unknown := list(dangling(assets)):
        log.warning(
            "inventory refers to what is not in it",
            path=str(path),
            count=len(unknown),
            examples=list(islice(unknown, 3)),
        )
    return assets


def _version(path: Path) -> _Version:
    """Return what identifies a version of the files. Empty if there are none."""
    try:
        stats = [(file, file.stat()) for file in inventory_files(path)]
    except (OSError, InventoryError):
        return ()
    return tuple((file, stat.st_mtime_ns, stat.st_size, stat.st_ino) for file, stat in stats)
