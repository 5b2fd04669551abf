"""Pieces as they are read over HTTP."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, InvalidResponse, UpstreamTimeout
from facade.cache import open_store
from facade.export import DETECTIONS, REPORT, Export, ExportTable
from facade.loaders import Reports, Services
from facade.series import DetectionsReader
from facade.upstream import ReadLog, Upstream

HOUR = timedelta(hours=1)
SPAN = {"start": "2026-05-01T00:00:00Z", "stop": "2026-05-02T00:00:00Z"}
OF_REPORT = {
    "filter": {**SPAN, "measurements": ["m"]},
    "window": {"every": "1h", "function": "max", "timezone": "UTC"},
}
OF_DETECTIONS = {"filter": {**SPAN, "mac_addresses": ["a"]}, "data_types": ["detections_world"]}


def answered(request: httpx.Request) -> httpx.Response:
    """A row by the hour, or a point."""
    filter_ = json.loads(request.content)["filter"]
    start, stop = (datetime.fromisoformat(filter_[name]) for name in ("start", "stop"))
    times = [f"{start + HOUR * number:%Y-%m-%dT%H:%M:%SZ}" for number in range(1, (stop - start) // HOUR + 1)]
    if "mac_addresses" in filter_:
        entries = [{"mac_address": "a", "sample_time": time, "value": [[1, 2]]} for time in times]
        return httpx.Response(200, json={"detections_world": entries})
    rows = [{"measurement": "m", "room_id": "a", "time": time, "value": 1} for time in times]
    return httpx.Response(200, json={"data": rows})


@asynccontextmanager
async def exporting(
    answer: Callable[[httpx.Request], httpx.Response], most: int = 2**20
) -> AsyncIterator[Callable[..., Export]]:
    """Makes exports of an upstream of which no answer may have more than `most` bytes."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            Http("http://butlr.test", transport=httpx.MockTransport(answer), max_body_bytes=most)
        )
        store = await stack.enter_async_context(aclosing(open_store("memory://", 2**24)))  # type: ignore[type-var]
        upstream = await stack.enter_async_context(aclosing(Upstream(Butlr(http), store)))  # type: ignore[type-var]
        reports = await stack.enter_async_context(aclosing(Reports.create(upstream)))  # type: ignore[type-var]
        services = Services(upstream, reports, DetectionsReader(upstream), None)  # type: ignore[arg-type]

        def export(table: ExportTable, body: dict[str, Any]) -> Export:
            return Export(services, Passthrough("token"), ReadLog(), table, body, keeps=False)

        yield export


# 24 rows are some 1,700 bytes, and of a report four times the limit is read.
@pytest.mark.parametrize(
    ("table", "body", "most"), [(REPORT, OF_REPORT, 300), (DETECTIONS, OF_DETECTIONS, 1000)], ids=["report", "points"]
)
async def test_a_piece_whose_answer_is_too_large_is_read_by_halves(
    table: ExportTable, body: dict[str, Any], most: int
) -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answered(request)

    async with exporting(answer, most) as export:
        [part] = [part async for part in export(table, body).parts()]
        times = [time for run in part.runs for time in run.times[0]]
        assert (part.rows, times) == (24, sorted(set(times)))
        # The day, and its halves.
        assert len(asked) == 3
        window = {**OF_REPORT["window"], "fill": "previous"}
        with pytest.raises(InvalidResponse, match="larger than"):
            [part async for part in export(table, {**body, "window": window}).parts()]
        assert len(asked) == 4


async def test_an_upstream_that_is_not_reached_is_not_asked_for_halves() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectTimeout("no connection")

    async with exporting(answer) as export:
        with pytest.raises(UpstreamTimeout, match="No connection"):
            [part async for part in export(REPORT, OF_REPORT).parts()]
    assert len({request.content for request in asked}) == 1
