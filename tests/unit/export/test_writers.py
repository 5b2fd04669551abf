"""Formats: the same rows in each."""

import csv
import io
import math
import subprocess
import sys
from array import array
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facade.cli.export import ExportFormat as Offered
from facade.export.arrow import ROWS_AT_ONCE as ROWS_OF_A_BATCH
from facade.export.schema import DETECTIONS, NO_TIME, REPORT, RowRun, in_steps, rows_in
from facade.export.writers import ROWS_AT_ONCE as ROWS_OF_TEXT
from facade.export.writers import Format, writer_for


def run(sensor: str | None, *values: float) -> RowRun:
    texts = tuple(sensor if name == "mac_address" else None for name in DETECTIONS.texts)
    times = array("q", [1_700_000_000_000 + at for at in range(len(values))])
    return RowRun(texts, (times, array("q", [NO_TIME]) * len(values)), (array("d", values), array("d", values)))


RUNS = [[run("a", 1.5, math.nan), run(None, 2.0)], [], [run("=b", -3.0), run("a", 4.0)]]
ROWS = [("a", 1.5), ("a", None), (None, 2.0), ("=b", -3.0), ("a", 4.0)]


def file_of(format_: Format) -> bytes:
    writer = writer_for(format_, DETECTIONS)
    return b"".join([writer.begin(), *(chunk for runs in RUNS for chunk in writer.write(runs)), writer.end()])


def test_each_format_has_the_same_rows() -> None:
    stream = pa.ipc.open_stream(file_of(Format.arrow)).read_all().to_pylist()
    assert [(row["mac_address"], row["x"]) for row in stream] == ROWS
    lines = [orjson.loads(line) for line in file_of(Format.ndjson).splitlines()]
    assert [(line["mac_address"], line["y"]) for line in lines] == ROWS
    assert {line["window_start"] for line in lines} == {None}
    cells = list(csv.DictReader(io.StringIO(file_of(Format.csv).decode())))
    assert [cell["mac_address"] for cell in cells] == ["a", "a", "", "'=b", "a"]
    assert [cell["x"] for cell in cells] == ["1.5", "", "2.0", "-3.0", "4.0"]


def test_an_arrow_stream_that_failed_between_two_batches_is_not_whole() -> None:
    writer = writer_for(Format.arrow, DETECTIONS)
    stream = b"".join([writer.begin(), *writer.write(RUNS[0])])
    assert pa.ipc.open_stream(stream).read_all().num_rows == 3
    with pytest.raises((pa.ArrowInvalid, OSError)):
        pa.ipc.open_stream(stream + writer.fail("UPSTREAM_TIMEOUT", "too long")).read_all()


def test_the_command_offers_the_formats_there_are() -> None:
    assert [*Offered] == [*Format]


def test_without_pyarrow_the_rest_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from facade.export import REPORT, Format, NeedsPyarrow, writer_for\n"
        "writer_for(Format.csv, REPORT), writer_for(Format.ndjson, REPORT)\n"
        "try: writer_for(Format.parquet, REPORT)\n"
        "except NeedsPyarrow as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "butlr-graphql-facade[export]" in done.stdout


def test_the_docs_name_every_column() -> None:
    text = (Path(__file__).parents[3] / "docs/exporting.md").read_text()
    for table in (REPORT, DETECTIONS):
        assert [field.name for field in table.fields if f"`{field.name}`" not in text] == []


def test_nulls_of_arrow_are_what_strict_readers_take() -> None:
    frame = pl.read_ipc_stream(io.BytesIO(file_of(Format.arrow)))
    assert list(zip(frame["mac_address"], frame["x"], strict=True)) == ROWS
    assert file_of(Format.arrow) == file_of(Format.arrow)


def xs_of(format_: Format, whole: bytes) -> list[float]:
    match format_:
        case Format.csv:
            return [float(row["x"]) for row in csv.DictReader(io.StringIO(whole.decode()))]
        case Format.ndjson:
            return [orjson.loads(line)["x"] for line in whole.splitlines()]
        case Format.arrow:
            return pa.ipc.open_stream(whole).read_all()["x"].to_pylist()
    return pq.read_table(io.BytesIO(whole))["x"].to_pylist()


@pytest.mark.parametrize("format_", Format)
def test_no_step_of_a_writer_is_of_many_rows(format_: Format) -> None:
    """However many rows a part has, and in however many runs."""
    rows = 2 * ROWS_OF_A_BATCH + 7
    for runs in ([run("a", *range(rows))], [run(str(at % 9), at, at) for at in range(rows // 20)]):
        most = ROWS_OF_A_BATCH if format_ in (Format.arrow, Format.parquet) else ROWS_OF_TEXT
        steps = [*in_steps(runs, most)]
        assert all(most <= rows_in(some) < 2 * most for some in steps[:-1])
        assert rows_in(steps[-1]) < 2 * most
        writer = writer_for(format_, DETECTIONS)
        chunks = [*writer.write(runs)]
        assert len(chunks) == len(steps)
        whole = b"".join([writer.begin(), *chunks, writer.end()])
        values = xs_of(format_, whole)
        assert values == [value for one in runs for value in one.numbers[0]]


def test_cells_of_any_text_are_read_back() -> None:
    texts = ["50 % of %s", 'say "hi"', "two\nlines", "a,b", "", "ä"]
    runs = [run(text, 1e16, -0.1) for text in texts]
    for format_, read in (
        (Format.csv, lambda text: [*csv.DictReader(io.StringIO(text, newline=""))]),
        (Format.ndjson, lambda text: [orjson.loads(line) for line in text.splitlines()]),
    ):
        writer = writer_for(format_, DETECTIONS)
        rows = read(b"".join([writer.begin(), *writer.write(runs)]).decode())
        assert [row["mac_address"] for row in rows] == [text for text in texts for _ in range(2)]
        assert [float(row["x"]) for row in rows] == [1e16, -0.1] * len(texts)
