"""Exports over HTTP: they have the values of the graph, and can be read by common tools."""

import importlib.metadata
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import fsspec
import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facade.cli.app import run as command
from facade.client import AsyncFacade, Facade, FacadeError
from facade.export import MEDIA_TYPES

from .conftest import REPORTING, Reply

ROWS = """
query Rows($start: Time!, $stop: Time!, $rooms: [ID!]!, $window: ReportWindow, $measurements: [Measurement!]) {
  report(filter: {start: $start, stop: $stop, measurements: $measurements, rooms: {eq: $rooms}}, window: $window) {
    rows { time window_start measurement field value building_id space_id room_id room_name sensor_id mac_address }
  }
}
"""
NAMES = (
    "measurement", "field", "value", "building_id", "space_id", "room_id", "room_name", "sensor_id", "mac_address",
)  # fmt: skip


def millis(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def rooms_of(sandbox: Any, count: int = 3) -> list[str]:
    return [room["id"] for room in sandbox.campus()["rooms"]][:count]


def get(facade: Any, path: str, token: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    answer: httpx.Response = facade.request("GET", path, headers=headers, **options)
    return answer


# Days on which clocks change in some of the zones, and such on which they do not.
DAYS = [datetime(2025, 11, 1), datetime(2026, 3, 28), datetime(2026, 4, 4), datetime(2026, 5, 4)]  # noqa: DTZ001
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    day=st.sampled_from(DAYS),
    days=st.sampled_from([1, 3]),
    zone=st.sampled_from(ZONES),
    every=st.sampled_from(["15m", "1h", "6h", "1d"]),
    function=st.sampled_from(["max", "mean", "first"]),
    measurements=st.sampled_from([["room_occupancy"], ["presence", "traffic"]]),
    # From within a window it is one call, and rows of parts of windows.
    minutes=st.sampled_from([0, 0, 7]),
)
@example(DAYS[0], 3, "America/New_York", "1h", "max", ["room_occupancy"], 0)
@example(DAYS[1], 3, "Europe/Berlin", "6h", "max", ["room_occupancy"], 0)
@example(DAYS[2], 3, "Australia/Lord_Howe", "1d", "max", ["room_occupancy"], 0)
def test_values_equal_the_rows_of_the_graph(
    facade: Any,
    sandbox: Any,
    day: datetime,
    days: int,
    zone: str,
    every: str,
    function: str,
    measurements: list[str],
    minutes: int,
) -> None:
    start = day.replace(tzinfo=ZoneInfo(zone)) + timedelta(minutes=minutes)
    span = {"start": start.isoformat(), "stop": (day + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)).isoformat()}
    rooms = rooms_of(sandbox)
    window = {"every": every, "function": function, "timezone": zone}
    variables = {**span, "rooms": rooms, "window": window, "measurements": measurements}
    rows = facade.data(ROWS, variables, token=sandbox.login())["report"]["rows"]
    params = {**span, **window, "measurements": measurements, "rooms": [",".join(rooms[:2]), *rooms[2:]]}
    answer = get(facade, "/export/report.arrow", sandbox.login(), params=params)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert table.schema.field("room_id").type == pa.dictionary(pa.int32(), pa.string())
    assert set(table["timezone"].to_pylist()) <= {zone}
    times = [table[name].cast(pa.int64()).to_pylist() for name in ("time", "window_start")]
    exported = list(zip(*times, *(table[name].to_pylist() for name in NAMES), strict=True))
    expected = [(millis(row["time"]), millis(row["window_start"]), *(row[name] for name in NAMES)) for row in rows]
    assert sorted(exported, key=str) == sorted(expected, key=str)


def test_times_of_a_query_as_a_table_are_those_of_the_export(
    facade: Any,
    sandbox: Any,
    token: str,
    at_work: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    span, rooms = at_work(minutes=30), rooms_of(sandbox)
    window = {"every": "5m", "function": "max", "timezone": "Asia/Kolkata"}
    asked = {**span, "rooms": rooms, "window": window, "measurements": ["presence", "traffic"]}
    params = {**span, **window, "rooms": rooms, "measurements": asked["measurements"]}
    exported = pa.ipc.open_stream(get(facade, "/export/report.arrow", token, params=params).content).read_all()
    document = tmp_path / "rows.graphql"
    monkeypatch.setenv("BUTLR_TOKEN", token)
    series = ROWS.replace("rows {", "series { times values } rows {", 1)
    for text, path, names in ((ROWS, [], ["time", "window_start"]), (series, ["--path", "report.series"], ["time"])):
        document.write_text(text)
        for format_, read in (("arrow", lambda file: pa.ipc.open_stream(file).read_all()), ("parquet", pq.read_table)):
            options = ["--url", facade.url, "--variables", json.dumps(asked), "--format", format_, *path]
            assert command(["query", str(document), *options]) == 0
            table = read(io.BytesIO(capfdbinary.readouterr().out))
            for name in names:
                assert table.schema.field(name).type == exported.schema.field(name).type == pa.timestamp("ms", "UTC")
            assert table.num_rows > 20
            columns = [*names, "value"]
            assert sorted(map(str, table.select(columns).to_pylist())) == sorted(
                map(str, exported.select(columns).to_pylist())
            )


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
    metrics = facade.request("GET", "/metrics").text
    for format_, content in zip(("arrow", "parquet", "csv", "ndjson"), answers.values(), strict=True):
        assert f'facade_exports_total{{format="{format_}",outcome="ok"}}' in metrics
        counts = dict(re.findall(rf'facade_export_(\w+)_total{{format="{format_}"}} (\S+)', metrics))
        assert float(counts["rows"]) >= table.num_rows
        assert float(counts["bytes"]) >= len(content)
        assert "calls" in counts


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
    # By ranges of the file, with the token: polars and pyarrow send none by themselves.
    files = fsspec.filesystem("http", client_kwargs={"headers": headers, "trust_env": False})
    with files.open(settled(), block_size=4096) as file:
        assert file.size == int(httpx.head(settled(), headers=headers, trust_env=False).headers["Content-Length"])
        assert pq.read_table(file, columns=["value"])["value"].to_pylist() == frame["value"].tolist()
    with files.open(settled(), block_size=4096) as file:
        assert pl.read_parquet(file)["value"].to_list() == frame["value"].tolist()
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


def test_a_client_of_the_package_gives_what_libraries_take(
    facade: Any, token: str, at_work: Callable[..., Any]
) -> None:
    asked = {**at_work(minutes=30), "measurements": ["room_occupancy"], "every": "5m", "function": "max"}
    with Facade(facade.url, token) as client:
        rows = client.report(**asked)
        empty = client.report(**{**asked, "rooms": ["room_nowhere"]})
        with pytest.raises(FacadeError, match="no parameter colour") as refused:
            client.report(**asked, colour="red")
    assert refused.value.status == 400
    assert pl.DataFrame(rows).height == len(rows.to_pandas()) == len(rows) > 100
    assert duckdb.sql("SELECT count(*) FROM rows").fetchone() == (len(rows),)
    assert len(empty) == 0
    assert empty.to_arrow().schema == rows.to_arrow().schema


async def test_the_async_client_waits_as_it_is_told(
    launch: Any, sandbox: Any, token: str, at_work: Callable[..., Any]
) -> None:
    limited = launch.facade(sandbox.url, FACADE_RATE_LIMIT="1 per second")
    async with AsyncFacade(limited.url, token) as client:
        asked = {**at_work(minutes=10), "data_types": ["detections_world", "detections_local"]}
        first, again = await client.detections(**asked), await client.detections(**asked)
    body = {"data_types": ["detections_local", "detections_world"], "filter": at_work(minutes=10)}
    entries = sandbox.ask("/api/v3/detections", body, token)
    points = {
        (kind, entry["mac_address"], entry["sample_time"], x, y)
        for kind, some in entries.items()
        for entry in some
        for x, y in entry["value"]
    }
    table = first.to_arrow()
    names = ("data_type", "mac_address", "time", "x", "y")
    columns = [table[name].cast(pa.int64()) if name == "time" else table[name] for name in names]
    assert points
    assert set(zip(*(column.to_pylist() for column in columns), strict=True)) == points
    assert again.to_arrow().equals(table)


def rows_until_refused(day: int) -> Callable[[Any], Reply]:
    """Answers a room's report by the hour, up to a day of May 2026 that is refused."""

    def reply(body: Any) -> Reply:
        start, stop = (datetime.fromisoformat(body["filter"][name]) for name in ("start", "stop"))
        if stop > datetime(2026, 5, day, tzinfo=UTC):
            return Reply({"message": "not this one"}, 403)
        hours = range(1, int((stop - start) / timedelta(hours=1)) + 1)
        times = [f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in hours]
        row = {"measurement": "room_occupancy", "field": "value", "room_id": "room_1", "room_name": "=cmd()"}
        return Reply({"data": [{**row, "time": time, "value": 1.0} for time in times]})

    return reply


ASKED = {
    "filter": {
        "start": "2026-05-01T00:00:00Z",
        "stop": "2026-05-21T00:00:00Z",
        "measurements": ["room_occupancy"],
    },
    "window": {"every": "1m", "function": "max"},
}


@pytest.mark.parametrize("media", MEDIA_TYPES.values())
def test_nobody_takes_a_file_that_broke_off_for_whole(
    facade_of_stand_in: Any, stand_in: Any, any_token: str, media: str
) -> None:
    stand_in._replies[REPORTING] = rows_until_refused(10)
    headers = {"Authorization": f"Bearer {any_token}", "Accept": media}
    received = bytearray()
    with (
        httpx.Client(trust_env=False, timeout=180) as http,
        http.stream("POST", f"{facade_of_stand_in.url}/export/report", json=ASKED, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 -- the chunks that came are looked at
            for chunk in answer.iter_bytes():
                received += chunk
    assert received
    with pytest.raises((pa.ArrowException, OSError, ValueError)):
        read_whole(bytes(received), media)


def read_whole(content: bytes, media: str) -> Any:
    if media == "text/csv":
        return pd.read_csv(io.BytesIO(content))
    if media.endswith("ndjson"):
        return pd.read_json(io.BytesIO(content), lines=True)
    if media.endswith("parquet"):
        return pq.read_table(io.BytesIO(content))
    return pa.ipc.open_stream(content).read_all()


def test_a_parquet_url_that_fails_says_why(facade_of_stand_in: Any, stand_in: Any, any_token: str) -> None:
    stand_in._replies[REPORTING] = rows_until_refused(10)
    asked = "start=2026-05-01T00:00:00Z&stop=2026-05-21T00:00:00Z&every=1m&measurements=room_occupancy"
    answer = get(facade_of_stand_in, f"/export/report.parquet?{asked}", any_token)
    assert (answer.status_code, answer.json()) == (403, {"message": "not this one"})


def test_spreadsheets_run_no_cell_of_csv(facade_of_stand_in: Any, stand_in: Any, any_token: str) -> None:
    stand_in._replies[REPORTING] = rows_until_refused(30)
    asked = "start=2026-05-01T00:00:00Z&stop=2026-05-02T00:00:00Z&every=1h&measurements=room_occupancy"
    text = get(facade_of_stand_in, f"/export/report.csv?{asked}", any_token).text
    assert text.count(",'=cmd(),") == 24
    assert ",=cmd()" not in text


def test_bounds_of_the_value_go_up_as_numbers(facade_of_stand_in: Any, stand_in: Any, any_token: str) -> None:
    stand_in.answers(REPORTING, {"data": []})
    span = "start=2026-05-01T00:00:00Z&stop=2026-05-02T00:00:00Z&every=1h&measurements=room_occupancy"
    assert get(facade_of_stand_in, f"/export/report.csv?{span}&gte=0&lt=2.5", any_token).status_code == 200
    assert {json.dumps(asked.body["filter"]["value"]) for asked in stand_in.asked} == {'{"gte": 0, "lt": 2.5}'}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/export/report.xlsx?start=-1d", 404, "no format xlsx"),
        ("/export/report.csv?every=5m", 400, "needs a `start`"),
        ("/export/report.csv?start=-1d&start=-2d", 400, "start once"),
        ("/export/report.csv?start=-1d&gte=none", 400, "gte must be a number"),
        ("/export/report.csv?start=-1d&lt=nan", 400, "lt must be a number"),
        ("/export/report.csv?start=2000-01-01T00:00:00Z&every=1s", 400, "facade export"),
        ("/export/detections.csv?start=-1d&data_types=heatmap", 400, "data_types"),
    ],
)
def test_what_is_no_export_is_told(facade: Any, token: str, path: str, status: int, says: str) -> None:
    answer = get(facade, path, token)
    assert answer.status_code == status
    assert says in answer.json()["message"]


def test_a_report_refused_for_its_cost_names_the_export(facade: Any, token: str) -> None:
    window = {"every": "1m", "function": "max", "timezone": "UTC"}
    asked = {"start": "2020-01-01T00:00:00Z", "stop": "2026-01-01T00:00:00Z", "rooms": ["room_1"], "window": window}
    error = facade.error(ROWS, {**asked, "measurements": ["room_occupancy"]}, token=token)
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert "/export/report.parquet" in error["message"]


def test_a_rest_report_that_is_too_much_for_butlr_names_the_export(
    facade_of_stand_in: Any, stand_in: Any, any_token: str
) -> None:
    stand_in.answers(REPORTING, {"data": {}})
    headers = {"Authorization": f"Bearer {any_token}"}
    body = {"filter": {"start": "2026-05-01T00:00:00Z", "stop": "2026-05-02T00:00:00Z"}}
    answer = facade_of_stand_in.request("POST", REPORTING, json=body, headers=headers)
    assert answer.status_code == 504
    assert "`facade export report`" in answer.json()["message"]
    # Of an export itself it would be no advice.
    failed = facade_of_stand_in.request("POST", "/export/report", json=body, headers=headers)
    assert failed.status_code == 504
    assert "shorter span" in failed.json()["message"]
    assert "export" not in failed.json()["message"]
