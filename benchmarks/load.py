"""The load generator: keep-alive connections on bare sockets, in a separate process.

It reads one job from each line of stdin, and writes one answer as a line.
"""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httptools
import uvloop


@dataclass
class Round:
    """The results of one job so far."""

    until: float
    least: int
    sent: int = 0
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)

    def goes_on(self) -> bool:
        return self.sent < self.least or time.perf_counter() < self.until


class Connection(asyncio.Protocol):
    """One connection. It sends a request as soon as the previous answer is complete."""

    def __init__(self, round_: Round, request: Any, done: asyncio.Future[None]) -> None:
        self._round = round_
        self._request = request
        self._done = done
        self._parser: Any = None
        self._length = 0
        self._begun = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if not self._round.goes_on():
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._round.sent += 1
        self._length = 0
        self._parser = httptools.HttpResponseParser(self)
        self._begun = time.perf_counter()
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._length += len(part)

    def on_message_complete(self) -> None:
        self._round.times.append(time.perf_counter() - self._begun)
        self._round.statuses[self._parser.get_status_code()] += 1
        self._round.lengths[self._length] += 1
        # Later, since a parser cannot be replaced from its own callback.
        asyncio.get_running_loop().call_soon(self._next)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))


_callers = count()


def _requests(job: dict[str, Any]) -> Any:
    body = job["body"].encode()
    head = (
        f"POST {job['path']} HTTP/1.1\r\nHost: {job['host']}:{job['port']}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\nAuthorization: Bearer "
    )
    if job["cold"]:
        return lambda: f"{head}cold-{time.time_ns()}-{next(_callers)}\r\n\r\n".encode() + body
    whole = f"{head}hot\r\n\r\n".encode() + body
    return lambda: whole


async def run(job: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    cpu, begun = time.process_time(), time.perf_counter()
    round_ = Round(begun + job["seconds"], job["least"])
    request = _requests(job)
    ends = [loop.create_future() for _ in range(job["at_once"])]
    for end in ends:
        await loop.create_connection(lambda end=end: Connection(round_, request, end), job["host"], job["port"])
    await asyncio.gather(*ends)
    times = sorted(round_.times)
    return {
        "requests": len(times),
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "median": statistics.median(times),
        "p99": times[len(times) * 99 // 100],
        "statuses": dict(round_.statuses),
        "lengths": dict(round_.lengths),
    }


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(uvloop.run(run(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
