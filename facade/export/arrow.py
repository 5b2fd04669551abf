"""Tables as Arrow's IPC stream and as Parquet. Needs pyarrow, the extra `export`."""

from __future__ import annotations

import io
import math
import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .schema import NO_TIME, ExportTable, Kind, RowRun

_TYPES: dict[Kind, Any] = {
    Kind.TIME: pa.timestamp("ms", "UTC"),
    Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.dictionary(pa.int32(), pa.string()),
}


def arrow_schema(table: ExportTable) -> Any:
    return pa.schema([pa.field(field.name, _TYPES[field.kind]) for field in table.fields])


class _Sink(io.RawIOBase):
    """Holds what was written since it was last taken."""

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
    """Runs as record batches. One dictionary a column, which grows: an index means the same text in all batches."""

    def __init__(self, table: ExportTable) -> None:
        self.table = table
        self.schema = arrow_schema(table)
        self._dictionaries: dict[str, dict[str, int]] = {name: {} for name in table.texts}

    def batch(self, runs: Sequence[RowRun]) -> Any:
        lengths = [len(run) for run in runs]
        arrays = {}
        for at, name in enumerate(self.table.texts):
            arrays[name] = self._texts(name, [run.texts[at] for run in runs], lengths)
        for at, name in enumerate(self.table.times):
            arrays[name] = _numbers(Kind.TIME, [run.times[at] for run in runs])
        for at, name in enumerate(self.table.numbers):
            arrays[name] = _numbers(Kind.NUMBER, [run.numbers[at] for run in runs])
        return pa.record_batch([arrays[field.name] for field in self.table.fields], schema=self.schema)

    def _texts(self, name: str, texts: Sequence[str | None], lengths: Sequence[int]) -> Any:
        dictionary = self._dictionaries[name]
        indices = array("i")
        for text, length in zip(texts, lengths, strict=True):
            index = -1 if text is None else dictionary.setdefault(text, len(dictionary))
            indices.extend(array("i", [index]) * length)
        made = pa.Array.from_buffers(pa.int32(), len(indices), [None, pa.py_buffer(indices)])
        if None in texts:
            # Where there is none, 0: readers check the indices of nulls too.
            made = _where(pc.greater_equal(made, 0), pc.max_element_wise(made, 0))
        return pa.DictionaryArray.from_arrays(made, pa.array(list(dictionary), pa.string()))


def _numbers(kind: Kind, columns: Sequence[array[Any]]) -> Any:
    """Times or numbers of several runs as one array; what stands for none is null."""
    joined: array[Any] = array("q" if kind is Kind.TIME else "d")
    for column in columns:
        joined.extend(column)
    made = pa.Array.from_buffers(_TYPES[kind], len(joined), [None, pa.py_buffer(joined)])
    if kind is Kind.TIME:
        return _where(pc.not_equal(made.cast(pa.int64()), NO_TIME), made) if NO_TIME in joined else made
    return _where(pc.invert(pc.is_nan(made)), made) if math.isnan(sum(joined)) else made


def _where(valid: Any, values: Any) -> Any:
    """The values, null where they are not valid. Of nulls too the bytes are told: equal rows are equal files."""
    return pa.Array.from_buffers(values.type, len(values), [valid.buffers()[1], values.buffers()[1]])


class _BatchWriter:
    """A file of record batches, one a part."""

    def __init__(self, table: ExportTable) -> None:
        self._batches = Batches(table)
        self._sink = _Sink()
        self._writer = self._opened(self._sink, self._batches.schema)

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        raise NotImplementedError

    def begin(self) -> bytes:
        return self._sink.take()

    def write(self, runs: Sequence[RowRun]) -> bytes:
        if any(map(len, runs)):
            self._writer.write_batch(self._batches.batch(runs))
        return self._sink.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.take()


class ArrowWriter(_BatchWriter):
    """Arrow's IPC stream; compressed with zstd, since ids are the same over and over."""

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        return pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- a stream has no place for it
        # A message that is announced and does not come: a stream that merely stops between two is taken for whole.
        return struct.pack("<Ii", 0xFFFFFFFF, 4096)


class ParquetWriter(_BatchWriter):
    """Parquet, a row group a part; compressed with zstd. The footer comes with `end`."""

    def _opened(self, sink: _Sink, schema: Any) -> Any:
        return pq.ParquetWriter(sink, schema, compression="zstd")

    def fail(self, code: str, message: str) -> bytes:  # noqa: ARG002 -- without a footer nobody reads it
        return b""


def table_of(columns: Mapping[str, Sequence[Any]]) -> Any:
    """A table of whatever the columns hold."""
    return pa.table({name: _array(values) for name, values in columns.items()})


def _array(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A column of more than one type.
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def written(table: Any, *, parquet: bool) -> bytes:
    """A table as a file of Parquet or as Arrow's stream."""
    sink = io.BytesIO()
    if parquet:
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()
