"""Requests of several identities, cut at every byte and glued in every way: each has its own answer."""

import json
import os
import random
import socket
import time

import pytest

# Sequences of requests; a release is tried with a hundred thousand.
SEQUENCES = int(os.environ.get("FAULTS_SEQUENCES", "150"))
# In characters other than ASCII, and of no length: neither may be taken for another's.
OPERATIONS = ["{ __typename }", '{ __type(name: "Sensor") { name } }', '{ node(id: "room_ü") { id } }']
REPORT = """{{ report(filter: {{start: "{start}", stop: "{stop}", measurements: [presence]}}) {{
  rows {{ value sensor_id }} }} }}"""
OWN = ("x-request-id", "x-cache", "age", "cache-control", "date", "server")


@pytest.fixture(scope="module")
def servers(launch, sandbox_process):
    """The facade by its own server, which may answer ahead of the app, and the same app under another's."""
    return [launch.facade(sandbox_process.url, elsewhere=elsewhere) for elsewhere in (False, True)]


@pytest.fixture(scope="module")
def identities(sandbox_process):
    tokens = [sandbox_process.login() for _ in range(2)]
    return [f"Bearer {tokens[0]}", f"Bearer {tokens[1]}", "Bearer made-up", None]


def request_of(rng: random.Random, identities: list[str | None], at_work: dict[str, str]) -> bytes:
    who = rng.choice(identities)
    query = rng.choice([*OPERATIONS, REPORT.format(**at_work), REPORT.format(**at_work)])
    body = json.dumps({"query": query}, ensure_ascii=False).encode()
    head = [
        rng.choice([b"POST /graphql HTTP/1.1", b"POST /api/v3/graphql HTTP/1.1"]),
        b"Host: localhost",
        b"Content-Type: application/json",
        b"Accept: application/json",
        *([] if who is None else [b"Authorization: " + who.encode()]),
    ]
    if rng.random() < 0.2:
        chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        head.append(b"Transfer-Encoding: chunked")
    else:
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*head, b"", body])


def pieces_of(rng: random.Random, stream: bytes, edges: list[int]) -> list[bytes]:
    """The bytes in packets: whole requests, cut anywhere, or with the tail of one and all of another."""
    way = rng.choice(["whole", "glued", "anywhere", "tail and next"])
    cuts = set(edges) if way == "whole" else set()
    if way == "anywhere":
        cuts |= {rng.randrange(1, len(stream)) for _ in range(rng.randint(1, 6))}
    if way == "tail and next":
        cuts |= {edge - rng.randint(1, 40) for edge in edges} | set(edges[1::2])
    ends = sorted({cut for cut in cuts if 0 < cut < len(stream)} | {len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def answers_of(server, pieces: list[bytes], count: int, pause: float = 0.0) -> list[tuple[int, dict[str, str], bytes]]:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read = connection.makefile("rb")
        for piece in pieces:
            connection.sendall(piece)
            if pause:
                # Each piece is to be read by itself; glued they are another case.
                time.sleep(pause)
        answers = []
        for _ in range(count):
            status = int(read.readline().split()[1])
            headers = {}
            while line := read.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = read.read(int(headers.get("content-length", 0)))
            answers.append((status, {k: v for k, v in headers.items() if k not in OWN}, body))
        return answers


@pytest.mark.slow
def test_each_request_has_the_answer_of_its_own_identity(servers, identities, at_work):
    rng = random.Random(11)
    span = at_work()
    for number in range(SEQUENCES):
        requests = [request_of(rng, identities, span) for _ in range(rng.randint(1, 5))]
        edges = [sum(map(len, requests[: at + 1])) for at in range(len(requests))]
        pieces = pieces_of(rng, b"".join(requests), edges)
        own, other = (answers_of(server, pieces, len(requests)) for server in servers)
        assert own == other, (number, pieces)


def test_bytes_that_are_no_request_are_never_answered_as_one(servers, identities, at_work):
    """The tail of one request and all of another in one packet, and then those very bytes by someone else."""
    body = json.dumps({"query": REPORT.format(**at_work())}).encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: %b\r\n"
    first, second = (
        head % who.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body for who in identities[:2] if who
    )
    for _ in range(4):
        for pieces in ([first], [second], [first[:-5], first[-5:] + second]):
            answers = answers_of(servers[0], pieces, len(pieces), pause=0.02)
            assert [status for status, _, _ in answers] == [200] * len(pieces)
    [(status, _, _)] = answers_of(servers[0], [first[-5:] + second], 1)
    assert status == 400
