"""The client by hand: makes the calls, decodes with orjson, selects the fields and encodes them.

It reads one job from each line of stdin, and writes one answer as a line.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from typing import Any

import aiohttp
import orjson
import uvloop

from .week import of_a_week

HEADERS = {"Authorization": "Bearer by-hand", "Content-Type": "application/json"}
WINDOW = {"every": "5m", "function": "max"}
FIELDS = ("time", "value", "sensor_id", "room_id", "measurement")


class ByHand:
    def __init__(self, session: aiohttp.ClientSession, upstream: str) -> None:
        self._session = session
        self._upstream = upstream

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(self._upstream + path, data=orjson.dumps(body), headers=HEADERS) as answer:
            return orjson.loads(await answer.read())

    async def detections(self, variables: dict[str, Any]) -> bytes:
        answers = await asyncio.gather(*(self._post("/api/v3/reporting", body) for body in of_a_week()))
        macs = {row["sensor_id"]: row["mac_address"] for answer in answers for row in answer["data"]}
        found = await self._post(
            "/api/v3/detections",
            {"data_types": ["detections_local"], "filter": {**variables, "mac_addresses": list(macs.values())}},
        )
        of_mac: dict[str, list[Any]] = defaultdict(list)
        for entry in found["detections_local"]:
            of_mac[entry["mac_address"]].append({"mac_address": entry["mac_address"], "value": entry["value"]})
        data = [
            {"id": id_, "mac_address": mac, "detections": {"detections_local": of_mac[mac]}}
            for id_, mac in macs.items()
        ]
        return orjson.dumps({"data": {"sensors": {"data": data}}})

    async def rows(self, variables: dict[str, Any]) -> bytes:
        found = await self._post(
            "/api/v3/reporting", {"filter": {**variables, "measurements": ["presence"]}, "window": WINDOW}
        )
        rows = [{name: row[name] for name in FIELDS} for row in found["data"]]
        return orjson.dumps({"data": {"report": {"rows": rows}}})


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        by_hand = ByHand(session, os.environ["UPSTREAM"])
        calls = {"A": by_hand.detections, "C": by_hand.rows}
        while line := await asyncio.to_thread(sys.stdin.readline):
            job = json.loads(line)
            call = calls[job["workload"]]
            times: list[float] = []
            body = b""
            cpu, begun = time.process_time(), time.perf_counter()
            while len(times) < job["least"] or time.perf_counter() - begun < job["seconds"]:
                before = time.perf_counter()
                body = await call(job["variables"])
                times.append(time.perf_counter() - before)
            took = time.perf_counter() - begun
            answer = {
                "requests": len(times),
                "seconds": took,
                "median": statistics.median(times),
                "cpu": time.process_time() - cpu,
                "body": body.decode() if job.get("show") else None,
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
