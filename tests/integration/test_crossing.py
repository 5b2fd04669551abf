"""Normal and odd requests of several callers, cut and joined at any byte: each request gets its own answer.

The facade's own connection, which may answer ahead of the app, is compared with the same app under plain uvicorn. What
`facade/server/strict.py` refuses or reads otherwise, by RFC 9110 and RFC 9112, is listed in `STRICT` and
`READ_OTHERWISE`.
"""

import gzip
import json
import os
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import quote

import pytest

# A release is tried with a million.
REQUESTS = int(os.environ.get("FAULTS_REQUESTS", "10000"))
SEED = int(os.environ.get("FAULTS_SEED", "11"))
# Requests of one connection, at most.
TOGETHER = 24
# In characters other than ASCII, and of no length: neither may be taken for another's.
OPERATIONS = ["{ __typename }", '{ __type(name: "Sensor") { name } }', '{ node(id: "room_ü") { id } }', "{ nothing }"]
REPORT = """{{ report(filter: {{start: "{start}", stop: "{stop}", measurements: [presence]}}) {{
  rows {{ value sensor_id }} }} }}"""
# What is of one request and its moment, or of a server.
OWN = ("x-request-id", "x-cache", "x-upstream-calls", "age", "cache-control", "date", "server")


@pytest.fixture(scope="module")
def servers(launch, sandbox_process):
    """The facade under its own server, which may answer before the app, and the same app under another server."""
    return [launch.facade(sandbox_process.url, elsewhere=elsewhere) for elsewhere in (False, True)]


@pytest.fixture(scope="module")
def identities(sandbox_process):
    tokens = [sandbox_process.login() for _ in range(2)]
    return [f"Bearer {tokens[0]}", f"Bearer {tokens[1]}", "Bearer made-up", None]


class Sent(NamedTuple):
    """A request as sent, as plain uvicorn reads it, and the status with which it must be refused, if any."""

    sent: bytes
    meant: bytes
    refused: int | None = None

    @property
    def is_head(self) -> bool:
        return self.sent.startswith(b"HEAD ")


class Maker:
    """Makes requests by a seed."""

    def __init__(self, seed: int, identities: list[str | None], at_work: dict[str, str]) -> None:
        self.rng = random.Random(seed)
        self._identities = identities
        self._report = REPORT.format(**at_work)

    def plain(self) -> tuple[list[bytes], bytes]:
        """The lines of a head, and a body."""
        rng = self.rng
        who = rng.choice(self._identities)
        query = rng.choice([*OPERATIONS, self._report])
        path = rng.choice([b"/graphql", b"/api/v3/graphql"])
        head = [b"Host: localhost", b"Accept: application/json"]
        if who is not None:
            head.append(b"Authorization: " + who.encode())
        if rng.random() < 0.25:
            return [b"GET %b?query=%b HTTP/1.1" % (path, quote(query).encode()), *head], b""
        body = json.dumps({"query": query}, ensure_ascii=False).encode()
        return [b"POST %b HTTP/1.1" % path, *head, b"Content-Type: application/json"], body

    def framed(self, head: list[bytes], body: bytes) -> bytes:
        if head[0].startswith((b"GET", b"HEAD")) and not body:
            return b"\r\n".join([*head, b"", b""])
        if self.rng.random() < 0.2:
            return b"\r\n".join([*head, b"Transfer-Encoding: chunked", b"", self.chunked(body)])
        return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])

    def chunked(self, body: bytes, trailers: bytes = b"") -> bytes:
        size = self.rng.choice([1, 7, 64, 4096])
        extension = self.rng.choice([b"", b";a=b", b';name="value"'])
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        made = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        return made + b"0\r\n" + trailers + b"\r\n"

    def one(self) -> Sent:
        head, body = self.plain()
        way = self.rng.random()
        if way < 0.55:
            pass
        elif way < 0.75:
            self.rng.choice(HEADS)(self, head)
        elif way < 0.9:
            body = self.rng.choice(BODIES)(body)
            if head[0].startswith(b"GET"):
                head[0] = b"POST /graphql HTTP/1.1"
        elif way < 0.97:
            return self.rng.choice(READ_OTHERWISE)(self, head, body)
        else:
            return self.rng.choice(STRICT)(self, head, body)
        request = self.framed(head, body)
        return Sent(request, request)


def _line(line: bytes) -> Callable[[Maker, list[bytes]], None]:
    return lambda maker, head: head.insert(maker.rng.randrange(1, len(head) + 1), line)


def _in_place(name: bytes, line: bytes) -> Callable[[Maker, list[bytes]], None]:
    def changed(_: Maker, head: list[bytes]) -> None:
        head[:] = [line if each.startswith(name) else each for each in head]

    return changed


def _target(target: bytes) -> Callable[[Maker, list[bytes]], None]:
    def changed(_: Maker, head: list[bytes]) -> None:
        method, _, version = head[0].split(b" ")
        head[0] = b" ".join((method, target, version))

    return changed


def _method(method: bytes) -> Callable[[Maker, list[bytes]], None]:
    def changed(_: Maker, head: list[bytes]) -> None:
        head[0] = b" ".join((method, *head[0].split(b" ")[1:]))

    return changed


# Whatever these come to, it is the same under both servers.
HEADS: list[Callable[[Maker, list[bytes]], None]] = [
    *map(
        _line,
        [
            b"Accept-Encoding: gzip",
            b"Accept-Encoding: br, gzip;q=0.5",
            b"Accept-Encoding: zstd;q=0, *;q=0",
            b"Accept-Encoding:",
            b"Accept: application/graphql-response+json",
            b"Accept: text/plain",
            b"Cache-Control: no-cache",
            b"Cache-Control: max-age=0",
            b"If-None-Match: *",
            b'If-None-Match: "made-up"',
            b"X-API-Key:",
            b"X-API-Key: made-up",
            b"Authorization: Bearer another",
            b"Authorization:",
            b"Origin:",
            b"Origin: https://elsewhere.example",
            b"Sec-Fetch-Site: cross-site",
            b"Sec-Fetch-Site:",
            b"X-Explain: nothing",
            b"X-Explain:",
            b"X-Forwarded-For: 1.2.3.4",
            b"X-Forwarded-Host: elsewhere.example",
            b"X-Forwarded-Proto: https",
            b"Forwarded: for=1.2.3.4;host=elsewhere.example",
            b"X-HTTP-Method-Override: DELETE",
            b"X-Requested-With: a",
            b"Apollo-Require-Preflight: a",
            b"Last-Event-ID: a",
            b"Range: bytes=0-3",
            b"TE: trailers",
            b"If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT",
            b"X-Request-Id: \xfc",
            b"X-Request-Id: " + b"a" * 300,
            b"Expect: 100-continue",
            b"Expect: nothing",
            b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"Cookie: a=b",
            b"content-encoding: gzip",
            b"X-Long: " + b"a" * 4000,
            b"Connection: keep-alive",
            b"x-odd:\t spaced \t",
        ],
    ),
    _in_place(b"Accept:", b"ACCEPT:application/json"),
    _in_place(b"Accept:", b"Accept: application/json;q=0"),
    _in_place(b"Accept:", b"Accept: */*"),
    _in_place(b"Accept:", b"X-Not-Accept: a"),
    _in_place(b"Host:", b"hOsT: localhost:80"),
    _in_place(b"Host:", b"Host: elsewhere.example"),
    _in_place(b"Host:", b"Host:"),
    _in_place(b"Content-Type:", b"Content-Type: application/json; charset=utf-8"),
    _in_place(b"Content-Type:", b"Content-Type: text/plain"),
    _in_place(b"Content-Type:", b"Content-Type:"),
    _target(b"/healthz"),
    _target(b"/graphql/"),
    _target(b"//graphql"),
    _target(b"/graphql?query=%7B__typename%7D&query=%7Ba%7D"),
    _target(b"/graphql?query=%FF"),
    _target(b"/nothing"),
    _target(b"/%67raphql?query={__typename}"),
    _method(b"PUT"),
    _method(b"DELETE"),
    _method(b"OPTIONS"),
    _method(b"HEAD"),
]
BODIES: list[Callable[[bytes], bytes]] = [
    lambda body: b"",
    lambda body: b"  " + body + b"\n",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body[:-1],
    lambda body: body + b"}",
    lambda body: b"[" + body + b"]",
    lambda body: b"null",
    lambda body: b"\xff\xfe" + body,
    lambda body: b"[" * 2000,
    lambda body: b'{"query": "{ __typename }", "query": "{ nothing }"}',
    lambda body: b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
    lambda body: b'{"query": "{ __typename }", "variables": {"a": 123456789012345678901234567890}}',
    lambda body: b'{"query": "{ __typename }", "operationName": "\\ud800"}',
    lambda body: b'{"query": "{ __typename }", "extensions": []}',
    lambda body: b'{"query": "\\u0000"}',
    lambda body: gzip.compress(body, mtime=0),
    lambda body: json.dumps({"query": "{ __typename }", "padding": "a" * 70_000}).encode(),
]


def _upgrade(maker: Maker, head: list[bytes], body: bytes) -> Sent:
    """An offer to upgrade is no reason to leave the body unread (RFC 9110, section 7.8)."""
    meant = maker.framed(head, body)
    line = maker.rng.choice(
        [b"Upgrade: h2c", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", b"Upgrade: tls"]
    )
    first, _, rest = meant.partition(b"\r\n")
    # uvicorn has the lines of `Connection` too, and nothing is read of them.
    return Sent(first + b"\r\nConnection: Upgrade\r\n" + line + b"\r\n" + rest, meant)


def _trailers(maker: Maker, head: list[bytes], body: bytes) -> Sent:
    """Trailers are no headers (RFC 9110, section 6.5.1)."""
    if head[0].startswith(b"GET"):
        head[0] = b"POST /graphql HTTP/1.1"
    head = [*head, b"Transfer-Encoding: chunked", b""]
    trailers = maker.rng.choice([b"Authorization: Bearer trailer\r\n", b"Host: a\r\nX-API-Key: b\r\n", b"A: b\r\n"])
    state = maker.rng.getstate()
    sent = b"\r\n".join([*head, maker.chunked(body, trailers)])
    maker.rng.setstate(state)
    return Sent(sent, b"\r\n".join([*head, maker.chunked(body)]))


READ_OTHERWISE: list[Callable[[Maker, list[bytes], bytes], Sent]] = [_upgrade, _trailers]


def _refused(status: int, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Maker, list[bytes], bytes], Sent]:
    return lambda maker, head, body: Sent(maker.framed(change(head), body), b"", status)


def _without_host(head: list[bytes]) -> list[bytes]:
    return [line for line in head if not line.startswith(b"Host:")]


STRICT: list[Callable[[Maker, list[bytes], bytes], Sent]] = [
    _refused(400, _without_host),
    _refused(400, lambda head: [*head, b"Host: localhost"]),
    _refused(501, lambda head: [b"CONNECT localhost:80 HTTP/1.1", *head[1:]]),
    _refused(431, lambda head: [*head, b"X-Long: " + b"a" * 100_000]),
    _refused(431, lambda head: [*head, *(b"X-%d: %b" % (at, b"a" * 500) for at in range(200))]),
    _refused(414, lambda head: [b"GET /graphql?query=" + b"a" * 100_000 + b" HTTP/1.1", *head[1:]]),
    # Wrong for both; uvicorn answers so before what it was asked earlier.
    _refused(400, lambda head: [*head, b"no colon"]),
    _refused(400, lambda head: [*head, b"sp ace: a"]),
    _refused(400, lambda head: [*head, b"Content-Length: 1", b"Content-Length: 2"]),
    _refused(400, lambda head: [*head, b"Content-Length: -1"]),
    _refused(400, lambda head: [*head, b"Transfer-Encoding: chunked", b"Content-Length: 5"]),
    _refused(400, lambda head: [*head, b"nul: \x00"]),
    _refused(400, lambda head: [head[0].replace(b"HTTP/1.1", b"HTTP/3.7"), *head[1:]]),
    _refused(400, lambda head: [b"NOT A METHOD", *head[1:]]),
]
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

Answer = tuple[int, dict[str, str], bytes]


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


def answers_of(server, pieces: list[bytes], heads: set[int] = frozenset(), pause: float = 0.0) -> list[Answer]:
    """All answers up to the connection's end; `heads` are the places of requests whose answer has no body."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=180) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read = connection.makefile("rb")
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                # Refused at what came before it.
                break
            if pause:
                # Each piece is to be read by itself; glued they are another case.
                time.sleep(pause)
        answers: list[Answer] = []
        while line := read.readline():
            status = int(line.split()[1])
            headers = {}
            while field := read.readline().strip():
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if status < 200:
                continue
            assert headers.get("transfer-encoding") is None
            length = 0 if len(answers) in heads or status == 304 else int(headers.get("content-length", 0))
            body = read.read(length)
            assert len(body) == length
            answers.append((status, {k: v for k, v in headers.items() if k not in OWN}, body))
        return answers


@pytest.mark.slow
def test_each_request_has_the_answer_that_plain_uvicorn_gives_it(servers, identities, at_work):
    maker = Maker(SEED, identities, at_work())
    rng = maker.rng
    made = 0
    with ThreadPoolExecutor(2) as both:
        while made < REQUESTS:
            sent = []
            for _ in range(rng.randint(1, TOGETHER)):
                sent.append(maker.one())
                if sent[-1].refused:
                    break
            made += len(sent)
            refused = [one.refused for one in sent if one.refused]
            heads = {at for at, one in enumerate(sent) if one.is_head}
            requests = [[one.sent for one in sent], [one.meant for one in sent if not one.refused] + [LAST]]
            if not refused:
                requests[0].append(LAST)
            pieces = [
                pieces_of(rng, b"".join(each), [sum(map(len, each[: at + 1])) for at in range(len(each))])
                for each in requests
            ]
            own, other = both.map(answers_of, servers, pieces, [heads, heads])
            if refused:
                assert [status for status, _, _ in own[-1:]] == refused, (made, sent)
                own, other = own[:-1], other[:-1]
            different = next((at for at, pair in enumerate(zip(own, other, strict=False)) if pair[0] != pair[1]), None)
            if different is not None or len(own) != len(other):
                dump = json.dumps([made, different, len(own), len(other), repr(sent), repr(own), repr(other)])
                pytest.fail(f"request {made}: {dump}")


# Each alone on a connection: what is no request for both ends it.
CHANGED = b"\t \x00\x7f\x80\xff:;,/?#%\"'(){}[]@=*+-_~0aZ"


@pytest.mark.slow
def test_a_head_with_changed_bytes_is_read_as_plain_uvicorn_reads_it(servers, identities, at_work):
    maker = Maker(SEED + 1, identities, at_work())
    rng = maker.rng
    with ThreadPoolExecutor(2) as both:
        for number in range(REQUESTS // 50):
            head, body = maker.plain()
            lines = [bytearray(line) for line in head]
            for _ in range(rng.randint(1, 3)):
                line = rng.choice(lines)
                at = rng.randrange(len(line))
                line[at : at + rng.randint(0, 1)] = bytes([rng.choice(CHANGED)])
            ending = [b"Content-Length: %d" % len(body), b"Connection: close", b"", body]
            request = b"\r\n".join([*map(bytes, lines), *ending])
            heads = {0} if request.startswith(b"HEAD ") else set()
            own, other = both.map(lambda server: answers_of(server, [request], heads), servers)  # noqa: B023
            if own and own[0][2].startswith((b"Send the Host header once", b"Invalid HTTP request")):
                # By name: strict, or the same in other words.
                assert [status for status, _, _ in own] == [400]
                assert b"Host header" in own[0][2] or [status for status, _, _ in other] == [400], (number, request)
            else:
                assert own == other, (number, request)


def test_bytes_that_are_no_request_are_never_answered_as_one(servers, identities, at_work):
    """The end of one request and a whole second one in one packet, and then the same bytes from another caller."""
    body = json.dumps({"query": REPORT.format(**at_work())}).encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: %b\r\n"
    first, second = (
        head % who.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body for who in identities[:2] if who
    )
    for _ in range(4):
        for pieces in ([first], [second], [first[:-5], first[-5:] + second]):
            answers = answers_of(servers[0], [*pieces, LAST], pause=0.02)
            assert [status for status, _, _ in answers] == [200] * (len(pieces) + 1)
    [(status, _, _)] = answers_of(servers[0], [first[-5:] + second])
    assert status == 400
