"""The upstream of all contenders: it has fixed data and a fixed delay, and counts calls and points.

Rows and detections depend only on the span and the assets of a body, so contenders get equal data however they divide
their calls. Answers are encoded once; a large one is encoded sensor by sensor.
"""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

SENSORS = int(os.environ.get("STUB_SENSORS", "200"))
LATENCY = float(os.environ.get("STUB_LATENCY", "0.02"))
KEPT = 64
# The number of rows from which an answer is written in parts.
LARGE = int(os.environ.get("STUB_LARGE", "50000"))

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LOGIN = orjson.dumps(
    {"access_token": "benchmark", "scope": "", "expires_in": 86400, "token_type": "Bearer"},
)


def sensor_id(number: int) -> str:
    return f"sensor_{number:027}"


def mac_address(number: int) -> str:
    return f"00-17-0d-00-00-00-{number >> 8:02x}-{number & 255:02x}"


def _row(number: int) -> dict[str, Any]:
    room, floor, hive = number // 4, number // 40, number // 10
    return {
        "field": "presence",
        "measurement": "presence",
        "time": "",
        "start": "",
        "stop": "",
        "value": 0,
        "preprocessed": False,
        "timezone_offset": "0h",
        "tag_id": "",
        "building_id": f"building_{1:027}",
        "building_name": "Head Office",
        "hive_id": f"hive_{hive:027}",
        "hive_serial": f"65fefe57f497{hive:04x}",
        "sensor_id": sensor_id(number),
        "space_id": f"space_{floor:027}",
        "space_name": f"Floor {floor}",
        "room_id": f"room_{room:027}",
        "room_name": f"Room {room}",
        "zone_id": "",
        "zone_name": "",
        "mac_address": mac_address(number),
    }


ROWS = [_row(number) for number in range(SENSORS)]
NUMBER_OF_MAC = {row["mac_address"]: number for number, row in enumerate(ROWS)}


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _windows(body: dict[str, Any], default: str) -> list[datetime]:
    filter_ = body["filter"]
    start = datetime.fromisoformat(filter_["start"])
    stop = datetime.fromisoformat(filter_["stop"]) if "stop" in filter_ else datetime.now(UTC)
    every = timedelta(seconds=_seconds((body.get("window") or {}).get("every") or default))
    return [start + every * n for n in range(-((start - stop) // every))]


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rows_asked(body: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    filter_ = body["filter"]
    wanted = {
        key: set(filter_[name]["eq"])
        for name, key in (("sensors", "sensor_id"), ("rooms", "room_id"), ("mac_addresses", "mac_address"))
        if filter_.get(name)
    }
    return [(number, row) for number, row in enumerate(ROWS) if all(row[key] in ids for key, ids in wanted.items())]


def reporting(body: dict[str, Any]) -> tuple[int, Iterator[bytes]]:
    """Return the number of rows, and the bytes of the answer in parts, one for each sensor."""
    filter_ = body["filter"]
    windows = _windows(body, "1m")
    # Values are computed from the time, so that the parts of a cut span have the same values.
    times = [(_rfc3339(moment).encode(), int(moment.timestamp()) // 60) for moment in windows]
    echo = {name: filter_[name] for name in ("start", "stop") if name in filter_}
    rows = _rows_asked(body)

    def parts() -> Iterator[bytes]:
        yield b'{"data":['
        comma = b""
        for number, row in rows:
            # Rows of a sensor differ only in two fields, so the others are encoded once.
            whole = orjson.dumps({**row, **echo, "time": "@time", "value": "@value"})
            head, _, rest = whole.partition(b"@time")
            middle, _, tail = rest.partition(b'"@value"')
            alike = [b"%b%b%b%d%b" % (head, time, middle, (number + minute) % 7, tail) for time, minute in times]
            yield comma + b",".join(alike)
            comma = b","
        yield b'],"page_info":{"page":1,"page_item_count":0,"total_item_count":0,"total_pages":1}}'

    return len(rows) * len(times), parts() if times else iter((b'{"data":[]}',))


def detections(body: dict[str, Any]) -> tuple[int, Iterator[bytes]]:
    macs = body["filter"].get("mac_addresses") or list(NUMBER_OF_MAC)
    starts = [int(moment.timestamp() * 1000) for moment in _windows(body, "1m")]
    entries = [
        {
            "start_time": start,
            "sample_time": start + 900,
            "mac_address": mac,
            "value": [[round(NUMBER_OF_MAC[mac] % 97 / 97, 4), at / 10], [0.5625, 0.9375]],
        }
        for mac in macs
        for at, start in enumerate(starts)
    ]
    return len(entries), iter((orjson.dumps(dict.fromkeys(body["data_types"], entries)),))


ANSWERS = {"/api/v3/reporting": reporting, "/api/v3/detections": detections}
_kept: dict[tuple[str, bytes], tuple[int, bytes]] = {}
_calls: dict[str, int] = {}


def _count(path: str, points: int) -> None:
    _calls[path] = _calls.get(path, 0) + 1
    _calls["points"] = _calls.get("points", 0) + points


def _answer(path: str, sent: bytes) -> bytes | Iterator[bytes]:
    found = _kept.get((path, sent))
    if found is None:
        points, parts = ANSWERS[path](orjson.loads(sent))
        if points > LARGE:
            _count(path, points)
            return parts
        if len(_kept) >= KEPT:
            _kept.clear()
        found = _kept[path, sent] = points, b"".join(parts)
    _count(path, found[0])
    return found[1]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    sent, more = b"", True
    while more:
        message = await receive()
        sent += message.get("body", b"")
        more = message.get("more_body", False)
    path, status = scope["path"], 200
    body: bytes | Iterator[bytes] = b"{}"
    if path == "/calls":
        # The numbers since they were last read.
        body = orjson.dumps(_calls)
        _calls.clear()
    elif path in ANSWERS:
        body = _answer(path, sent)
        await asyncio.sleep(LATENCY)
    elif path.endswith("/login"):
        _count(path, 0)
        body = _LOGIN
        await asyncio.sleep(LATENCY)
    elif path != "/v1/traces":
        # Accepts traces as a collector does.
        status = 404
    headers = [(b"content-type", b"application/json")]
    if isinstance(body, bytes):
        headers.append((b"content-length", b"%d" % len(body)))
        body = iter((body,))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for part in body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
