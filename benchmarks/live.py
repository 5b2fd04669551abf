"""Subscriptions: `python -m benchmarks.live` prints the cost of polls, events and idle subscribers.

- 1,000 subscribers to the occupancy of 80 rooms, at three replicas over one Redis: calls upstream a window, and the
  time until all have a change.
- CPU a delivered event, as a ratio to a bare Starlette loop that sends the same bytes in the same run.
- Bytes of an idle subscription, at the facade and at the bare loop. Clients are in processes of their own.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .contenders import install_peers
from .live_processes import LiveProcesses, call
from .processes import Process, RunError
from .pushed import EVENTS, OCCUPANCY, pushed, spread
from .subscribers import Subscribers

WINDOW = 60.0
# Connections of one process of clients.
OF_A_CLIENT = 5000


async def polls(processes: LiveProcesses, number: int, windows: int) -> dict[str, Any]:
    """Calls upstream a window of so many subscribers, from their second window on."""
    url = processes.redis()
    ports = [processes.facade(FACADE_CACHE_URL=url)[0] for _ in range(3)]
    subscribers = Subscribers()
    body = {"query": OCCUPANCY, "variables": {"items": processes.rooms}}
    for at in range(number):
        await subscribers.add(ports[at % 3], body, processes.token)
    if not await subscribers.reach(number * len(processes.rooms)):
        raise RunError("not all subscribers have got what there is")

    def calls() -> int:
        # Of the poll: a token is rechecked by calls of its own.
        log = call(f"{processes.upstream}/_sandbox/calls")["log"]
        return sum(each["path"] == "/api/v3/reporting" for each in log)

    # From half a minute past an edge to half a minute past another: as many edges as windows.
    await asyncio.sleep((1.5 * WINDOW - time.time() % WINDOW) % WINDOW)
    before = calls()
    await asyncio.sleep(windows * WINDOW)
    made = calls() - before
    subscribers.close()
    return {"subscribers": number, "replicas": 3, "windows": windows, "calls_a_window": made / windows}


async def idle(processes: LiveProcesses, number: int) -> dict[str, Any]:
    """Memory of each of so many that are sent nothing."""
    found: dict[str, Any] = {"subscriptions": number}
    for name, (port, process) in (("facade", processes.facade()), ("bare_loop", processes.bare_loop())):
        found[f"{name}_bytes_each"] = await _grown(port, process, number, processes.token) / number
    return found


async def _grown(port: int, process: Process, number: int, token: str) -> int:
    """Return by how many bytes a process grows with so many idle subscriptions, after the first hundred."""
    first = Subscribers()
    for _ in range(100):
        await first.add(port, {"query": EVENTS}, token)
    before = process.peak()
    clients = []
    try:
        while number > 0:
            many = min(number, OF_A_CLIENT)
            number -= many
            arguments = ("-m", "benchmarks.live", "--hold", str(many), "--port", str(port), "--token", token)
            pipe = asyncio.subprocess.PIPE
            client = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
            clients.append(client)
            if client.stdout is None or await client.stdout.readline() != b"held\n":
                raise RunError(f"not all have subscribed: {process.last_words()}")
        return process.peak() - before
    finally:
        for client in clients:
            client.kill()
            await client.wait()
        first.close()


async def _hold(number: int, port: int, token: str) -> None:
    subscribers = Subscribers()
    for _ in range(number):
        await subscribers.add(port, {"query": EVENTS}, token)
    print("held", flush=True)
    # Until whoever has started this ends it.
    await asyncio.to_thread(sys.stdin.read)


async def _measure(arguments: argparse.Namespace) -> None:
    peers = install_peers() is None
    parts = {
        "pushed": lambda of: pushed(of, number=arguments.watching, events=arguments.events, peers=peers),
        "spread": lambda of: spread(of, number=arguments.subscribers, events=arguments.changes),
        "idle": lambda of: idle(of, arguments.idle),
        "polls": lambda of: polls(of, arguments.subscribers, arguments.windows),
    }
    for name in arguments.only or parts:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            print(json.dumps({name: await parts[name](LiveProcesses(stack, Path(folder)))}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--only", action="append", choices=["pushed", "spread", "idle", "polls"])
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--watching", type=int, default=200)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--hold", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--token", help=argparse.SUPPRESS)
    given = parser.parse_args()
    # A connection is a file, and processes that are started have the same limit.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_hold(given.hold, given.port, given.token) if given.hold else _measure(given))
