"""Spans, metrics, logs and dashboards of running facades."""

import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from functools import reduce
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[2]
TRACE = "0af7651916cd43dd8448eb211c80319c"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
ROOMS = """query RoomsToday {
  rooms { data { name report(start: "-2h", measurements: [presence], window: {every: "1h"}) { rows { value } } } } }"""


class Collector:
    """What an OpenTelemetry collector is to those who export to it by HTTP."""

    def __init__(self):
        self.spans = []
        self._came = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                with collector._came:
                    for resource in request.resource_spans:
                        for scope in resource.scope_spans:
                            collector.spans += scope.spans
                    collector._came.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def trace(self, trace_id, is_whole):
        """The spans of a trace, once they are whole."""
        with self._came:
            assert self._came.wait_for(lambda: is_whole(self._of(trace_id)), 30), self._of(trace_id)
            return self._of(trace_id)

    def _of(self, trace_id):
        return [span for span in self.spans if span.trace_id.hex() == trace_id]


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def traced(launch, sandbox, collector, **settings):
    return launch.facade(
        sandbox.url,
        FACADE_OTEL="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        **settings,
    )


@pytest.fixture(scope="module")
def tracing(launch, sandbox_process, collector):
    return traced(launch, sandbox_process, collector, FACADE_OTEL_UPSTREAM="true", FACADE_OTEL_DOCUMENTS="true")


def attributes(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def parent(trace_id=TRACE, flags="01"):
    return {"traceparent": f"00-{trace_id}-b7ad6b7169203331-{flags}"}


def test_a_trace_goes_from_the_callers_span_by_operation_and_batch_to_the_call(tracing, collector, token):
    tracing.post(ROOMS, token=token, headers=parent())
    spans = collector.trace(TRACE, lambda spans: any(span.name == "POST" for span in spans))
    by_id = {span.span_id: span for span in spans}
    [server] = [span for span in spans if span.name == "POST"]
    [operation] = [span for span in spans if span.name == "query"]
    calls = [span for span in spans if span.name == "POST /api/v3/reporting"]

    assert server.parent_span_id.hex() == "b7ad6b7169203331"
    assert attributes(server)["http.route"] == "/graphql"
    assert attributes(server)["http.response.status_code"] == 200
    assert operation.parent_span_id == server.span_id
    said = attributes(operation)
    assert (said["graphql.operation.type"], said["graphql.operation.name"]) == ("query", "RoomsToday")
    assert said["facade.cache"] == "MISS"
    assert said["graphql.document"] == ROOMS
    assert calls
    for call in calls:
        assert attributes(call)["http.response.status_code"] == 200
        above = call
        while above.parent_span_id in by_id:
            above = by_id[above.parent_span_id]
        assert above is server
    assert [span for span in spans if span.name == "batch"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_hit_is_traced_and_its_line_has_the_traces_id(launch, sandbox, collector, elsewhere):
    facade = traced(launch, sandbox, collector, elsewhere=elsewhere)
    token = sandbox.login()
    cold = "6" * 31 + ("1" if elsewhere else "2")
    facade.post(ROOMS, token=token, headers=parent(cold))
    trace_id = "1" * 31 + ("1" if elsewhere else "2")
    hit = facade.post(ROOMS, token=token, headers=parent(trace_id))
    assert hit.headers["X-Cache"] == "HIT"
    [span] = collector.trace(trace_id, lambda spans: len(spans) == 1)
    assert attributes(span)["facade.cache"] == "HIT"
    assert attributes(span)["graphql.operation.name"] == "RoomsToday"
    # What was asked is in no span unless that is set.
    whole = collector.trace(cold, lambda spans: any(span.name == "POST" for span in spans))
    assert not {"graphql.document", "facade.call.body"} & {name for span in whole for name in attributes(span)}
    [line] = facade.lines_of(hit.headers["X-Request-Id"])
    assert line["trace_id"] == trace_id


@pytest.fixture
def own_collector():
    """What one facade alone exports to."""
    own = Collector()
    yield own
    own.server.shutdown()
    own.server.server_close()


def test_what_is_not_sampled_is_not_exported_whether_the_caller_or_the_share_says_so(launch, sandbox, own_collector):
    facade = traced(
        launch, sandbox, own_collector, OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0"
    )
    token = sandbox.login()
    for _ in range(5):
        facade.post(ROOMS, token=token)
    facade.post(ROOMS, token=token, headers=parent("2" * 32, "00"))
    facade.post(ROOMS, token=token, headers=parent("3" * 32, "01"))
    [hit] = own_collector.trace("3" * 32, lambda spans: spans)
    assert attributes(hit)["facade.cache"] == "HIT"
    # They go out in the order in which they ended.
    assert own_collector.spans == [hit]


def test_an_exemplar_leads_from_the_histogram_to_the_trace(tracing, token):
    tracing.post(ROOMS, token=token, headers=parent("4" * 32))
    text = tracing.request("GET", "/metrics", headers={"Accept": OPENMETRICS}).text
    assert re.search(r'facade_http_request_seconds_bucket\{[^}]*\} \S+ # \{trace_id="[0-9a-f]{32}"\}', text)


def test_from_the_panel_of_slow_calls_an_exemplar_leads_to_the_trace_and_the_body_of_the_call(
    tracing, sandbox, collector, token
):
    tracing.post(ROOMS, token=token)
    [panel] = [panel for panel in dashboards().UPSTREAM if panel["title"] == "Time of calls"]
    expression, shows_exemplars = panel["targets"][0]["expr"], panel["targets"][0]["exemplar"]
    assert shows_exemplars
    name = re.search(r"facade_\w+_bucket", expression)[0]
    text = tracing.request("GET", "/metrics", headers={"Accept": OPENMETRICS}).text
    # The first click: what Grafana makes a link of, by the data source's provisioning.
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/telemetry.yaml").read_text())
    by_uid = {source["uid"]: source for source in sources["datasources"]}
    [link] = by_uid["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert by_uid[link["datasourceUid"]]["type"] == "jaeger"
    found = re.findall(rf'^{name}\{{.*path="/api/v3/reporting".*# \{{{link["name"]}="(\w+)"\}}', text, re.MULTILINE)
    assert found
    asked = [call["body"] for call in sandbox.calls()]
    spans = collector.trace(found[-1], lambda spans: any(span.name == "POST" for span in spans))
    # The second: the call's span.
    bodies = [attributes(span)["facade.call.body"] for span in spans if span.name == "POST /api/v3/reporting"]
    assert bodies
    assert all(json.loads(body) in asked for body in bodies)


def test_an_exporter_that_is_not_installed_stops_the_start_in_one_line(environment_of, tmp_path):
    ended = environment_of(FACADE_OTEL="true", OTEL_TRACES_EXPORTER="pigeon")
    assert ended.returncode == 2
    assert ended.stderr.startswith("facade: FACADE_OTEL: OTEL_TRACES_EXPORTER=pigeon needs the package")
    assert ended.stderr.count("\n") == 1


@pytest.fixture
def environment_of(tmp_path):
    """`facade serve` with settings of a test's own, until it ends."""

    def run(**settings):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}
        command = [sys.executable, "-m", "facade", "serve", "--port", "0"]
        return subprocess.run(
            command, env={**kept, **settings}, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
        )

    return run


def test_with_the_upstream_dead_there_is_one_warning_a_cause_with_code_and_count(launch, sandbox, free_url):
    facade = launch.facade(free_url, FACADE_UPSTREAM_RETRIES="0")
    answer = facade.post("{ a: rooms { data { id } } b: rooms { data { id } } c: sensors { data { id } } }", token="t")
    request_id = answer.headers["X-Request-Id"]
    assert len(answer.json()["errors"]) == 3
    lines = facade.lines_of(request_id)
    failed = [line for line in lines if line["event"] == "upstream failed"]
    assert [(line["level"], line["code"], line["count"]) for line in failed] == [("warning", "UPSTREAM_UNAVAILABLE", 3)]
    assert failed[0]["where"] == "1 x a, 1 x b, 1 x c"
    [request] = [line for line in lines if line["event"] == "request"]
    assert request["outcome"] == "partial"
    assert request["codes"] == {"UPSTREAM_UNAVAILABLE": 3}
    assert request["slowest"]


def test_the_log_as_json_says_when_the_process_started_and_stopped(launch, free_url):
    facade = launch.facade(free_url)
    facade.request("GET", "/healthz")
    facade.stop()
    events = [json.loads(line) for line in facade.log().splitlines()]
    said = [line for line in events if line["event"] in ("started", "stopped")]
    assert [line["event"] for line in said] == ["started", "stopped"]
    assert all(line["version"] and line["timestamp"] and line["level"] == "info" for line in said)


ITEM_OF_A_LINE = {"operation", "document", "outcome", "codes", "calls", "cost", "slowest", "slowest_ms", "cache"}


def test_a_line_says_of_an_operation_what_it_is_how_it_ended_and_what_it_took(facade, sandbox, token):
    sandbox.fault("/api/v3/detections", status=500)
    query = 'query Both { rooms { data { id } } detections(filter: {start: "-1h"}) { detections_local { value } } }'
    request_id = facade.post(query, token=token).headers["X-Request-Id"]
    [line] = [each for each in facade.lines_of(request_id) if each["event"] == "request"]
    assert line.keys() >= ITEM_OF_A_LINE
    assert line["operation"] == "Both"
    assert line["document"] == hashlib.sha256(query.encode()).hexdigest()[:12]
    assert (line["outcome"], line["codes"]) == ("partial", {"UPSTREAM_UNAVAILABLE": 1})
    assert line["calls"] == 3
    assert line["cost"] > 0


@pytest.fixture
def free_url():
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        # Bound and not listening: whoever connects is refused.
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def dashboards():
    spec = importlib.util.spec_from_file_location("dashboards", ROOT / "deploy/grafana/dashboards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expressions():
    for board in dashboards().DASHBOARDS.values():
        for panel in board["panels"]:
            for target in panel["targets"]:
                if "expr" in target:
                    yield target["expr"]
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def test_the_dashboards_in_the_repository_are_those_of_the_code():
    module = dashboards()
    for name, board in module.DASHBOARDS.items():
        assert (module.FOLDER / name).read_text() == module.written(board)


def test_every_expression_asks_for_what_a_running_facade_exports(facade, token):
    facade.post(ROOMS, token=token)
    exported = set()
    for line in facade.request("GET", "/metrics").text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            exported |= {name} if kind != "histogram" else {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    asked = {name for expression in expressions() for name in re.findall(r"\bfacade_\w+", expression)}
    assert asked
    assert asked <= exported


def test_promtool_takes_the_rules_the_expressions_and_the_metrics(facade, token, tmp_path):
    assert shutil.which("promtool"), "promtool is not installed: apt-get install prometheus"
    facade.post(ROOMS, token=token)
    rules = ROOT / "deploy/prometheus/alerts.yaml"
    asked = {
        "groups": [
            {
                "name": "dashboards",
                "rules": [
                    {"record": f"panel:{at}", "expr": expression.replace("$__rate_interval", "5m")}
                    for at, expression in enumerate(expressions())
                ],
            }
        ]
    }
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump(asked))
    for file in (rules, tmp_path / "panels.yaml"):
        checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    metrics = facade.request("GET", "/metrics").text
    own = "\n".join(line for line in metrics.splitlines() if re.match(r"(# \w+ )?facade_", line)) + "\n"
    checked = subprocess.run(["promtool", "check", "metrics"], input=own, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


SELECT = """import jsonata from "jsonata"; const [line, answer] = process.argv.slice(1);
console.log(JSON.stringify(await jsonata(line).evaluate(JSON.parse(answer))));"""


@pytest.fixture(scope="module")
def rows_by(npm_project):
    """What Grafana's Infinity data source makes of an answer: the rows that a JSONata expression gives."""
    folder = ROOT / "tests/clients"
    node = npm_project(folder)

    def rows(expression, answer):
        command = [node, "--input-type=module", "-e", SELECT, expression, json.dumps(answer)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=180)
        return json.loads(done.stdout)

    return rows


def test_grafanas_queries_for_rooms_are_answered_with_the_columns_they_name(facade, token, rows_by):
    [board] = [board for board in dashboards().DASHBOARDS.values() if board["uid"] == "facade-rooms"]
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/facade.yaml").read_text())
    [source] = provisioned["datasources"]
    for panel in board["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        [target] = panel["targets"]
        options = target["url_options"]
        variables = options["body_graphql_variables"]
        variables = variables.replace("${__from:date:iso}", "2026-01-05T15:00:00.000Z")
        variables = variables.replace("${__to:date:iso}", "2026-01-05T19:00:00.000Z")
        assert "$" not in variables
        answer = facade.ask(options["body_graphql_query"], json.loads(variables), token=token, path=target["url"])
        assert "errors" not in answer
        rows = rows_by(target["root_selector"], answer)
        assert rows
        for column in target["columns"]:
            found = [
                reduce(lambda value, name: (value or {}).get(name), column["selector"].split("."), row) for row in rows
            ]
            assert any(value is not None for value in found), column
