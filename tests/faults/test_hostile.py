"""Malicious requests are refused early and cheaply, while other callers are served."""

import asyncio
import io
import json
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import pytest

pytestmark = pytest.mark.slow

# How many hostile operations; 10,000 by hand.
HOSTILE = int(os.environ.get("FAULTS_HOSTILE", "100"))

REFUSALS = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX", "BAD_USER_INPUT"}
HONEST = '{ sensors(mode: "presence") { data { id mode } } }'
INTROSPECTION = "{ __schema { types { name description fields { name description args { name description } } } } }"


def nested(depth):
    return "{ sensors { data { " + "hive { sensors { " * depth + "id" + " } }" * depth + " } } }"


def bombs():
    doubling = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(40))
    aliases = " ".join(f'a{n}: report(filter: {{start: "-{n + 1}h"}}) {{ rows {{ value }} }}' for n in range(300))
    schema = "{ __schema { types { " + "fields { type { " * 12 + "name" + " } }" * 12 + " } } }"
    return {
        "deep": {"query": nested(60)},
        "deeper than the stack": {"query": "{a" * 100_000},
        "deep in an argument": {"query": "{ node(id: " + "[" * 50_000 + "]" * 50_000 + ") { id } }"},
        "deep in variables": '{"query": "{ __typename }", "variables": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}",
        "wide": {"query": "{ sensors { data { " + "id name mode " * 5000 + " } } }"},
        "aliases": {"query": "{ " + aliases + " }"},
        "doubling fragments": {"query": "{ ...F0 } " + doubling + "fragment F40 on Query { __typename }"},
        "circular fragments": {
            "query": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }"
        },
        "a fragment in itself": {
            "query": "{ sensors { data { ...A } } } fragment A on Sensor { hive { sensors { ...A } } }"
        },
        "directives": {"query": "{ __typename " + "@include(if: true) " * 1500 + "}"},
        "unknown directives": {"query": "{ __typename " + "@a" * 10_000 + " }"},
        "many operations": {"query": "".join(f"query Q{n} {{ __typename }} " for n in range(2000))},
        "conflicting fields": {"query": "{ " + " ".join(f"a: sensor(id: {n}) {{ id }}" for n in range(600)) + " }"},
        "introspection in circles": {"query": schema},
        "many ids": {"query": "query ($i: [String!]) { sensors(ids: $i) { data { id } } }", "variables": {"i": 7}},
        "3 MB": {"query": "{ __typename }", "variables": {"pad": "x" * 3_000_000}},
        "3 MB of document": {"query": "{ " + "a " * 1_500_000 + "}"},
        "a batch": [{"query": "{ __typename }"}] * 10_000,
        "no JSON": "{" * 500_000,
    }


@pytest.fixture(scope="module")
def besieged(launch, sandbox_process):
    return launch.facade(sandbox_process.url)


@pytest.fixture
async def honest(asker, besieged, sandbox):
    """Runs an attack while another caller sends at least twenty normal requests.

    Gives what `progress` came to during each of the caller's answers, sorted: how many others went first.
    """
    token = sandbox.login()
    ask = asker(besieged)
    status, expected, _ = await ask.ask(token, HONEST)
    assert (status, "errors" in expected) == (200, False)

    async def during(attack: Awaitable[object], progress: Callable[[], int]) -> list[int]:
        over = asyncio.Event()
        ahead = []

        async def ask_on() -> None:
            while not over.is_set() or len(ahead) < 20:
                before = progress()
                status, answer, _ = await ask.ask(token, HONEST)
                assert (status, answer) == (200, expected)
                ahead.append(progress() - before)
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(ask_on())
            await attack
            over.set()
        # As many as discovery needs, and kept.
        assert len(sandbox.calls(token)) <= 2
        return sorted(ahead)

    return during


@pytest.fixture
def bounded(besieged, memory_of, processor_seconds_of):
    """What the facade has used since, of memory in bytes and of processor time in seconds."""

    def since() -> Callable[[], tuple[int, float]]:
        memory, seconds = memory_of(besieged.process.pid), processor_seconds_of(besieged.process.pid)
        return lambda: (
            memory_of(besieged.process.pid) - memory,
            processor_seconds_of(besieged.process.pid) - seconds,
        )

    return since


async def test_bombs_are_refused_cheaply_without_a_call_upstream(honest, bounded, besieged, sandbox, token):
    bodies = {name: body if isinstance(body, str) else json.dumps(body) for name, body in bombs().items()}
    number = 0
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/graphql-response+json",
    }
    outcomes: Counter[tuple[str, int, str]] = Counter()

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def send(name: str) -> None:
            # Each another document: what was refused before is known.
            nonlocal number
            number += 1
            body = io.BytesIO(bodies[name].replace('"query": "', f'"query": "#{number}\\n', 1).encode())
            async with session.post(f"{besieged.url}/graphql", data=body, headers=headers) as answer:
                errors = (await answer.json(content_type=None)).get("errors")
            outcomes[name, answer.status, errors[0]["extensions"]["code"] if errors else "answered"] += 1

        async def attack(names: list[str]) -> None:
            left = iter(names)

            async def work() -> None:
                for name in left:
                    # One that is refused by its size may find its connection closed while it still sends.
                    with suppress(aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                        await send(name)

            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(work())

        await attack(list(bodies))  # what a first time loads is no leak
        used = bounded()
        for at in range(10):
            body = {"query": f"#{at}\n{INTROSPECTION}"}
            async with session.post(f"{besieged.url}/graphql", json=body, headers=headers) as answer:
                assert answer.status == 200
        _, introspected = used()
        used = bounded()
        names = list(bodies) * (HOSTILE // len(bodies) + 1)
        ahead = await honest(attack(names), outcomes.total)
    memory, processor = used()
    print(f"{len(names)} bombs: {memory >> 20} MiB, {processor:.1f} s; before an honest answer: {ahead}")
    print(f"ten introspections: {introspected:.2f} s")
    print(*sorted(outcomes.items()), sep="\n")
    # Opened once each, they come to one field.
    assert outcomes.pop(("doubling fragments", 200, "answered")) > 0
    assert {code for _, _, code in outcomes} <= REFUSALS
    assert {status for _, status, _ in outcomes} <= {400, 413}
    assert {name for name, _, _ in outcomes} >= set(bodies) - {"3 MB", "3 MB of document", "doubling fragments"}
    assert sandbox.calls(token) == []
    assert memory < 100 << 20
    # Of one bomb no more than of two questions that anyone may ask.
    assert processor / len(names) < 2 * introspected / 10
    # Eight come at a time: an honest caller waits for those, and for as many that came as they went.
    assert ahead[len(ahead) // 2] <= 16, ahead


async def test_half_open_requests_and_slow_readers_keep_nobody_waiting(honest, bounded, besieged, sandbox, token):
    port = int(besieged.url.rpartition(":")[2])
    body = json.dumps({"query": INTROSPECTION}).encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    used = bounded()
    held = []

    def connect() -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        held.append(connection)
        return connection

    async def attack() -> None:
        for number in range(200):
            half = head + b"Content-Length: 1000000\r\n\r\n{" + b" " * 5000
            connect().sendall(half[: 1 + number * 7] if number % 2 else half)
            await asyncio.sleep(0)
        for _ in range(100):
            # Asks for much, again and again, and reads none of it.
            connection = connect()
            connection.setblocking(False)
            for _ in range(3):
                with suppress(BlockingIOError):
                    connection.send(whole)
            await asyncio.sleep(0.005)

    try:
        # Twenty answers come while all of those are open.
        await honest(attack(), lambda: 0)
        memory, processor = used()
    finally:
        for connection in held:
            connection.close()
    print(f"half-open and slow: {memory >> 20} MiB, {processor:.1f} s")
    assert sandbox.calls(token) == []
    assert memory < 150 << 20
    assert besieged.request("GET", "/readyz").status_code == 200


async def test_one_tenant_at_full_blast_costs_another_little(asker, launch, sandbox, at_work):
    # Slow enough that the calls under way, and not this machine's processors, are what the tenants share.
    sandbox.configure(latency_ms=300)
    facade = launch.facade(sandbox.url)
    loud, quiet = sandbox.login(), sandbox.login("other")
    (sensor, *_) = sandbox.campus()["sensors"]
    ask = asker(facade)
    report = """query ($start: Time!, $stop: Time!, $sensors: [ID!]!) {
      report(filter: {start: $start, stop: $stop, measurements: [presence], sensors: {eq: $sensors}}) {
        rows { value } } }"""
    number = 0

    async def cold(token: str) -> float:
        """Sends new operations, so that each of them needs an upstream call."""
        nonlocal number
        number += 1
        span = at_work(days=number % 5, minutes=2, after=number // 5)
        status, answer, took = await ask.ask(token, report, {**span, "sensors": [sensor["id"]]})
        assert (status, "errors" in answer) == (200, False), answer
        return took

    async def quietly() -> list[float]:
        return sorted(await ask.each(4, [lambda: cold(quiet)] * 48))

    try:
        await ask.each(4, [lambda: cold(quiet)] * 8)
        alone = await quietly()
        over = asyncio.Event()

        async def blast() -> None:
            while not over.is_set():
                await cold(loud)

        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(blast())
            await asyncio.sleep(1)
            beside = await quietly()
            over.set()
    finally:
        facade.stop()
    print(f"alone: {alone[24]:.3f} {alone[-1]:.3f}, beside: {beside[24]:.3f} {beside[-1]:.3f}")
    # The median alone: the slowest of 48 is this machine's as much as ours.
    assert beside[24] < 2 * alone[24]
