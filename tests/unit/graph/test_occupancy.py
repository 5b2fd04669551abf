"""Occupancy is the newest landed value, at every second of the hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx
import pytest

from facade.assets.records import RoomRecord
from facade.auth import Passthrough
from facade.butlr import Butlr, Http
from facade.cache import MemoryStore
from facade.graph.occupancy import OccupancyRecord, occupancies
from facade.loaders import Loaders, Reports, Services
from facade.series import DetectionsReader
from facade.upstream import ReadLog, Upstream

START = datetime(2026, 11, 28, 13, 0, tzinfo=UTC)
ROOMS = [RoomRecord(id=f"room_{number}") for number in range(4)]
# Presence lands in a minute or two, traffic after 5 to 6.
LANDS = {"room_occupancy": (61, 119), "traffic_room_occupancy": (300, 360)}


class Clocked:
    """Rooms by presence, and by traffic where presence is silent: the last room."""

    def __init__(self) -> None:
        self.now = START.timestamp()
        self.calls = 0
        self.http = Http("http://butlr.test", transport=httpx.MockTransport(self.handle))
        self.store = MemoryStore(1 << 24, clock=lambda: self.now)
        self.upstream = Upstream(Butlr(self.http), self.store, clock=lambda: self.now)
        self.reports = Reports.create(self.upstream)
        self.services = Services(self.upstream, self.reports, DetectionsReader(self.upstream), None)  # type: ignore[arg-type]

    @staticmethod
    def value(room: str, minute: int) -> float:
        return float((minute * 7 + len(room) + int(room[-1])) % 13)

    def landed(self, room: str, measurement: str) -> int:
        """The last minute of a room that has landed, as the number of its end."""
        first, last = LANDS[measurement]
        late = first + (last - first) * int(room[-1]) / 3
        return int((self.now - late) // 60)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        body = json.loads(request.content)
        filter_, [measurement] = body["filter"], body["filter"]["measurements"]
        assert body["window"] == {"every": "1m", "function": "median"}
        start, stop = (datetime.fromisoformat(filter_[name]).timestamp() for name in ("start", "stop"))
        rows = [
            {
                "time": datetime.fromtimestamp(minute * 60, UTC).isoformat(),
                "value": self.value(room, minute),
                "measurement": measurement,
                "field": "occupancy",
                "room_id": room,
            }
            for room in filter_["rooms"]["eq"]
            if (measurement == "room_occupancy") is (room != ROOMS[-1].id)
            for minute in range(int(start // 60) + 1, min(int(stop // 60), self.landed(room, measurement)) + 1)
        ]
        return httpx.Response(200, json={"data": rows})

    async def occupancies(self) -> list[Any]:
        return await occupancies(ROOMS, Loaders(self.services, Passthrough("t"), ReadLog()))

    async def aclose(self) -> None:
        await self.reports.aclose()
        await self.upstream.aclose()
        await self.http.aclose()


@pytest.mark.slow
async def test_every_room_has_one_at_any_second_of_the_hour() -> None:
    over = Clocked()
    for second in range(0, 3600, 7):
        over.now = (START + timedelta(seconds=second)).timestamp()
        for room, found in zip(ROOMS, await over.occupancies(), strict=True):
            assert isinstance(found, OccupancyRecord)
            assert found.value is not None, second
            measurement = "traffic_room_occupancy" if room is ROOMS[-1] else "room_occupancy"
            assert found.measurement == measurement
            newest = over.landed(room.id, measurement)
            shown = round(datetime.fromisoformat(str(found.time)).timestamp() / 60)
            # What is read stays for a minute at most.
            assert newest - 1 <= shown <= newest
            assert found.value == median(over.value(room.id, minute) for minute in range(shown - 4, shown + 1))
    await over.aclose()
