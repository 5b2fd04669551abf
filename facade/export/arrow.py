"""Tables as Arrow's IPC stream and as Parquet. Needs pyarrow, the extra `export`."""

from __future__ import annotations

import io
import math
import struct
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .runs import millis_of
from .schema import NO_TIME, ExportTable, Kind, RowRun, in_steps

# Rows of one batch: more than a piece of an export is thought to have.
ROWS_AT_ONCE = 40_000

_TYPES: dict[Kind, Any] = {
    Kind.TIME: pa.timestamp("ms", "UTC"),
    Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.dictionary(pa.int32(), pa.string()),
}


def arrow_schema(table: ExportTable) -> Any:
    return pa.schema([pa.field(field.name, _TYPES[field.kind]) for field in table.fields])


class _Sink(io.RawIOBase):
    """A file in memory. `take` returns and drops the bytes written since the last call."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._chunks.append(chunk)
        self._at += len(chunk)
        return len(chunk)

    def take(self) -> bytes:
        taken, self._chunks = b"".join(self._chunks), []
        return taken


class Batches:
    """Turns runs into record batches. Each column has one growing dictionary, so its indices stay valid."""

    def __init__(self, table: ExportTable) -> None:
        self.table = table
        self.schema = arrow_schema(table)
        self._dictionaries: dict[str, dict[str, int]] = {name: {} for name in table.texts}
        self._texts_of: dict[str, Any] = {}
        # Columns of which each run has the same index have the same array, and so have batches of the same lengths.
        self._indices: dict[tuple[int, ...], Any] = {}
        self._lengths: list[int] = []

    def batch(self, runs: Sequence[RowRun]) -> Any:
        lengths = [len(run) for run in runs]
        if lengths != self._lengths:
            self._lengths = lengths
            self._indices.clear()
        arrays = {}
        for at, name in enumerate(self.table.texts):
            arrays[name] = self._texts(name, [run.texts[at] for run in runs])
        for at, name in enumerate(self.table.times):
            arrays[name] = _numbers(Kind.TIME, [run.times[at] for run in runs])
        for at, name in enumerate(self.table.numbers):
            arrays[name] = _numbers(Kind.NUMBER, [run.numbers[at] for run in runs])
        return pa.record_batch([arrays[field.name] for field in self.table.fields], schema=self.schema)

    def _texts(self, name: str, texts: Sequence[str | None]) -> Any:
        dictionary = self._dictionaries[name]
        indices = tuple(-1 if text is None else dictionary.setdefault(text, len(dictionary)) for text in texts)
        made = self._indices.get(indices)
        if made is None:
            made = self._indices[indices] = _repeated(indices, self._lengths)
        known = self._texts_of.get(name)
        if known is None or len(known) != len(dictionary):
            known = self._texts_of[name] = _strings(dictionary)
        return pa.DictionaryArray.from_arrays(made, known, safe=False)


def _repeated(indices: Sequence[int], lengths: Sequence[int]) -> Any:
    """Each index as often as its run has rows. One below zero is null."""
    repeated = array("i")
    for index, length in zip(indices, lengths, strict=True):
        repeated.extend(array("i", [index]) * length)
    made = pa.Array.from_buffers(pa.int32(), len(repeated), [None, pa.py_buffer(repeated)])
    # Where there is none, 0: readers check the indices of nulls too.
    return _where(pc.greater_equal(made, 0), pc.max_element_wise(made, 0)) if min(indices, default=0) < 0 else made


def _strings(texts: Iterable[str]) -> Any:
    """The texts as an array. `pa.array` would import pandas, where that is installed."""
    encoded = [text.encode() for text in texts]
    offsets = array("i", [0, *accumulate(map(len, encoded))])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _numbers(kind: Kind, columns: Sequence[array[Any]]) -> Any:
    """Join times or numbers of several runs into one array; `NO_TIME` and NaN become null."""
    joined: array[Any] = array("q" if kind is Kind.TIME else "d")
    for column in columns:
        joined.extend(column)
    made = pa.Array.from_buffers(_TYPES[kind], len(joined), [None, pa.py_buffer(joined)])
    if kind is Kind.TIME:
        return _where(pc.not_equal(made.cast(pa.int64()), NO_TIME), made) if NO_TIME in joined else made
    return _where(pc.invert(pc.is_nan(made)), made) if math.isnan(sum(joined)) else made


def _where(valid: Any, values: Any) -> Any:
    """Return the values with nulls where `valid` is false. Nulls keep their bytes: equal rows make equal files."""
    return pa.Array.from_buffers(values.type, len(values), [valid.buffers()[1], values.buffers()[1]])


class _BatchWriter:
    """Writes a file of record batches, one for each part."""

    is_threaded: ClassVar[bool] = True

    def __init__(self, table: ExportTable) -> None:
        self._batches = Batches(table)
        self._sink = _Sink()
        self._writer = self._opened(self._sink, self._batches.schema)

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        raise NotImplementedError

    def begin(self) -> bytes:
        return self._sink.take()

    def write(self, runs: Sequence[RowRun]) -> Iterator[bytes]:
        for some in in_steps(runs, ROWS_AT_ONCE):
            self._writer.write_batch(self._batches.batch(some))
            yield self._sink.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.take()


class ArrowWriter(_BatchWriter):
    """Arrow's IPC stream, compressed with zstd, since the ids repeat."""

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        return pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- a stream has no place for it
        # The header of a message that does not follow. Readers accept a stream that ends between two messages.
        return struct.pack("<Ii", 0xFFFFFFFF, 4096)


class ParquetWriter(_BatchWriter):
    """Parquet, compressed with zstd, with one row group for each part. `end` writes the footer."""

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        return pq.ParquetWriter(sink, schema, compression="zstd")

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- readers refuse a file without a footer
        return b""


def table_of(columns: Mapping[str, Sequence[Any]], times: Collection[str] = ()) -> Any:
    """Return an Arrow table. `times` are the columns whose values are times, or lists of times, as text.

    A column with values of several types becomes a column of texts.
    """
    return pa.table({name: (_times if name in times else _array)(values) for name, values in columns.items()})


def _times(values: Sequence[Any]) -> Any:
    type_ = _TYPES[Kind.TIME]
    if any(isinstance(value, list) for value in values):
        return pa.array([None if value is None else list(map(_millis, value)) for value in values], pa.list_(type_))
    return pa.array(list(map(_millis, values)), type_)


def _millis(time: Any) -> int | None:
    millis = millis_of(time)
    return None if millis == NO_TIME else millis


def _array(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A column of more than one type.
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def written(table: Any, *, parquet: bool) -> bytes:
    """Return the bytes of a table as Parquet or as an Arrow stream."""
    sink = io.BytesIO()
    if parquet:
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()
