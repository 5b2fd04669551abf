"""Subscriptions: `python -m benchmarks.live` prints the cost of polls, events and idle subscribers.

- Upstream calls for each window: 1,000 subscribers to the occupancy of 80 rooms, at three replicas with one Redis.
- CPU for each delivered event, as a ratio to a bare Starlette loop that sends the same bytes in the same run.
- Bytes of an idle subscription.
"""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .processes import Process, RunError, asgi, free_port, python

EVENTS = "subscription { events { id type data } }"
OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item value time } }"
SECRET = "benchmark"
WINDOW = 60.0


class Subscribers:
    """Connections that subscribe and count their events."""

    def __init__(self) -> None:
        self.delivered = 0
        self.bytes = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def add(self, port: int, body: dict[str, Any], token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        content = json.dumps(body).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await reader.readuntil(b":\n\n")
        self._writers.append(writer)
        self._tasks.append(asyncio.create_task(self._read(reader)))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(1 << 16):
            self.bytes += len(data)
            self.delivered += data.count(b"event: next")

    async def reach(self, delivered: int) -> None:
        async with asyncio.timeout(120):
            while self.delivered < delivered:  # noqa: ASYNC110 -- counted by many tasks
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()


def _call(url: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class Bench:
    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        port = free_port()
        self.upstream = f"http://127.0.0.1:{port}"
        sandbox = ("-m", "facade", "sandbox", "--port", str(port), "--sensors", "400")
        self._start("sandbox", python(*sandbox), {}).wait_for(f"{self.upstream}/_sandbox/calls")
        campus = _call(f"{self.upstream}/_sandbox/campus?tenant=client_demo")
        self.rooms = [room["id"] for room in campus["rooms"]][:80]
        login = {"client_id": "demo-client", "client_secret": "demo-secret"}
        more = {"audience": "https://butlrauth/", "grant_type": "client_credentials"}
        self.token = _call(f"{self.upstream}/api/v2/clients/login", {**login, **more})["access_token"]

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(
            command, cores=os.sched_getaffinity(0), folder=self._folder, name=name, environment=environment
        )
        return self._stack.enter_context(process)

    def redis(self) -> str:
        port, program = free_port(), shutil.which("redis-server")
        if program is None:
            raise RunError("redis-server is not installed")
        self._start("redis", [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], {})
        return f"redis://127.0.0.1:{port}/0"

    def facade(self, **settings: str) -> tuple[int, Process]:
        port = free_port()
        environment = {
            "BUTLR_BASE_URL": self.upstream,
            "FACADE_WEBHOOK_SECRET": SECRET,
            "FACADE_ASSETS": "native",
            "FACADE_LIVE_MAX": "100000",
            "FACADE_LOG_FORMAT": "json",
            **settings,
        }
        process = self._start(f"facade-{port}", python("-m", "facade", "serve", "--port", str(port)), environment)
        process.wait_for(f"http://127.0.0.1:{port}/healthz")
        return port, process

    def floor(self) -> tuple[int, Process]:
        port = free_port()
        process = self._start("floor", asgi("benchmarks.live_floor:app", port), {})
        process.wait_for(f"http://127.0.0.1:{port}/graphql")
        return port, process

    async def polls(self, number: int, windows: int) -> dict[str, Any]:
        """Return the upstream calls for each window with so many subscribers, from their second window on."""
        url = self.redis()
        ports = [self.facade(FACADE_CACHE_URL=url)[0] for _ in range(3)]
        subscribers = Subscribers()
        body = {"query": OCCUPANCY, "variables": {"items": self.rooms}}
        for at in range(number):
            await subscribers.add(ports[at % 3], body, self.token)
        await subscribers.reach(number * len(self.rooms))
        # From half a minute after one edge to half a minute after another, so that there are as many edges as windows.
        await asyncio.sleep((1.5 * WINDOW - time.time() % WINDOW) % WINDOW)
        before = self._calls()
        await asyncio.sleep(windows * WINDOW)
        calls = self._calls() - before
        subscribers.close()
        return {"subscribers": number, "replicas": 3, "windows": windows, "calls_a_window": calls / windows}

    def _calls(self) -> int:
        # Only the calls of the poll: rechecks of tokens are other calls.
        log = _call(f"{self.upstream}/_sandbox/calls")["log"]
        return sum(call["path"] == "/api/v3/reporting" for call in log)

    async def events(self, number: int, events: int) -> dict[str, Any]:
        """Measure the CPU time of a delivery, beside that of a bare loop."""
        port, process = self.facade()
        subscribers = Subscribers()
        for _ in range(number):
            await subscribers.add(port, {"query": EVENTS}, self.token)
        async with asyncio.timeout(60):
            while "facade_live_subscribers %d" % number not in await asyncio.to_thread(self._metrics, port):  # noqa: ASYNC110, UP031
                await asyncio.sleep(0.1)
        cpu, read = process.cpu(), subscribers.bytes
        for at in range(events):
            event = {"id": f"e{at}", "type": "TRAFFIC", "timestamp": at, "metadata": {"room_id": self.rooms[0]}}
            url = f"http://127.0.0.1:{port}/webhooks/butlr"
            await asyncio.to_thread(_call, url, {**event, "data": {"in": at, "out": 0}}, **{"X-API-Key": SECRET})
            await subscribers.reach((at + 1) * number)
        ours = process.cpu() - cpu
        size = (subscribers.bytes - read) // (number * events)
        subscribers.close()
        port, process = self.floor()
        bare = Subscribers()
        for _ in range(number):
            await bare.add(port, {}, "-")
        told = b"event: next\n" + b"x" * (size - len(b"event: next\n"))
        cpu = process.cpu()
        for at in range(events):
            await asyncio.to_thread(_post, f"http://127.0.0.1:{port}/tell", told)
            await bare.reach((at + 1) * number)
        theirs = process.cpu() - cpu
        bare.close()
        each = 1e6 / (number * events)
        return {
            "deliveries": number * events,
            "bytes_each": size,
            "microseconds_each": ours * each,
            "bare_loop_microseconds_each": theirs * each,
            "ratio": ours / theirs,
        }

    @staticmethod
    def _metrics(port: int) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text: bytes = answer.read()
        return text.decode()

    async def idle(self, number: int) -> dict[str, Any]:
        """Measure the memory of each of so many idle subscribers."""
        port, process = self.facade()
        subscribers = Subscribers()
        for _ in range(100):
            await subscribers.add(port, {"query": EVENTS}, self.token)
        before = process.peak()
        for _ in range(number):
            await subscribers.add(port, {"query": EVENTS}, self.token)
        grown = process.peak() - before
        subscribers.close()
        return {"subscriptions": number, "bytes_each": grown / number}


def _post(url: str, body: bytes) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60):
        pass


async def _measure(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(stack, Path(folder))
        for name, measured in (
            ("events", bench.events(arguments.watching, arguments.events)),
            ("idle", bench.idle(arguments.idle)),
            ("polls", bench.polls(arguments.subscribers, arguments.windows)),
        ):
            print(json.dumps({name: await measured}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--watching", type=int, default=200)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--idle", type=int, default=10_000)
    asyncio.run(_measure(parser.parse_args()))
