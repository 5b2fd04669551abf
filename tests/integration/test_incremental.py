"""Answers in parts: available data is sent at once, and the rest when it comes."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

PARTS = "multipart/mixed, application/graphql-response+json"
PATIENCE = 180.0

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


Pieces = list[bytes | Wait | Cut]


class Upstream:
    """Answers the reporting call with the pieces that a test lays out, each sent when its turn comes."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.pieces: Pieces = []
        self.status = 200
        self.url = ""
        self._later: list[tuple[Pieces, int]] = []

    def answers(self, *pieces: bytes | Wait | Cut, status: int = 200) -> None:
        self.pieces = list(pieces)
        self.status = status
        self.asked.clear()
        self.left.clear()
        self._later.clear()

    def then(self, *pieces: bytes | Wait | Cut, status: int = 200) -> None:
        """What the next call gets, if the one before has been made."""
        self._later.append((list(pieces), status))

    def called(self, body: dict[str, Any]) -> None:
        if self.asked and self._later:
            self.pieces, self.status = self._later.pop(0)
        self.asked.append(body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.upstream.called(body)
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
        FACADE_UPSTREAM_RETRIES="2",
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
    with (
        httpx.Client(timeout=PATIENCE, trust_env=False) as client,
        client.stream("POST", f"{facade.url}/graphql", json=body, headers=sent) as answer,
    ):
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


def halves(body: bytes, wait: Wait | Cut) -> Pieces:
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


@pytest.mark.parametrize(
    "before",
    [b"", b'  {\n "page_info" : {"page": 1, "data": [1, {"data": []}]} , ', b'{"note": "\\"data\\": [", '],
    ids=["at once", "after other keys", "after what looks like it"],
)
def test_rows_are_found_wherever_they_stand(
    facade_in_parts: Any, upstream: Upstream, any_token: str, before: bytes
) -> None:
    wait = Wait()
    begin = before or b"{"
    row = json.dumps(rows(1)[0]).encode()
    upstream.answers(begin, b'"data" :\n[', row, b"\n, ", row, b",", wait, row, b"]}")

    with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
        assert len(next(parts)["data"]["report"]["rows"]) == 2
        wait.go.set()
        assert len(parts.to_the_end().data["report"]["rows"]) == 3


def test_other_fields_of_a_streamed_report_come_when_it_is_whole(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    wait = Wait()
    upstream.answers(*halves(body_of(rows(400)), wait))
    query = REPORT.replace("}\n    }\n", '} ... @defer(label: "rest") { freshness { partial } series { values } } }\n')

    with parts_of(facade_in_parts, query, token=any_token) as parts:
        first = next(parts)
        assert {pending.get("label") for pending in first["pending"]} == {None, "rest"}
        assert "freshness" not in first["data"]["report"]
        while len(parts.data["report"]["rows"]) < 100:
            next(parts)
        wait.go.set()
        parts.to_the_end()

    report = parts.data["report"]
    assert parts.errors == []
    assert report["freshness"] == {"partial": False}
    assert sum(len(series["values"]) for series in report["series"]) == len(report["rows"]) == 400
    assert len(upstream.asked) == 1


def test_rows_may_be_asked_for_twice(facade_in_parts: Any, upstream: Upstream, any_token: str) -> None:
    upstream.answers(*halves(body_of(rows(300)), Wait()))
    query = REPORT.replace("rows @stream", "again: rows @stream(initialCount: 0) { value } rows @stream")

    with parts_of(facade_in_parts, query, token=any_token) as parts:
        next(parts)
        upstream.pieces[1].go.set()  # type: ignore[union-attr]
        report = parts.to_the_end().data["report"]

    assert [row["value"] for row in report["again"]] == [row["value"] for row in report["rows"]] == list(range(300))
    assert len(upstream.asked) == 1


def test_what_is_switched_off_comes_at_once_to_whoever_asks(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    upstream.answers(body_of(rows(5)))

    answer = facade_in_parts.post(REPORT, {"if": False}, token=any_token)

    assert answer.headers["content-type"].startswith("application/graphql-response+json")
    assert len(answer.json()["data"]["report"]["rows"]) == 5


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, multipart/mixed;q=0"])
def test_who_takes_no_parts_is_told_what_to_accept(
    facade_in_parts: Any, upstream: Upstream, any_token: str, accept: str
) -> None:
    answer = facade_in_parts.post(REPORT, token=any_token, headers={"Accept": accept})

    [error] = answer.json()["errors"]
    assert answer.status_code == 406
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Accept: multipart/mixed, application/graphql-response+json" in error["message"]
    assert upstream.asked == []


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/mixed",
        "multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json",
        "Multipart/Mixed; deferSpec=20220824;q=0.5, multipart/mixed;incrementalSpec=v0.2",
    ],
)
def test_parts_are_for_who_takes_them_however_it_is_written(
    facade_in_parts: Any, upstream: Upstream, any_token: str, accept: str
) -> None:
    upstream.answers(body_of(rows(5)))

    with parts_of(facade_in_parts, REPORT, token=any_token, Accept=accept) as parts:
        assert len(parts.to_the_end().data["report"]["rows"]) == 5


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("multipart/mixed;deferSpec=20220824,application/json", "application/json"),
        ("application/graphql-response+json, Multipart/Mixed; DeferSpec=20220824", "application/graphql-response+json"),
        ("multipart/mixed; deferSpec=20220824", "application/json"),
        ("multipart/mixed; deferSpec=20991231", "application/json"),
    ],
)
def test_who_names_the_former_dialect_gets_the_answer_whole(
    facade_in_parts: Any, upstream: Upstream, any_token: str, accept: str, media: str
) -> None:
    upstream.answers(body_of(rows(5)))
    query = REPORT.replace("rows @stream", "... @defer { freshness { partial } } rows @stream")

    first, again = (facade_in_parts.post(query, token=any_token, headers={"Accept": accept}) for _ in range(2))

    assert first.headers["content-type"] == f"{media}; charset=utf-8"
    assert first.json().keys() == {"data"}
    report = first.json()["data"]["report"]
    assert report["freshness"] == {"partial": False}
    assert len(report["rows"]) == 5
    # It is kept as any other that comes whole.
    assert again.headers["X-Cache"] == "HIT"
    assert again.content == first.content


@pytest.mark.parametrize("accept", [PARTS, "multipart/mixed"])
def test_what_puts_nothing_off_is_answered_as_ever(
    facade_in_parts: Any, upstream: Upstream, any_token: str, accept: str
) -> None:
    upstream.answers(body_of(rows(5)))

    first, again = (facade_in_parts.post(WHOLE, token=any_token, headers={"Accept": accept}) for _ in range(2))

    assert first.headers["content-type"].split(";")[0] in ("application/graphql-response+json", "application/json")
    assert len(first.json()["data"]["report"]["rows"]) == 5
    assert first.headers["X-Cache"] == "MISS"
    assert again.headers["X-Cache"] == "HIT"


def test_a_break_is_an_error_in_a_later_part_and_what_has_come_stays(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    wait = Wait()
    body = body_of(rows(400))
    upstream.answers(body[: len(body) // 2], wait, Cut())

    with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
        while len(next(parts) and parts.data["report"]["rows"]) < 150:
            pass
        assert parts.errors == []
        wait.go.set()
        parts.to_the_end()

    [error] = parts.errors
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert error["path"] == ["report", "rows"]
    assert parts.seen[-1]["hasNext"] is False
    assert [row["value"] for row in parts.data["report"]["rows"]] == list(range(len(parts.data["report"]["rows"])))
    # Nothing of it was kept.
    upstream.answers(body_of(rows(3)))
    assert len(facade_in_parts.data(WHOLE, token=any_token)["report"]["rows"]) == 3


def test_a_break_before_the_first_row_is_tried_again(facade_in_parts: Any, upstream: Upstream, any_token: str) -> None:
    upstream.answers(b'{"da', Cut())
    upstream.then(b"{}", status=503)
    upstream.then(body_of(rows(3)))

    with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
        assert len(parts.to_the_end().data["report"]["rows"]) == 3

    assert parts.errors == []
    assert len(upstream.asked) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN"), (400, "BAD_USER_INPUT"), (429, "RATE_LIMITED"), (200, None)],
)
def test_an_error_before_the_first_row_is_that_of_the_report(
    facade_in_parts: Any, upstream: Upstream, any_token: str, status: int, code: str | None
) -> None:
    upstream.answers(b'{"message": "no"}' if code else b"<html>[{}]</html>", status=status)

    error = facade_in_parts.error(REPORT, token=any_token, headers={"Accept": PARTS})

    assert error["extensions"]["code"] == (code or "UPSTREAM_INVALID_RESPONSE")
    assert error["path"] == ["report"]


def test_a_report_that_was_too_much_is_asked_in_parts_as_ever(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    upstream.answers(b'{"data": {}, "page_info": {"page": 0}}')
    upstream.then(body_of(rows(2)))
    upstream.then(body_of(rows(2, 2)))
    query = REPORT.replace("measurements: [traffic]", 'measurements: [traffic], rooms: { eq: ["room_1", "room_2"] }')

    with parts_of(facade_in_parts, query, token=any_token) as parts:
        assert len(parts.to_the_end().data["report"]["rows"]) == 4

    assert [asked["filter"]["rooms"]["eq"] for asked in upstream.asked] == [
        ["room_1", "room_2"],
        ["room_1"],
        ["room_2"],
    ]


def test_a_client_that_leaves_takes_its_call_with_it(facade_in_parts: Any, upstream: Upstream, any_token: str) -> None:
    wait = Wait()
    upstream.answers(*halves(body_of(rows(400)), wait))

    with parts_of(facade_in_parts, REPORT, token=any_token, **{"X-Request-Id": f"left-{any_token}"}) as parts:
        next(parts)
        assert wait.reached.wait(PATIENCE)
        assert not upstream.left.is_set()

    assert upstream.left.wait(PATIENCE)
    assert audited(facade_in_parts, f"left-{any_token}")["outcome"] == "left"


def test_who_asks_the_same_meanwhile_joins_the_call(facade_in_parts: Any, upstream: Upstream, any_token: str) -> None:
    wait = Wait()
    upstream.answers(*halves(body_of(rows(400)), wait))

    def in_parts() -> Any:
        with parts_of(facade_in_parts, REPORT, token=any_token) as parts:
            return parts.to_the_end().data

    with parts_of(facade_in_parts, REPORT, token=any_token) as first, ThreadPoolExecutor(4) as pool:
        next(first)
        others = [pool.submit(in_parts) for _ in range(2)]
        others += [pool.submit(facade_in_parts.data, WHOLE, token=any_token) for _ in range(2)]
        wait.go.set()
        data = first.to_the_end().data
        assert [other.result(PATIENCE) for other in others] == [data] * 4

    assert len(upstream.asked) == 1


@pytest.fixture(scope="session")
def hurried(launch: Any, dripping_server: Upstream) -> Any:
    return launch.facade(dripping_server.url, FACADE_INCREMENTAL="true", FACADE_OPERATION_TIMEOUT="0.5")


def test_the_time_limit_of_an_operation_is_that_of_all_its_parts(
    hurried: Any, upstream: Upstream, any_token: str
) -> None:
    upstream.answers(*halves(body_of(rows(400)), Wait()))

    with parts_of(hurried, REPORT, token=any_token) as parts:
        parts.to_the_end()

    assert [error["extensions"]["code"] for error in parts.errors] == ["UPSTREAM_TIMEOUT"]
    assert len(parts.data["report"]["rows"]) > 150
    assert upstream.left.wait(PATIENCE)


@pytest.mark.slow
def test_an_answer_ends_when_the_process_is_to_end(launch: Any, upstream: Upstream, any_token: str) -> None:
    facade = launch.facade(upstream.url, FACADE_INCREMENTAL="true")
    upstream.answers(*halves(body_of(rows(400)), Wait()))

    with parts_of(facade, REPORT, token=any_token) as parts:
        next(parts)
        facade.process.send_signal(signal.SIGTERM)
        parts.to_the_end()

    [error] = parts.errors
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert "shutting down" in error["message"]
    assert facade.process.wait(PATIENCE) in (0, -signal.SIGTERM)


def audited(facade: Any, request_id: str) -> dict[str, Any]:
    return said(facade.audit.read_text, request_id)


def said(log: Callable[[], str], request_id: str) -> dict[str, Any]:
    """The line of a log on a request, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for line in log().splitlines():
            # What failed upstream is said with the request's id, too.
            if request_id in line and (record := json.loads(line)).get("event", "request") == "request":
                told: dict[str, Any] = record
                return told
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_logs_have_their_line_when_the_last_part_is_sent(
    facade_in_parts: Any, upstream: Upstream, any_token: str
) -> None:
    body = body_of(rows(300))
    for pieces, outcome, codes in (
        ([body], "ok", []),
        ([body[: len(body) // 2], Cut()], "partial", ["UPSTREAM_UNAVAILABLE"]),
    ):
        upstream.answers(*pieces)
        name = f"{outcome}-{any_token}"
        variables = {"start": "2024-04-30T00:00:00Z"} if codes else {}
        with parts_of(facade_in_parts, REPORT, variables, token=any_token, **{"X-Request-Id": name}) as parts:
            parts.to_the_end()

        record = audited(facade_in_parts, name)
        assert (record["outcome"], record["codes"], record["calls"]) == (outcome, codes, 1)
        assert record["cost"] > 1000
        assert said(facade_in_parts.log, name)["calls"] == 1
    counted = facade_in_parts.request("GET", "/metrics").text
    assert 'facade_operations_total{outcome="partial",type="query"}' in counted


def test_limits_are_those_of_every_operation(facade_in_parts: Any, any_token: str) -> None:
    many = " ".join(f'... @defer(label: "{n}") {{ hive(id: "h") {{ id }} }}' for n in range(101))
    for query in (
        f"{{ {many} }}",
        "{ " + " ".join(f"a{n}: hives {{ data @stream {{ id }} }}" for n in range(101)) + " }",
        "{ sites { data @stream { buildings { " + "site { buildings { " * 8 + "id" + " } }" * 8 + " } } } }",
        REPORT.replace("2024-05-01", "1924-05-01").replace('"2024-05-02', '"2124-05-02'),
    ):
        error = facade_in_parts.error(
            query,
            {"start": "1924-05-01T00:00:00Z"} if "$start" in query else None,
            token=any_token,
            headers={"Accept": PARTS},
        )
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"


def test_a_stream_of_assets_asks_for_many_at_once(
    facade_over_sandbox: Any, sandbox: Any, token: str, at_work: Any
) -> None:
    span = at_work()
    query = """
      query ($start: Time!, $stop: Time!) {
        sensors {
          data STREAM {
            id
            room { name }
            ... DEFER { detections(start: $start, stop: $stop) { detections_local { value } } }
          }
        }
      }
    """
    plain = query.replace("STREAM", "").replace("DEFER", "")
    with parts_of(
        facade_over_sandbox, query.replace("STREAM", "@stream").replace("DEFER", "@defer"), span, token=token
    ) as parts:
        parts.to_the_end()
    calls = sandbox.calls(token)

    assert parts.errors == []
    assert len(parts.data["sensors"]["data"]) == 200
    assert parts.data == facade_over_sandbox.data(plain, span, token=token, headers={"Cache-Control": "no-cache"})
    assert len(calls) <= 5


@pytest.fixture(scope="session")
def facade_over_sandbox(launch: Any, sandbox_process: Any) -> Any:
    return launch.facade(sandbox_process.url, FACADE_INCREMENTAL="true")
