"""Encodes tables part by part: as CSV and NDJSON, and, with pyarrow, as an Arrow stream and Parquet."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import repeat
from typing import Any, Protocol

import orjson

from ..spreadsheets import unformulated
from .schema import ExportTable, RowRun, texts_of_times


class Format(StrEnum):
    parquet = "parquet"
    arrow = "arrow"
    csv = "csv"
    ndjson = "ndjson"


MEDIA_TYPES = {
    Format.csv: "text/csv",
    Format.ndjson: "application/x-ndjson",
    Format.arrow: "application/vnd.apache.arrow.stream",
    Format.parquet: "application/vnd.apache.parquet",
}


class NeedsPyarrow(Exception):  # noqa: N818 -- named as it is
    """The format needs pyarrow, which is not installed. The message may be shown to clients."""

    def __init__(self, format_: Format) -> None:
        super().__init__(
            f"{format_.value} needs pyarrow: pip install 'butlr-graphql-facade[export]'. csv and ndjson do not need it."
        )


class Writer(Protocol):
    """Writes one file. Readers must not accept it as complete before `end`."""

    def begin(self) -> bytes: ...

    def write(self, runs: Sequence[RowRun]) -> bytes: ...

    def end(self) -> bytes: ...

    def fail(self, code: str, message: str) -> bytes:
        """Return the last bytes after an error, which make readers refuse the file."""


def writer_for(format_: Format, table: ExportTable) -> Writer:
    """Return a writer of the format. Raises `NeedsPyarrow`."""
    if format_ is Format.csv:
        return CsvWriter(table)
    if format_ is Format.ndjson:
        return NdjsonWriter(table)
    try:
        from .arrow import ArrowWriter, ParquetWriter  # noqa: PLC0415 -- pyarrow is an extra
    except ImportError as exc:
        raise NeedsPyarrow(format_) from exc
    return ArrowWriter(table) if format_ is Format.arrow else ParquetWriter(table)


class CsvWriter:
    """CSV by RFC 4180 in UTF-8, with a header. A missing value is an empty cell."""

    def __init__(self, table: ExportTable) -> None:
        self._table = table

    def begin(self) -> bytes:
        return (",".join(field.name for field in self._table.fields) + "\r\n").encode()

    def write(self, runs: Sequence[RowRun]) -> bytes:
        written = io.StringIO(newline="")
        writer = csv.writer(written)
        for run in runs:
            writer.writerows(zip(*_columns(self._table, run, unformulated), strict=False))
        return written.getvalue().encode()

    def end(self) -> bytes:
        return b""

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- CSV has no place for it
        # An unclosed quote, which readers refuse.
        return b'"'


class NdjsonWriter:
    """NDJSON: one JSON object on each line."""

    def __init__(self, table: ExportTable) -> None:
        self._table = table
        self._names = [field.name for field in table.fields]

    def begin(self) -> bytes:
        return b""

    def write(self, runs: Sequence[RowRun]) -> bytes:
        names = self._names
        lines = [
            orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for run in runs
            for row in zip(*_columns(self._table, run, lambda text: text), strict=False)
        ]
        return b"".join(lines)

    def end(self) -> bytes:
        return b""

    def fail(self, code: str, message: str) -> bytes:
        # Without the newline, so that the last line is incomplete.
        return orjson.dumps({"error": {"code": code, "message": message}})[:-1]


def _columns(table: ExportTable, run: RowRun, shown: Any) -> Iterable[Iterable[Any]]:
    """Return the columns of a run in the order of the table. Columns of texts are endless: one text repeated."""
    made: dict[str, Iterable[Any]] = {}
    for name, text in zip(table.texts, run.texts, strict=True):
        made[name] = repeat(shown(text))
    for name, times in zip(table.times, run.times, strict=True):
        made[name] = texts_of_times(times)
    for name, numbers in zip(table.numbers, run.numbers, strict=True):
        made[name] = _numbers(numbers)
    return [made[field.name] for field in table.fields]


def _numbers(numbers: array[float]) -> list[float | None]:
    values: list[float | None] = numbers.tolist()  # type: ignore[assignment]
    if numbers and math.isnan(sum(numbers)):
        return [None if value is None or math.isnan(value) else value for value in values]
    return values
