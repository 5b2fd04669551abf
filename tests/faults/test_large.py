"""The memory of a server while it answers a report of very many rows."""

import asyncio
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SENSORS, WINDOWS = 1000, 250
QUERY = """{ report(filter: {start: "2025-10-14", stop: "2025-10-15", measurements: [presence]}) {
  rows { time value sensor_id room_id measurement } } }"""
UNSELECTED = {
    **dict.fromkeys(("start", "stop"), "2025-10-14T00:00:00Z"),
    **dict.fromkeys(
        ("building_id", "building_name", "hive_id", "hive_serial", "space_id", "space_name"), "a name or an id"
    ),
    "mac_address": "00-17-0d-00-00-00-00-01",
}


def rows(sensor: int) -> list[dict[str, object]]:
    return [
        {
            "time": f"2025-10-14T{at // 60:02}:{at % 60:02}:00Z",
            "value": float(at % 7),
            "sensor_id": f"sensor_{sensor:027}",
            "room_id": f"room_{sensor // 4:027}",
            "measurement": "presence",
        }
        for at in range(WINDOWS)
    ]


async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"data":[')
    for sensor in range(SENSORS):
        text = json.dumps([row | UNSELECTED for row in rows(sensor)])[1:-1]
        writer.write(f"{',' if sensor else ''}{text}".encode())
        await writer.drain()
    writer.write(b'],"page_info":{"page":1}}')
    await writer.drain()
    writer.close()


def peak_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


async def test_a_large_report_is_answered_whole_and_held_little_more_than_once(launch, asker):
    async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
        await answered(server, launch, asker)


async def answered(server, launch, asker):
    port = server.sockets[0].getsockname()[1]
    facade = await asyncio.to_thread(launch.facade, f"http://127.0.0.1:{port}")
    ask = asker(facade)
    async with ask.session.get(f"{facade.url}/healthz") as answer:
        assert answer.status == 200
    before = peak_of(facade.process.pid)
    headers = {"Authorization": "Bearer token", "Accept-Encoding": "identity"}
    async with ask.session.post(f"{facade.url}/graphql", json={"query": QUERY}, headers=headers) as answer:
        body = await answer.read()
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(body))
    held = peak_of(facade.process.pid) - before
    print(f"{len(body) >> 20} MiB answered, {held >> 20} MiB more held for it than at the start")
    expected = {"data": {"report": {"rows": [row for sensor in range(SENSORS) for row in rows(sensor)]}}}
    assert json.loads(body) == expected
    assert held < 3 * len(body)
