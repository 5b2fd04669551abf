"""Encodes tables part by part: as CSV and NDJSON, and, with pyarrow, as an Arrow stream and Parquet."""

from __future__ import annotations

import asyncio
import csv
import io
import math
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Protocol

import orjson

from ..spreadsheets import unformulated
from .schema import ExportTable, Kind, RowRun, in_steps, texts_of_times

# Rows that are written as text in one step on the event loop.
ROWS_AT_ONCE = 2000


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

    is_threaded: ClassVar[bool]
    """Whether `write` takes long without the GIL, so that a thread of its own is of use."""

    def begin(self) -> bytes: ...

    def write(self, runs: Sequence[RowRun]) -> Iterator[bytes]:
        """Yield the bytes of the rows. What is done for one of them is a step of some milliseconds."""

    def end(self) -> bytes: ...

    def fail(self, code: str, message: str) -> bytes:
        """Return the last bytes after an error, which make readers refuse the file."""


async def written(writer: Writer, runs: Sequence[RowRun]) -> AsyncIterator[bytes]:
    """Yield what `write` does, with turns for other tasks of the event loop."""
    chunks = writer.write(runs)
    while True:
        chunk = await asyncio.to_thread(next, chunks, None) if writer.is_threaded else next(chunks, None)
        if chunk is None:
            return
        yield chunk
        await asyncio.sleep(0)


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


class _LineWriter:
    """A line a row. Of the rows of a run all cells but times and numbers are equal, and written once."""

    is_threaded: ClassVar[bool] = False

    def __init__(self, table: ExportTable) -> None:
        self._table = table
        self._own = [field for field in table.fields if field.kind is not Kind.TEXT]

    def write(self, runs: Sequence[RowRun]) -> Iterator[bytes]:
        for some in in_steps(runs, ROWS_AT_ONCE):
            yield "".join(line for run in some for line in self._lines(run)).encode()

    def end(self) -> bytes:
        return b""

    def _lines(self, run: RowRun) -> Iterator[str]:
        table = self._table
        texts = dict(zip(table.texts, run.texts, strict=True))
        cells = [
            self._text(texts[field.name]).replace("%", "%%") if field.kind is Kind.TEXT else "%s"
            for field in table.fields
        ]
        times = zip(table.times, map(self._times, run.times), strict=True)
        numbers = zip(table.numbers, map(self._numbers, run.numbers), strict=True)
        columns = {**dict(times), **dict(numbers)}
        return map(self._line(cells).__mod__, zip(*(columns[field.name] for field in self._own), strict=True))

    def _line(self, cells: Sequence[str]) -> str:
        raise NotImplementedError

    def _text(self, text: str | None) -> str:
        raise NotImplementedError

    def _times(self, times: array[int]) -> Sequence[str]:
        raise NotImplementedError

    def _numbers(self, numbers: array[float]) -> Sequence[str]:
        raise NotImplementedError


class CsvWriter(_LineWriter):
    """As RFC 4180 has it, in UTF-8, with a header. Nothing is an empty cell."""

    def begin(self) -> bytes:
        return (",".join(field.name for field in self._table.fields) + "\r\n").encode()

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- CSV has no place for it
        # An unclosed quote, which readers refuse.
        return b'"'

    def _line(self, cells: Sequence[str]) -> str:
        return ",".join(cells) + "\r\n"

    def _text(self, text: str | None) -> str:
        return _csv_cell(text)

    def _times(self, times: array[int]) -> Sequence[str]:
        return [time or "" for time in texts_of_times(times)]

    def _numbers(self, numbers: array[float]) -> Sequence[str]:
        return ["" if math.isnan(number) else repr(number) for number in numbers]


@lru_cache(maxsize=4096)
def _csv_cell(text: str | None) -> str:
    written = io.StringIO(newline="")
    # Alone in its row an empty cell would be quoted.
    csv.writer(written).writerow((unformulated(text), None))
    return written.getvalue().removesuffix(",\r\n")


class NdjsonWriter(_LineWriter):
    """A JSON object a line."""

    def begin(self) -> bytes:
        return b""

    def fail(self, code: str, message: str) -> bytes:
        # Without the newline, so that the last line is incomplete.
        return orjson.dumps({"error": {"code": code, "message": message}})[:-1]

    def _line(self, cells: Sequence[str]) -> str:
        members = (f'"{field.name}":{cell}' for field, cell in zip(self._table.fields, cells, strict=True))
        return "{" + ",".join(members) + "}\n"

    def _text(self, text: str | None) -> str:
        return orjson.dumps(text).decode()

    def _times(self, times: array[int]) -> Sequence[str]:
        return ["null" if time is None else f'"{time}"' for time in texts_of_times(times)]

    def _numbers(self, numbers: array[float]) -> Sequence[str]:
        # NaN is written as null.
        return orjson.dumps(numbers.tolist()).decode()[1:-1].split(",")
