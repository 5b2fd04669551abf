"""The journal of an export to one file: the pieces read so far, from which the next run continues.

The first record names the account, each other record has the rows of one piece.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec
import orjson
import zstandard

from ..export.schema import RowRun
from .export_account import Account, refuse_another
from .failures import WrongUsage

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
    """A file of records. Each has a digest, by which an incomplete record is recognised and dropped."""

    def __init__(self, path: Path, account: Account) -> None:
        self._path = path
        self._account = account
        self._places: dict[bytes, tuple[int, int]] = {}
        self._file: BinaryIO = path.open("a+b")
        self._file.seek(0)
        end = 0
        while (record := self._next()) is not None:
            key, start, size = record
            self._places[key] = start, size
            end = start + size
        self._file.seek(end)
        self._file.truncate()
        place = self._places.pop(_ACCOUNT, None)
        self._is_signed = place is not None
        if place:
            recorded = orjson.loads(self._read(place))
            try:
                refuse_another(recorded, account, place=str(path), instead=f"Give another file, or remove {path}.")
            except WrongUsage:
                self._file.close()
                raise

    @classmethod
    def of(cls, file: Path, account: Account) -> Self:
        """Open the journal beside a file. Raises `WrongUsage` if it belongs to another account."""
        return cls(file.with_name(f".{file.name}.read"), account)

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
        kept = _decode(zstandard.decompress(self._read(place)))
        return [
            RowRun(
                tuple(run.texts),
                tuple(array("q", column) for column in run.times),
                tuple(array("d", column) for column in run.numbers),
            )
            for run in kept
        ]

    def keep(self, piece: ReportQuery, runs: Sequence[RowRun]) -> None:
        """Write the rows of a piece, and wait until they are on disk."""
        kept = [
            _Run(list(run.texts), [some.tobytes() for some in run.times], [some.tobytes() for some in run.numbers])
            for run in runs
        ]
        if not self._is_signed:
            self._write(_ACCOUNT, orjson.dumps(self._account))
            self._is_signed = True
        key = _key(piece)
        self._places[key] = self._write(key, zstandard.compress(_encode(kept), 1))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self, place: tuple[int, int]) -> bytes:
        self._file.seek(place[0])
        return self._file.read(place[1])

    def _write(self, key: bytes, content: bytes) -> tuple[int, int]:
        start = self._file.seek(0, os.SEEK_END) + _DIGEST + _DIGEST + _LENGTH
        self._file.write(b"".join((_digest(key + content), key, len(content).to_bytes(_LENGTH), content)))
        return start, len(content)

    def _next(self) -> tuple[bytes, int, int] | None:
        """Return the next record's key, start and length; None if there is no complete record."""
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


_ACCOUNT = _digest(b"account")
