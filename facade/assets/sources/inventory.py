"""`Inventory`: assets from a file that whoever runs the facade writes."""

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
from ..token_probe import Proof

log = structlog.get_logger(__name__)

# Modification time, size and inode of each file.
_Version = tuple[tuple[Path, int, int, int], ...]

# Seconds for which a client may keep what it was told of the file. It changes seldom, and by hand.
FRESH_FOR = 60.0


class Inventory:
    """The assets in a file or folder, read again when it changes.

    A version that cannot be read leaves the one before in place, and says so in the log, once.
    """

    name = "inventory"
    knows = frozenset(RECORD_TYPES)

    def __init__(
        self,
        path: Path | str,
        proof: Proof,
        *,
        check_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads the file. Raises `InventoryError` where it cannot be read, one line that says why.

        `check_every`: seconds in which the file is looked at but once.
        """
        self.path = Path(path)
        self._proof = proof
        self._check_every = check_every
        self._clock = clock
        self._version = _version(self.path)
        self._assets = _read(self.path)
        self._checked_at = clock()
        self._check: asyncio.Task[None] | None = None

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        await self._proof.require(caller, read_log)
        now = self._clock()
        if now - self._checked_at >= self._check_every and (self._check is None or self._check.done()):
            self._checked_at = now
            self._check = asyncio.create_task(self._catch_up())
        if self._check is not None and not self._check.done():
            # Shared by all who wait: one's going away must not end it.
            await asyncio.shield(self._check)
        read_log.local(FRESH_FOR)
        return self._assets

    async def _catch_up(self) -> None:
        # In a thread: a large file takes a second, and a file system across the network any time.
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
    """What tells one version of the files from another. Empty for what is not there."""
    try:
        stats = [(file, file.stat()) for file in inventory_files(path)]
    except (OSError, InventoryError):
        return ()
    return tuple((file, stat.st_mtime_ns, stat.st_size, stat.st_ino) for file, stat in stats)
