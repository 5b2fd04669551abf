"""An upstream at the wire that answers from rows: it filters and groups them, and answers `{}` to too large queries."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from facade.assets import Assets
from facade.assets.records import RECORD_TYPES, SensorRecord
from facade.auth import Passthrough
from facade.butlr import Butlr, Http
from facade.cache import open_store
from facade.loaders import Loaders, Reports, Services
from facade.series import DetectionsReader
from facade.upstream import ReadLog, Upstream

LEVEL = {"rooms": "room_id", "spaces": "space_id", "zones": "zone_id", "sensors": "sensor_id", "hives": "hive_id"}


def stats(values: list[float]) -> dict[str, Any]:
    return {
        "sum": sum(values),
        "min": min(values),
        "max": max(values),
        "count": len(values),
        "mean": statistics.fmean(values),
        "median": statistics.median(values),
    }


def grouped(rows: list[dict[str, Any]], order: list[str], raw: bool) -> Any:
    if not order:
        return rows if raw else stats([row["value"] for row in rows])
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[order[0]], []).append(row)
    return {key: grouped(some, order[1:], raw) for key, some in groups.items()}


class Rows:
    """`bears` ids a call; `shallow` leaves id levels out of grouped answers, as Butlr's own sample does."""

    def __init__(self, rows: Iterable[dict[str, Any]], *, bears: int | None = None, shallow: bool = False) -> None:
        self.rows = list(rows)
        self.bears = bears
        self.shallow = shallow
        self.asked: list[dict[str, Any]] = []
        self.fails: dict[str, int] = {}

    def answer(self, body: dict[str, Any]) -> Any:
        filter_ = body["filter"]
        rows = self.rows
        for name, level in LEVEL.items():
            if name in filter_:
                ids = filter_[name]["eq"]
                if self.bears is not None and len(ids) > self.bears:
                    return {}
                rows = [row for row in rows if row[level] in ids]
        group_by = body.get("group_by")
        if not group_by:
            return rows
        order = [name for name in group_by["order"] if not (self.shallow and name.endswith("_id"))]
        return grouped(rows, order, bool(group_by.get("raw"))) if rows else {}

    async def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        for id_, status in self.fails.items():
            if id_ in request.content.decode():
                return httpx.Response(status, json={"message": "made to fail"})
        if request.url.path.endswith("detections"):
            return httpx.Response(200, json=self.detections(body))
        return httpx.Response(200, json={"data": self.answer(body)})

    def detections(self, body: dict[str, Any]) -> Any:
        macs = {mac.lower().replace(":", "-") for mac in body["filter"].get("mac_addresses", ())}
        return {
            type_: [row for row in self.rows if row["mac_address"].lower().replace(":", "-") in macs]
            for type_ in body["data_types"]
        }


class Known:
    """A source of assets that knows just these sensors."""

    name = "known"
    knows = frozenset(RECORD_TYPES)

    def __init__(self, sensors: Iterable[SensorRecord] = ()) -> None:
        self._assets = Assets(sensors={sensor.id: sensor for sensor in sensors})

    async def assets(self, caller: Any, read_log: Any) -> Assets:
        return self._assets


class Bench:
    """Loaders over a `Rows` upstream; each `loaders()` is a new operation of the same caller."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(rows.handle))
        self.store = open_store("memory://", 2**24)
        self.upstream = Upstream(Butlr(self.http), self.store)
        self.reports = Reports.create(self.upstream)
        self.services = Services(self.upstream, self.reports, DetectionsReader(self.upstream), Known())
        self.caller = Passthrough("token")

    def loaders(self, *, fresh: bool = False) -> Loaders:
        return Loaders(self.services, self.caller, ReadLog(fresh=fresh))

    async def aclose(self) -> None:
        await self.reports.aclose()
        await self.upstream.aclose()
        await self.store.aclose()
        await self.http.aclose()


@pytest.fixture
async def bench():
    """Make a bench over a `Rows` upstream."""
    made = []

    def make(rows: Iterable[dict[str, Any]], **options: Any) -> Bench:
        made.append(Bench(Rows(rows, **options)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


@pytest.fixture
def make_bench():
    """The same for property tests, which open and close a bench for each example."""
    return lambda rows, **options: Bench(Rows(rows, **options))
