"""Exports over HTTP: the values of the graph, read by the tools that people have."""

import importlib.metadata
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = """
query Rows($start: Time!, $stop: Time!, $rooms: [ID!]!, $window: ReportWindow) {
  report(filter: {start: $start, stop: $stop, measurements: [room_occupancy], rooms: {eq: $rooms}}, window: $window) {
    rows { time window_start measurement field value building_id space_id room_id room_name }
  }
}
"""


def millis(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def rooms_of(sandbox: Any, count: int = 3) -> list[str]:
    return [room["id"] for room in sandbox.campus()["rooms"]][:count]


def get(facade: Any, path: str, token: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    answer: httpx.Response = facade.request("GET", path, headers=headers, **options)
    return answer


@pytest.mark.parametrize(
    ("every", "zone", "start", "stop"),
    [
        ("1h", "America/New_York", "2025-11-01T04:00:00Z", "2025-11-04T05:00:00Z"),
        ("6h", "Europe/Berlin", "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z"),
        ("1d", "Australia/Lord_Howe", "2026-04-02T13:00:00Z", "2026-04-06T13:30:00Z"),
        ("5m", "Asia/Kolkata", "2026-05-03T18:30:00Z", "2026-05-04T18:30:00Z"),
    ],
)
def test_values_equal_the_rows_of_the_graph(
    facade: Any, sandbox: Any, every: str, zone: str, start: str, stop: str
) -> None:
    rooms = rooms_of(sandbox)
    window = {"every": every, "function": "max", "timezone": zone}
    variables = {"start": start, "stop": stop, "rooms": rooms, "window": window}
    rows = facade.data(ROWS, variables, token=sandbox.login())["report"]["rows"]
    params = {
        "measurements": "room_occupancy",
        "start": start,
        "stop": stop,
        "every": every,
        "function": "max",
        "timezone": zone,
        "rooms": [",".join(rooms[:2]), *rooms[2:]],
    }
    answer = get(facade, "/export/report.arrow", sandbox.login(), params=params)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert table.schema.field("room_id").type == pa.dictionary(pa.int32(), pa.string())
    assert set(table["timezone"].to_pylist()) == {zone}
    names = ("measurement", "field", "value", "building_id", "space_id", "room_id", "room_name")
    times = [table[name].cast(pa.int64()).to_pylist() for name in ("time", "window_start")]
    exported = list(zip(*times, *(table[name].to_pylist() for name in names), strict=True))
    expected = [(millis(row["time"]), millis(row["window_start"]), *(row[name] for name in names)) for row in rows]
    assert rows
    assert sorted(exported, key=str) == sorted(expected, key=str)


def test_all_formats_hold_the_same(facade: Any, token: str, at_work: Callable[..., Any]) -> None:
    body = {
        "filter": {**at_work(minutes=30), "measurements": ["presence", "traffic"]},
        "window": {"every": "5m", "function": "max", "timezone": "UTC"},
        "options": {"format": "csv"},
    }
    answers = {}
    for media in (
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
        "text/csv",
        "application/x-ndjson",
    ):
        headers = {"Authorization": f"Bearer {token}", "Accept": f"text/html, {media};q=0.9"}
        answer = facade.request("POST", "/export/report", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(media)
        answers[media] = answer.content
    arrow, parquet, csv, ndjson = answers.values()
    table = pa.ipc.open_stream(arrow).read_all()
    assert table.num_rows > 100
    assert pq.read_table(io.BytesIO(parquet)).cast(table.schema).equals(table)
    lines = [json.loads(line) for line in ndjson.splitlines()]
    for line in lines:
        line["time"], line["window_start"] = (datetime.fromisoformat(line[name]) for name in ("time", "window_start"))
    assert lines == table.to_pylist()
    frame = pd.read_csv(io.BytesIO(csv))
    assert frame["value"].tolist() == table["value"].to_pylist()
    assert frame["sensor_id"].tolist() == table["sensor_id"].to_pylist()


@pytest.fixture
def settled(facade: Any, at_work: Callable[..., Any]) -> Callable[[str], str]:
    """The URL of a Parquet file of a span that does not change any more."""
    span = at_work(days=3, minutes=60)

    def url(extra: str = "") -> str:
        asked = f"measurements=room_occupancy&start={span['start']}&stop={span['stop']}&every=5m&function=max{extra}"
        return f"{facade.url}/export/report.parquet?{asked}"

    return url


def test_a_parquet_file_is_read_in_ranges(sandbox: Any, token: str, settled: Any, http: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    whole = http.get(settled(), headers=headers)
    calls = len(sandbox.calls(token))
    head = http.head(settled(), headers=headers)
    assert head.headers["content-length"] == str(len(whole.content)) == whole.headers["content-length"]
    assert head.headers["etag"] == whole.headers["etag"]
    last = http.get(settled(), headers={**headers, "Range": "bytes=-4", "If-Range": whole.headers["etag"]})
    assert (last.status_code, last.content) == (206, b"PAR1")
    same = http.get(settled(), headers={**headers, "If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert len(sandbox.calls(token)) == calls
    other = http.get(settled(), headers={"Authorization": f"Bearer {sandbox.login('other')}"})
    assert other.headers["etag"] != whole.headers["etag"]


def test_the_tools_read_the_url(token: str, settled: Any) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    frame = pd.read_parquet(settled(), storage_options=headers)
    assert len(frame) > 100
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    polars = pl.read_parquet(httpx.get(settled(), headers=headers, trust_env=False).content)
    assert polars["value"].to_list() == frame["value"].tolist()
    stream = httpx.get(settled().replace(".parquet", ".arrow"), headers=headers, trust_env=False).content
    assert pl.read_ipc_stream(stream)["room_id"].to_list() == frame["room_id"].tolist()
    with duckdb.connect() as connection:
        connection.execute("SET autoinstall_known_extensions = false")
        load_httpfs(connection)
        connection.execute(f"CREATE SECRET facade (TYPE http, BEARER_TOKEN '{token}')")
        total = connection.execute(f"SELECT count(*), sum(value) FROM read_parquet('{settled()}')").fetchone()
    assert total == (len(frame), frame["value"].sum())


def load_httpfs(connection: duckdb.DuckDBPyConnection) -> None:
    # The extension from PyPI, of the same version: DuckDB's own download is not needed.
    files = importlib.metadata.files("duckdb-extension-httpfs") or []
    path = next(file for file in files if file.name == "httpfs.duckdb_extension").locate()
    connection.execute(f"LOAD '{path}'")
