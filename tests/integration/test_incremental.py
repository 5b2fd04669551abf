"""Answers in parts: what is there is sent, and the rest when it comes."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

PARTS = "multipart/mixed, application/graphql-response+json"
PATIENCE = 30.0

REPORT = """
  query ($if: Boolean = true, $start: Time = "2024-05-01T00:00:00Z", $first: Int = 2) {
    report(filter: { measurements: [traffic], start: $start, stop: "2024-05-02T00:00:00Z" }) {
      rows @stream(initialCount: $first, if: $if) { time value field at: sensor_id }
    }
  }
"""
WHOLE = REPORT.replace("@stream(initialCount: $first, if: $if)", "").replace(", $first: Int = 2", "")
WHOLE = WHOLE.replace("$if: Boolean = true, ", "")


class Wait:
    """Where the upstream stops until the test lets it go on, or its caller has gone."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()


class Cut:
    """Where the connection breaks."""


class Upstream:
    """Answers the reporting call with the pieces that a test lays out, each sent when its turn comes."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.pieces: list[bytes | Wait | Cut] = []
        self.status = 200
        self.url = ""

    def answers(self, *pieces: bytes | Wait | Cut, status: int = 200) -> None:
        self.pieces = list(pieces)
        self.status = status
        self.asked.clear()
        self.left.clear()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.upstream.asked.append(body)
        self.send_response(self.upstream.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in self.upstream.pieces:
            if isinstance(piece, Cut):
                self.close_connection = True
                return
            if isinstance(piece, Wait):
                piece.reached.set()
                if not self._went_on(piece):
                    return
            else:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _went_on(self, wait: Wait) -> bool:
        """False if the caller hangs up first."""
        self.connection.settimeout(0.05)
        while not wait.go.wait(0.01):
            try:
                if self.connection.recv(1) == b"":
                    self.upstream.left.set()
                    self.close_connection = True
                    return False
            except TimeoutError:
                continue
        self.connection.settimeout(None)
        return True

    def log_message(self, *_: Any) -> None:
        """Into nobody's log."""


@pytest.fixture(scope="session")
def dripping_server() -> Iterator[Upstream]:
    upstream = Upstream()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThis", (Handler,), {"upstream": upstream}))
    upstream.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield upstream
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def upstream(dripping_server: Upstream) -> Iterator[Upstream]:
    dripping_server.answers()
    yield dripping_server
    for piece in dripping_server.pieces:
        if isinstance(piece, Wait):
            piece.go.set()


@pytest.fixture(scope="session")
def facade_in_parts(launch: Any, dripping_server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Any:
    audit = tmp_path_factory.mktemp("audit") / "audit.log"
    facade = launch.facade(
        dripping_server.url,
        FACADE_INCREMENTAL="true",
        FACADE_UPSTREAM_RETRIES="1",
        FACADE_AUDIT_LOG=str(audit),
        FACADE_ASSETS="discovery",
    )
    facade.audit = audit
    return facade


class Parts:
    """The parts of one answer, read as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.seen: list[dict[str, Any]] = []
        self.data: Any = None
        self.errors: list[dict[str, Any]] = []
        self._paths: dict[str, list[Any]] = {}
        self._chunks = answer.iter_raw()
        self._buffer = b""
        if answer.status_code == 200:
            assert self._cut() == b""

    def __iter__(self) -> "Parts":
        return self

    def __next__(self) -> dict[str, Any]:
        if self.seen and not self.seen[-1]["hasNext"]:
            assert b"".join([self._buffer, *self._chunks]) == b"--\r\n"
            raise StopIteration
        head, part = self._cut().split(b"\r\n\r\n", 1)
        assert head.strip() == b"Content-Type: application/json; charset=utf-8"
        payload: dict[str, Any] = json.loads(part)
        self.seen.append(payload)
        self._apply(payload)
        return payload

    def _cut(self) -> bytes:
        while b"\r\n---" not in self._buffer:
            chunk = next(self._chunks, b"")
            assert chunk, (self.answer.status_code, self._buffer)
            self._buffer += chunk
        before, self._buffer = self._buffer.split(b"\r\n---", 1)
        return before

    def _apply(self, payload: dict[str, Any]) -> None:
        if "data" in payload:
            self.data = payload["data"]
        self.errors += payload.get("errors", [])
        for pending in payload.get("pending", []):
            self._paths[pending["id"]] = pending["path"]
        for each in payload.get("incremental", []):
            self.errors += each.get("errors", [])
            target = self.data
            for key in [*self._paths[each["id"]], *each.get("subPath", [])]:
                target = target[key]
            if "items" in each:
                target.extend(each["items"])
            else:
                merge(target, each["data"])
        for completed in payload.get("completed", []):
            self.errors += completed.get("errors", [])
            del self._paths[completed["id"]]

    def to_the_end(self) -> "Parts":
        for _ in self:
            pass
        assert not self._paths
        return self


def merge(target: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            merge(target[name], value)
        else:
            target[name] = value


@contextmanager
def parts_of(
    facade: Any, query: str, variables: dict[str, Any] | None = None, *, token: str, **headers: str
) -> Iterator[Parts]:
    body = {"query": query, "variables": variables or {}}
    sent = {"Accept": PARTS, "Authorization": f"Bearer {token}", **headers}
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        with client.stream("POST", f"{facade.url}/graphql", json=body, headers=sent) as answer:
            yield Parts(answer)


def rows(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "time": f"2024-05-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
            "field": "in",
            "measurement": "traffic",
            "value": number,
            "sensor_id": f"sensor_{number}" if number % 7 else "",
            "room_name": 'R"}, {',
        }
        for number in range(begin, begin + count)
    ]


def body_of(rows_: list[Any], **around: Any) -> bytes:
    return json.dumps({**around, "data": rows_, "page_info": {"page": 1}}).encode()


def halves(body: bytes, wait: Wait | Cut) -> list[bytes | Wait | Cut]:
    return [body[: len(body) // 2], wait, body[len(body) // 2 :]]


def test_it_is_off_by_default(facade: Any, token: str) -> None:
    error = facade.error(REPORT, token=token, headers={"Accept": PARTS})

    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "@stream" in error["message"]


def test_the_first_rows_come_before_the_last_byte_of_the_upstream(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    whole, wait = rows(2000), Wait()
    upstream.answers(*halves(body_of(whole), wait))

    with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
        first = next(parts)
        assert first["pending"] == [{"id": "0", "path": ["report", "rows"]}]
        assert first["hasNext"] is True
        assert len(first["data"]["report"]["rows"]) == 2
        while len(parts.data["report"]["rows"]) < 900:
            next(parts)
        assert not wait.go.is_set()
        wait.go.set()
        parts.to_the_end()

    assert parts.errors == []
    again = facade_in_parts.post(WHOLE, token=any_token)
    assert parts.data == again.json()["data"]
    assert [row["value"] for row in parts.data["report"]["rows"]] == list(range(2000))
    # The answer is kept as any other.
    assert again.headers["X-Cache"] == "HIT"
    assert len(upstream.asked) == 1


def test_the_upstream_is_asked_as_it_is_without_parts(facade_in_parts: Any, upstream: Upstream, any_token: str) -> None:
    upstream.answers(body_of(rows(3)))
    with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
        parts.to_the_end()
    facade_in_parts.data(WHOLE, token=any_token, headers={"Cache-Control": "no-cache"})

    assert len(upstream.asked) == 2
    assert upstream.asked[0] == upstream.asked[1]


def test_its_headers_say_that_it_is_in_parts_and_nobodys_to_keep(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    upstream.answers(body_of(rows(300)))
    for _ in range(2):
        with parts_of(facade_in_parts, REPORT, token=any_token, **{"Accept-Encoding": "gzip, zstd, br"}) as parts:
            headers = parts.to_the_end().answer.headers
        assert headers["Content-Type"] == 'multipart/mixed; boundary="-"'
        assert headers["Cache-Control"] == "no-store"
        assert "Content-Encoding" not in headers
        assert "Content-Length" not in headers
        assert len(parts.seen) > 1
        assert len(headers["X-Request-Id"]) == 32
    # The second was streamed from the cache.
    assert len(upstream.asked) == 1
