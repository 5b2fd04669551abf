"""Pieces as they are read over HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from facade.auth import Passthrough
from facade.butlr import Butlr, Http, InvalidResponse
from facade.cache import open_store
from facade.export import REPORT, Export
from facade.loaders import Reports, Services
from facade.series import DetectionsReader
from facade.upstream import ReadLog, Upstream

HOUR = timedelta(hours=1)


def rows_by_the_hour(request: httpx.Request) -> httpx.Response:
    filter_ = json.loads(request.content)["filter"]
    start, stop = (datetime.fromisoformat(filter_[name]) for name in ("start", "stop"))
    times = [start + HOUR * number for number in range(1, (stop - start) // HOUR + 1)]
    rows = [{"measurement": "m", "room_id": "a", "time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "value": 1} for time in times]
    return httpx.Response(200, json={"data": rows})


async def test_a_piece_whose_answer_is_too_large_is_read_by_halves() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return rows_by_the_hour(request)

    # 24 rows are some 1,700 bytes, and of a report four times the limit is read.
    async with Http("http://butlr.test", transport=httpx.MockTransport(answer), max_body_bytes=300) as http:
        store = open_store("memory://", 2**24)
        upstream = Upstream(Butlr(http), store)
        reports = Reports.create(upstream)
        services = Services(upstream, reports, DetectionsReader(upstream), None)  # type: ignore[arg-type]

        def export(**window: object) -> Export:
            body = {
                "filter": {"start": "2026-05-01T00:00:00Z", "stop": "2026-05-02T00:00:00Z", "measurements": ["m"]},
                "window": {"every": "1h", "function": "max", "timezone": "UTC", **window},
            }
            return Export(services, Passthrough("token"), ReadLog(), REPORT, body, keeps=False)

        [part] = [part async for part in export().parts()]
        times = [time for run in part.runs for time in run.times[0]]
        assert (part.rows, times) == (24, sorted(set(times)))
        # The day, and its halves.
        assert len(asked) == 3
        with pytest.raises(InvalidResponse, match="larger than"):
            [part async for part in export(fill="previous").parts()]
        assert len(asked) == 4
        await reports.aclose()
        await upstream.aclose()
        await store.aclose()
