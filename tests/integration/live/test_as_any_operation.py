"""A subscription is treated like any other operation, over each transport: cost, explain, limits, audit, spans."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .conftest import until

TRANSPORTS = ["sse", "multipart", "websocket"]
ACCEPTS = {"sse": "text/event-stream", "multipart": "multipart/mixed;subscriptionSpec=1.0"}
REPORT = """subscription Watched { report(filter: {measurements: [traffic], start: "2026-01-05T00:00:00Z",
  stop: "2026-01-05T03:00:00Z"}, window: {every: "1h"}) { rows { time value } } }"""
# The same to Butlr, and another document.
QUERY = REPORT.replace("subscription Watched", "query Asked")


class Asked:
    """The first answer of an operation: `headers` are empty over WebSocket."""

    def __init__(self, answer: dict[str, Any], headers: Any, status: int = 200) -> None:
        self.answer, self.headers, self.status = answer, headers, status

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.answer.get("errors", ())]

    @property
    def cost(self) -> int:
        if self.headers:
            return int(self.headers["X-Cost"])
        return int(self.answer["extensions"]["cost"]["points"])


@pytest.fixture
def ask(open_socket: Any) -> Any:
    """Send an operation over a transport, read the first answer, and disconnect."""

    def ask(server: Any, transport: str, token: str, **body: Any) -> Asked:
        if transport == "websocket":
            with open_socket(server) as socket:
                socket.init(token)
                socket.send(id="1", type="subscribe", payload=body)
                message = socket.receive()
                payload = message["payload"]
                return Asked({"errors": payload} if message["type"] == "error" else payload, {})
        headers = {"Accept": ACCEPTS[transport], "Authorization": f"Bearer {token}"}
        with httpx.stream("POST", f"{server.url}/graphql", json=body, headers=headers, timeout=180) as response:
            if response.status_code != 200:
                return Asked(json.loads(response.read()), response.headers, response.status_code)
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    return Asked(json.loads(line.removeprefix("data: ")), response.headers)
                if line.startswith("{") and line != "{}":
                    part = json.loads(line)
                    return Asked(part.get("payload") or part, response.headers)
        raise AssertionError("no answer came")

    return ask


class Spans:
    """The names of the spans that are exported, with their attributes."""

    def __init__(self) -> None:
        self.names: list[str] = []


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("audit")
    return folder / "audit.jsonl"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("documents") / "manifest.json"
    path.write_text(json.dumps({"watched": REPORT}))
    return path


@pytest.fixture(scope="module")
def collector() -> Iterator[Any]:
    import threading  # noqa: PLC0415
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415

    spans = Spans()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    spans.names += [
                        f"{span.name} {each.value.string_value}"
                        for span in scope.spans
                        for each in span.attributes
                        if each.key == "graphql.operation.name"
                    ]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def facade_(launch: Any, stand_in_server: Any, log: Path, collector: Any) -> Any:
    return launch.facade(
        stand_in_server.url,
        FACADE_LIVE_EVERY="1s",
        FACADE_AUDIT_LOG=str(log),
        FACADE_OTEL="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector[0],
        OTEL_BSP_SCHEDULE_DELAY="50",
    )


@pytest.fixture(scope="module")
def strict(launch: Any, stand_in_server: Any, manifest: Path) -> Any:
    """Accepts only trusted documents, with a low cost limit."""
    return launch.facade(
        stand_in_server.url,
        FACADE_TRUSTED_DOCUMENTS=str(manifest),
        FACADE_MAX_COST="10",
    )


@pytest.fixture(scope="module")
def sparing(launch: Any, stand_in_server: Any) -> Any:
    """Has explain disabled, and accepts three operations a minute."""
    return launch.facade(stand_in_server.url, FACADE_RATE_LIMIT="3/minute", FACADE_EXPLAIN="false")


@pytest.fixture(autouse=True)
def rows(stand_in: Any) -> None:
    answer = {"field": "in", "measurement": "traffic", "time": "2026-01-05T01:00:00Z", "value": 1, "sensor_id": "s"}
    stand_in.answers("/api/v3/reporting", {"data": [answer]})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_says_its_cost_and_leaves_a_line_and_a_span(
    facade_: Any, ask: Any, any_token: str, transport: str, log: Path, collector: Any
) -> None:
    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    before, spans = len(lines()), collector[1].names
    collected = len(spans)
    asked = ask(facade_, transport, any_token, query=REPORT)
    assert asked.answer["data"]["report"]["rows"]
    # As a query that asks the same.
    assert asked.cost == int(facade_.post(QUERY, token=any_token).headers["X-Cost"]) > 0
    if asked.headers:
        assert int(asked.headers["X-Cost-Limit"]) > asked.cost
    else:
        assert asked.answer["extensions"]["cost"]["limit"] > asked.cost
    until(lambda: [line for line in lines()[before:] if line["type"] == "subscription"])
    line = next(line for line in lines()[before:] if line["type"] == "subscription")
    assert line["operation"] == "Watched"
    assert line["cost"] == asked.cost
    assert line["outcome"] in ("left", "ok")
    assert line["who"].startswith("t-")
    until(lambda: "subscription Watched" in spans[collected:])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_query_is_explained_and_a_subscription_says_that_it_is_not(
    facade_: Any, ask: Any, any_token: str, transport: str
) -> None:
    explained = ask(facade_, transport, any_token, query=QUERY, extensions={"explain": "plan"})
    assert explained.answer["extensions"]["explain"]["cost"]
    refused = ask(facade_, transport, any_token, query=REPORT, extensions={"explain": "plan"})
    assert "Only a query is explained" in refused.answer["errors"][0]["message"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_limits_and_trusted_documents_hold(strict: Any, ask: Any, any_token: str, transport: str) -> None:
    assert ask(strict, transport, any_token, documentId="watched").codes == ["QUERY_TOO_COMPLEX"]
    other = REPORT.replace("Watched", "Other")
    assert ask(strict, transport, any_token, query=other).codes == ["PERSISTED_QUERY_NOT_FOUND"]


def test_each_counts_as_an_operation_of_its_caller(sparing: Any, ask: Any, any_token: str) -> None:
    for transport in TRANSPORTS:
        answer = ask(sparing, transport, any_token, query=QUERY, extensions={"explain": "plan"}).answer
        assert "FACADE_EXPLAIN" in answer["errors"][0]["message"]
    for transport in TRANSPORTS:
        assert ask(sparing, transport, any_token, query=QUERY).codes == ["RATE_LIMITED"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_query_has_the_time_of_any_query(
    launch: Any, stand_in: Any, ask: Any, any_token: str, transport: str
) -> None:
    hurried = launch.facade(stand_in.url, FACADE_OPERATION_TIMEOUT="0.5")
    let = threading.Event()
    stand_in.answers_by("/api/v3/reporting", lambda _body: let.wait(60) and {"data": []})
    try:
        assert ask(hurried, transport, any_token, query=QUERY).codes == ["UPSTREAM_TIMEOUT"]
    finally:
        let.set()
