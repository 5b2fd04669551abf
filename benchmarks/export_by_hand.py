"""A long span by hand: `python -m benchmarks.export_by_hand UPSTREAM START STOP HOURS FILE`.

It makes the same calls as `facade export`, as many at a time, decodes them with orjson and writes Parquet with pyarrow.
"""

import asyncio
import sys
from collections import deque
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import uvloop

AT_ONCE = 4
HEADERS = {"Authorization": "Bearer by-hand", "Content-Type": "application/json"}
WINDOW = {"every": "5m", "function": "max"}
TEXTS = (
    "measurement", "field", "building_id", "building_name", "space_id", "space_name", "room_id", "room_name",
    "zone_id", "zone_name", "hive_id", "hive_serial", "sensor_id", "mac_address", "tag_id",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", "UTC")),
        pa.field("value", pa.float64()),
        *(pa.field(name, pa.dictionary(pa.int32(), pa.string())) for name in TEXTS),
    ]
)


def _batch(body: bytes) -> Any:
    rows = orjson.loads(body)["data"]
    times: dict[str, datetime] = {}
    for row in rows:
        if row["time"] not in times:
            times[row["time"]] = datetime.fromisoformat(row["time"])
    columns = [pa.array([times[row["time"]] for row in rows], SCHEMA.field("time").type)]
    columns.append(pa.array([row["value"] for row in rows], pa.float64()))
    columns += [pa.array([row[name] or None for row in rows], pa.string()).dictionary_encode() for name in TEXTS]
    return pa.record_batch(columns, schema=SCHEMA)


async def main() -> None:
    upstream, start, stop, hours, file = sys.argv[1:]
    at, until, step = datetime.fromisoformat(start), datetime.fromisoformat(stop), timedelta(hours=float(hours))
    async with aiohttp.ClientSession(read_bufsize=1024 * 1024) as session:

        async def ask(after: datetime, until: datetime) -> bytes:
            span = {name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in (("start", after), ("stop", until))}
            body = {"filter": {**span, "measurements": ["presence"]}, "window": WINDOW}
            async with session.post(f"{upstream}/api/v3/reporting", data=orjson.dumps(body), headers=HEADERS) as answer:
                return await answer.read()

        under_way: deque[asyncio.Task[bytes]] = deque()
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            while at < until or under_way:
                while at < until and len(under_way) < AT_ONCE:
                    under_way.append(asyncio.create_task(ask(at, min(at + step, until))))
                    at += step
                writer.write_batch(_batch(await under_way.popleft()))


if __name__ == "__main__":
    uvloop.run(main())
