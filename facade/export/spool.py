"""Files on disk for readers that ask for ranges: kept for minutes, bounded in bytes, and each written only once."""

from __future__ import annotations

import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ..cache import SingleFlight

# Seconds for which a file is kept, since a reader asks for its ranges one after another.
KEPT_FOR = 600.0
KEPT_FOR_UNSETTLED = 60.0


class SpoolFull(Exception):  # noqa: N818 -- named for what happened
    """A file would be larger than the spool. The message may be shown to clients."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The file would be larger than {most:,} bytes. Ask for a shorter span, "
            "or use `facade export`, which writes a file a day."
        )


@dataclass(slots=True)
class Facts:
    """What is known about a complete file. Times are epoch seconds."""

    span: str = ""
    is_settled: bool = True
    as_of: float | None = None
    proven: float | None = None


@dataclass(slots=True)
class Spooled:
    """One file. A dropped file is removed once its last reader has released it."""

    path: Path
    size: int = 0
    etag: str = ""
    facts: Facts = field(default_factory=Facts)
    until: float = 0.0
    readers: int = 0
    is_taken: bool = False
    is_dropped: bool = False

    def release(self) -> None:
        self.readers -= 1
        self._remove_unread()

    def drop(self) -> None:
        self.is_dropped = True
        self._remove_unread()

    def _remove_unread(self) -> None:
        if self.is_dropped and self.readers <= 0:
            self.path.unlink(missing_ok=True)


Build = Callable[[Facts], AsyncGenerator[bytes]]


class Spool:
    def __init__(self, most_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_bytes
        self._clock = clock
        self._files: OrderedDict[str, Spooled] = OrderedDict()
        self._flights = SingleFlight()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def aclose(self) -> None:
        await self._flights.aclose()
        self._files.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def find(self, key: str, may_read: Callable[[Facts], bool]) -> Spooled | None:
        """Return a kept file that passes `may_read`, or None. The caller must `release` it."""
        self._expire()
        spooled = self._files.get(key)
        if spooled is None or not may_read(spooled.facts):
            return None
        self._files.move_to_end(key)
        spooled.readers += 1
        return spooled

    async def make(self, key: str, build: Build) -> Spooled:
        """Write a file and keep it. The caller must `release` it. Raises `SpoolFull` and what `build` raises."""
        spooled = await self._flights.run(key, lambda: self._write(key, build))
        spooled.readers += 1
        spooled.is_taken = True
        return spooled

    async def _write(self, key: str, build: Build) -> Spooled:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="facade-export-")
        digest = sha256()
        with tempfile.NamedTemporaryFile(dir=self._folder.name, delete=False) as file:
            path = Path(file.name)
            spooled = Spooled(path)
            try:
                async with aclosing(build(spooled.facts)) as chunks:
                    async for chunk in chunks:
                        spooled.size += len(chunk)
                        self._check(spooled)
                        digest.update(chunk)
                        file.write(chunk)
            except BaseException:
                spooled.drop()
                raise
        kept_for = KEPT_FOR if spooled.facts.is_settled else KEPT_FOR_UNSETTLED
        spooled.etag = f'"{digest.hexdigest()[:32]}"'
        spooled.until = self._clock() + kept_for
        if (old := self._files.pop(key, None)) is not None:
            old.drop()
        self._files[key] = spooled
        self._shrink(but=spooled)
        return spooled

    def _check(self, spooled: Spooled) -> None:
        if spooled.size > self._most:
            raise SpoolFull(self._most)

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, file in self._files.items() if file.until <= now]:
            self._files.pop(key).drop()

    def _shrink(self, but: Spooled) -> None:
        others = [(key, file) for key, file in self._files.items() if file is not but]
        for key, file in others:
            if sum(kept.size for kept in self._files.values()) <= self._most:
                return
            # Callers that wait for a new file become its readers only in the next turn of the event loop.
            if file.is_taken:
                self._files.pop(key).drop()
