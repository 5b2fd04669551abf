"""What an event costs that is pushed to many: by the facade, a bare loop and the peers, in turn."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .live_processes import SECRET, LiveProcesses, call
from .processes import Process, RunError
from .subscribers import SSE_MARK, Subscribers

EVENTS = "subscription { events { id type data } }"
OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item value time } }"
BARE, SSE, SOCKET = "bare Starlette loop, SSE", "facade, SSE", "facade, WebSocket"
YOGA, APOLLO = "Yoga, SSE", "Apollo (graphql-ws), WebSocket"
NUMBER, PUSHED, ROUNDS = 200, 100, 4
SPREAD_NUMBER, SPREAD_EVENTS = 1000, 50


class Contender:
    """A server with its subscribers. `tell` lets it know of an event."""

    def __init__(self, name: str, process: Process, tell: Callable[[int], None]) -> None:
        self.name, self.process, self.tell = name, process, tell
        self.subscribers = Subscribers()
        self.number = 0
        self.cpu = 0.0
        self.seconds: list[float] = []

    async def subscribe(self, number: int, port: int, token: str, *, socket: bool = False) -> None:
        add = self.subscribers.add_socket if socket else self.subscribers.add
        for _ in range(number):
            await add(port, {"query": EVENTS}, token)
        self.number = number

    async def warm_up(self) -> None:
        """Push until an event reaches all: no server says when a subscription has begun."""
        for event in range(20):
            before = self.subscribers.delivered
            await asyncio.to_thread(self.tell, event)
            if await self.subscribers.reach(before + self.number, within=2):
                return
        raise RunError(f"{self.name}: not all have subscribed: {self.process.last_words()}")

    async def push(self, events: range) -> None:
        cpu = self.process.cpu()
        for event in events:
            began, wanted = time.perf_counter(), self.subscribers.delivered + self.number
            await asyncio.to_thread(self.tell, event)
            if not await self.subscribers.reach(wanted):
                raise RunError(f"{self.name}: an event has not reached all: {self.process.last_words()}")
            self.seconds.append(time.perf_counter() - began)
        self.cpu += self.process.cpu() - cpu

    def found(self, base: "Contender") -> dict[str, Any]:
        deliveries = self.number * len(self.seconds)
        return {
            "cpu_seconds": self.cpu / deliveries,
            "cpu_ratio": self.cpu / base.cpu if base.cpu else 0.0,
            "median_seconds": median(self.seconds),
            "p95_seconds": p95(self.seconds),
        }


def p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]


def event_of(number: int, room: str, type_: str = "TRAFFIC", data: Any = None) -> bytes:
    event = {"id": f"e{number}", "type": type_, "timestamp": number, "metadata": {"room_id": room}}
    return json.dumps({**event, "data": {"in": number, "out": 0} if data is None else data}).encode()


async def pushed(processes: LiveProcesses, *, number: int, events: int, peers: bool) -> dict[str, Any]:
    """Push events to so many subscribers of each, in rounds in which each has a turn."""
    room, token = processes.rooms[0], processes.token

    def teller(port: int, path: str) -> Callable[[int], None]:
        url = f"http://127.0.0.1:{port}{path}"
        return lambda event: call(url, event_of(event, room), **{"X-API-Key": SECRET})

    all_of_them = []
    for name, socket in ((SSE, False), (SOCKET, True)):
        port, process = processes.facade()
        all_of_them.append(Contender(name, process, teller(port, "/webhooks/butlr")))
        await all_of_them[-1].subscribe(number, port, token, socket=socket)
    ours = all_of_them[0]
    await ours.warm_up()
    # What the bare loop sends is of the size of an answer of ours.
    before = ours.subscribers.bytes
    await ours.push(range(20, 25))
    size = (ours.subscribers.bytes - before) // (5 * number)
    ours.cpu, ours.seconds = 0.0, []
    port, process = processes.bare_loop()
    frame, url = SSE_MARK + b"\n" + b"x" * (size - len(SSE_MARK) - 1), f"http://127.0.0.1:{port}/tell"
    base = Contender(BARE, process, lambda _: call(url, frame))
    await base.subscribe(number, port, token)
    all_of_them.append(base)
    for name, script, socket in ((YOGA, "yoga_live.js", False), (APOLLO, "apollo_live.js", True)) if peers else ():
        port, process = processes.peer(script)
        all_of_them.append(Contender(name, process, teller(port, "/tell")))
        await all_of_them[-1].subscribe(number, port, token, socket=socket)
    for contender in all_of_them:
        await contender.warm_up()
    each = max(events // ROUNDS, 1)
    for at in range(100, 100 + each * ROUNDS, each):
        for contender in all_of_them:
            await contender.push(range(at, at + each))
    for contender in all_of_them:
        contender.subscribers.close()
    return {"number": number, "bytes": size, "of": {one.name: one.found(base) for one in all_of_them}}


async def spread(processes: LiveProcesses, *, number: int, events: int) -> dict[str, Any]:
    """Tell one of three replicas of changes; find after how long all subscribers of all replicas have each."""
    url = processes.redis()
    ports = [processes.facade(FACADE_CACHE_URL=url)[0] for _ in range(3)]
    subscribers, rooms = Subscribers(), processes.rooms
    body = {"query": OCCUPANCY, "variables": {"items": rooms}}
    for at in range(number):
        await subscribers.add(ports[at % 3], body, processes.token)
    if not await subscribers.reach(number * len(rooms)):
        raise RunError("not all subscribers have got what there is")
    seconds = []
    for event in range(events):
        # Later than what a poll may find meanwhile.
        now, wanted = int(time.time() * 1000) + 86_400_000, subscribers.delivered + number
        told = event_of(now, rooms[event % len(rooms)], "ROOM_OCCUPANCY", event)
        began = time.perf_counter()
        await asyncio.to_thread(
            call, f"http://127.0.0.1:{ports[event % 3]}/webhooks/butlr", told, **{"X-API-Key": SECRET}
        )
        if not await subscribers.reach(wanted):
            raise RunError("a change has not reached all")
        seconds.append(time.perf_counter() - began)
    subscribers.close()
    return {"subscribers": number, "replicas": 3, "events": events, "p95_seconds": p95(seconds)}


def measure(folder: Path, *, peers: bool, quick: bool) -> dict[str, Any]:
    """Raises `RunError` where something does not reach all."""

    async def both() -> dict[str, Any]:
        with ExitStack() as stack:
            number, events = (20, 20) if quick else (NUMBER, PUSHED)
            found = await pushed(LiveProcesses(stack, folder), number=number, events=events, peers=peers)
        with ExitStack() as stack:
            number, events = (30, 5) if quick else (SPREAD_NUMBER, SPREAD_EVENTS)
            found["spread"] = await spread(LiveProcesses(stack, folder), number=number, events=events)
        return found

    return asyncio.run(both())
