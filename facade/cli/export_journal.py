"""What an export to one file has read so far, beside the file: a run that was killed is gone on with from there."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec
import zstandard

from ..export.schema import RowRun

if TYPE_CHECKING:
    from ..series import ReportQuery

_DIGEST = 16
_LENGTH = 8


class _Run(msgspec.Struct, array_like=True):
    texts: list[str | None]
    times: list[bytes]
    numbers: list[bytes]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Run]).decode


class Journal:
    """A file of records, each the rows of one piece with a digest: one that was cut is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, tuple[int, int]] = {}
        self._file: BinaryIO = path.open("a+b")
        self._file.seek(0)
        end = 0
        while (place := self._next()) is not None:
            key, start, size = place
            self._places[key] = start, size
            end = start + size
        self._file.seek(end)
        self._file.truncate()

    @classmethod
    def of(cls, file: Path) -> Self:
        """The one beside a file."""
        return cls(file.with_name(f".{file.name}.read"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._places:
            self.remove()

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def has(self, piece: ReportQuery) -> bool:
        return _key(piece) in self._places

    def runs(self, piece: ReportQuery) -> list[RowRun] | None:
        place = self._places.get(_key(piece))
        if place is None:
            return None
        self._file.seek(place[0])
        kept = _decode(zstandard.decompress(self._file.read(place[1])))
        return [
            RowRun(
                tuple(run.texts),
                tuple(array("q", column) for column in run.times),
                tuple(array("d", column) for column in run.numbers),
            )
            for run in kept
        ]

    def keep(self, piece: ReportQuery, runs: Sequence[RowRun]) -> None:
        """Write the rows of a piece down, and wait until they are on disk."""
        kept = [
            _Run(list(run.texts), [some.tobytes() for some in run.times], [some.tobytes() for some in run.numbers])
            for run in runs
        ]
        packed = zstandard.compress(_encode(kept), 1)
        key = _key(piece)
        start = self._file.seek(0, os.SEEK_END) + _DIGEST + _DIGEST + _LENGTH
        self._file.write(b"".join((_digest(key + packed), key, len(packed).to_bytes(_LENGTH), packed)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._places[key] = start, len(packed)

    def _next(self) -> tuple[bytes, int, int] | None:
        """Key and place of the next record; None where there is no whole one."""
        digest, key = self._file.read(_DIGEST), self._file.read(_DIGEST)
        size = int.from_bytes(self._file.read(_LENGTH))
        start = self._file.tell()
        if size == 0 or size > os.fstat(self._file.fileno()).st_size - start:
            return None
        return (key, start, size) if _digest(key + self._file.read(size)) == digest else None


def _key(piece: ReportQuery) -> bytes:
    return _digest(piece.key)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST).digest()
