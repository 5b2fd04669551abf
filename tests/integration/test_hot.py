"""Answers of the response cache equal new ones except for their times, and are given only to their own callers."""

import gzip
import hashlib
import json
import socket
import threading
import time

import brotli
import jwt
import pytest
import zstandard

RESPONSE_TYPE = "application/graphql-response+json"
REPORT = """query Settled($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) {
    rows { time value sensor_id } freshness { as_of } } }"""
LIVE = """query Live {
  report(filter: {start: "-605s", measurements: [presence]}, window: {every: "5m", function: max}) {
    rows { value } freshness { as_of } } }"""
SENSORS = "{ sensors { data { id } } }"
# What is of one request and its moment.
OWN = {"x-request-id", "x-cache", "x-upstream-calls", "age", "cache-control", "date"}


@pytest.fixture(scope="module", params=["facade serve", "elsewhere"])
def hot(request, launch, sandbox_process):
    """A facade with the response cache in its own server, and one with the response cache in the app."""
    return launch.facade(
        sandbox_process.url,
        elsewhere=request.param == "elsewhere",
        FACADE_RATE_LIMIT="100000/minute",
        FACADE_CORS_ORIGINS="https://dashboard.example",
    )


@pytest.fixture
def ask(hot, token, at_work):
    """Ask as a client of its own would: on one connection, what it is given, nothing more."""

    def ask(query=REPORT, variables=None, *, method="POST", **headers):
        variables = at_work() if variables is None and query is REPORT else variables
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {token}", "Accept": RESPONSE_TYPE, "Accept-Encoding": "identity", **given}
        if method == "GET":
            params = {"query": query, "variables": json.dumps(variables or {})}
            return hot.request("GET", "/graphql", params=params, headers=sent)
        return hot.request("POST", "/graphql", json={"query": query, "variables": variables or {}}, headers=sent)

    return ask


def counted(facade):
    """What the counters say of operations, each summed over its labels."""
    lines = [line for line in facade.request("GET", "/metrics").text.splitlines() if 'route="/metrics"' not in line]
    return {
        name: sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)
        for name in COUNTS
    }


class TestAnswers:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"method": "GET"},
            {"Accept": "application/json"},
            {"Accept_Encoding": "gzip"},
            {"Accept_Encoding": "br", "method": "GET"},
            {"Accept_Encoding": "zstd, gzip;q=0.5"},
            {"Origin": "https://dashboard.example"},
        ],
        ids=str,
    )
    def test_an_answer_given_again_is_the_one_made_anew(self, ask, sandbox, token, headers):
        made = ask(**headers)
        calls = len(sandbox.calls(token))
        again = [ask(**headers) for _ in range(3)]
        assert made.status_code == 200
        assert made.headers["X-Cache"] == "MISS"
        assert len(sandbox.calls(token)) == calls
        for one in again:
            assert one.status_code == 200
            assert one.content == made.content
            assert one.headers["X-Cache"] == "HIT"
            assert {k: v for k, v in one.headers.items() if k not in OWN} == {
                k: v for k, v in made.headers.items() if k not in OWN
            }
        assert len({one.headers["X-Request-Id"] for one in (made, *again)}) == 4

    def test_how_json_is_laid_out_changes_nothing_of_what_is_asked(self, hot, sandbox, token, at_work):
        variables = at_work()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        bodies = [
            json.dumps({"query": REPORT, "variables": variables}),
            json.dumps({"variables": dict(reversed(variables.items())), "query": REPORT}, indent=2),
        ]
        first, second = (hot.request("POST", "/graphql", content=body, headers=headers) for body in bodies)
        assert first.content == second.content
        assert len(sandbox.calls(token)) == 1

    def test_other_variables_are_another_operation(self, ask, at_work):
        one, other = at_work(minutes=30), at_work(minutes=60)
        assert ask(variables=one).content == ask(variables=one).content
        assert ask(variables=other).content != ask(variables=one).content
        assert ask(variables=other).content == ask(variables=other).content

    def test_age_goes_on_and_max_age_stays(self, ask):
        made, again = ask(LIVE), None
        until = time.monotonic() + 20
        while again is None or (int(again.headers["Age"]) < 1 and time.monotonic() < until):
            again = ask(LIVE)
        assert again.headers["X-Cache"] == "HIT"
        assert int(again.headers["Age"]) >= 1
        assert abs(_max_age(again) - _max_age(made)) <= 1

    def test_a_persisted_query_is_given_again_by_its_hash(self, hot, token, at_work, sandbox):
        named = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(REPORT.encode()).hexdigest()}}
        variables, headers = at_work(), {"Authorization": f"Bearer {token}"}
        body = {"extensions": named, "variables": variables}
        known = hot.request("POST", "/graphql", json={**body, "query": REPORT}, headers=headers)
        again = [hot.request("POST", "/graphql", json=body, headers=headers) for _ in range(3)]
        assert {one.content for one in again} == {known.content}
        assert {one.headers["X-Cache"] for one in again} == {"HIT"}
        assert len(sandbox.calls(token)) == 1


class TestValidators:
    def test_a_get_that_has_the_answer_already_is_told_so(self, ask):
        made = ask(method="GET")
        for _ in range(2):
            unchanged = ask(method="GET", If_None_Match=f'"other", W/{made.headers["ETag"]}')
            assert unchanged.status_code == 304
            assert unchanged.content == b""
            assert unchanged.headers["ETag"] == made.headers["ETag"]
            assert unchanged.headers["Vary"] == made.headers["Vary"]
            assert "Content-Type" not in unchanged.headers
        assert ask(method="GET", If_None_Match='"other"').content == made.content

    def test_each_coding_has_a_validator_of_its_own(self, ask):
        answers = [ask(method="GET", Accept_Encoding=coding) for coding in ("identity", "gzip", "br", "zstd") * 2]
        assert len({one.headers["ETag"] for one in answers}) == 4
        assert len({one.content for one in answers}) == 1, "the client decodes them"


@pytest.mark.parametrize(
    ("coding", "decoded"),
    [
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ],
)
def test_an_answer_is_compressed_as_the_client_takes_it(hot, ask, token, at_work, coding, decoded):
    plain = ask()
    body = {"query": REPORT, "variables": at_work()}
    headers = {"Authorization": f"Bearer {token}", "Accept": RESPONSE_TYPE, "Accept-Encoding": coding}
    for _ in range(2):
        with hot.http.stream("POST", f"{hot.url}/graphql", json=body, headers=headers) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["Content-Encoding"] == coding
        assert len(raw) < len(plain.content) / 3
        assert decoded(raw) == plain.content


class TestWhoseAnswers:
    def test_no_other_token_is_given_an_answer(self, ask, sandbox, at_work):
        assert ask().headers["X-Cache"] == "MISS"
        assert ask().headers["X-Cache"] == "HIT"
        other = sandbox.login("other")
        theirs = ask(Authorization=f"Bearer {other}")
        assert theirs.headers["X-Cache"] == "MISS"
        assert theirs.content != ask().content

    @pytest.mark.parametrize("authorization", ["", "Basic x", "Bearer made-up"])
    def test_no_made_up_credentials_are(self, ask, authorization):
        ask()
        answer = ask(Authorization=authorization)
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert ask().headers["X-Cache"] == "HIT"

    def test_a_token_that_has_ended_is_given_nothing_more(self, ask, launch, sandbox):
        ends = jwt.decode(sandbox.login(), options={"verify_signature": False})["exp"]
        assert ends > time.time() + 60
        sandbox.configure(token_ttl=3)
        short = f"Bearer {sandbox.login()}"
        assert ask(Authorization=short).headers["X-Cache"] == "MISS"
        assert ask(Authorization=short).headers["X-Cache"] == "HIT"
        until = time.monotonic() + 20
        while (answer := ask(Authorization=short)).headers.get("X-Cache") == "HIT" and time.monotonic() < until:
            time.sleep(0.05)
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

    def test_a_token_that_the_upstream_refuses_is_given_nothing_more(self, ask, sandbox):
        ask()
        assert ask().headers["X-Cache"] == "HIT"
        sandbox.fault("/api/v3/detections", status=401, times=1)
        gone = ask('{ detections(filter: {start: "-1h", mac_addresses: ["a"]}) { detections_local { value } } }')
        assert gone.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert ask().headers["X-Cache"] == "MISS"

    def test_a_form_that_another_site_can_send_is_refused_though_its_text_is_known(self, hot, ask, token, at_work):
        ask()
        body = json.dumps({"query": REPORT, "variables": at_work()})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain", "Accept": RESPONSE_TYPE}
        assert hot.request("POST", "/graphql", content=body, headers=headers).status_code == 415

    def test_a_body_that_is_not_coded_as_it_says_is_refused_though_its_bytes_are_known(self, ask):
        assert [ask().status_code for _ in range(2)] == [200, 200]
        assert [ask(Content_Encoding=coding).status_code for coding in ("gzip", "br")] == [400, 415]

    def test_a_page_is_refused_whose_site_no_proxy_names_though_its_get_is_known(self, service):
        get = {"params": {"query": SENSORS}, "headers": {"Origin": "https://shown.example"}}
        by_proxy = {**get, "headers": {**get["headers"], "X-Forwarded-Host": "shown.example"}}
        assert [service.request("GET", "/graphql", **by_proxy).status_code for _ in range(2)] == [200, 200]
        assert service.request("GET", "/graphql", **get).status_code == 403

    def test_a_page_of_another_site_is_refused_though_its_get_is_known(self, service, sandbox):
        params = {"query": SENSORS}
        assert service.request("GET", "/graphql", params=params).status_code == 200
        assert service.request("GET", "/graphql", params=params).headers["X-Cache"] == "HIT"
        foreign = service.request("GET", "/graphql", params=params, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403

    def test_a_name_that_is_not_this_machines_is_refused_though_the_operation_is_known(self, service):
        for _ in range(2):
            assert service.post(SENSORS).status_code == 200
        assert service.post(SENSORS, headers={"Host": "rebound.example"}).status_code == 421


class TestWhatIsNotGivenAgain:
    def test_who_asks_for_fresh_data_gets_it_and_leaves_it_for_the_next(self, ask, sandbox, token):
        first = ask(LIVE)
        assert ask(LIVE).content == first.content
        fresh = ask(LIVE, Cache_Control="no-cache")
        assert fresh.headers["X-Cache"] == "BYPASS"
        assert fresh.json()["data"]["report"]["freshness"] != first.json()["data"]["report"]["freshness"]
        assert ask(LIVE).content == fresh.content
        assert len(sandbox.calls(token)) == 2

    def test_an_answer_with_errors_is_made_anew(self, ask, sandbox, token):
        sandbox.fault("/api/v3/reporting", status=400, body='{"message": "no"}', times=2)
        for _ in range(2):
            answer = ask()
            assert answer.json()["errors"]
            assert answer.headers["Cache-Control"] == "no-store"
        assert "errors" not in ask().json()
        assert len(sandbox.calls(token)) == 3

    def test_a_mutation_runs_each_time(self, hot, sandbox):
        login = """mutation { clientLogin(client_id: "demo-client", client_secret: "demo-secret") { access_token } }"""
        assert len({hot.post(login).content for _ in range(3)}) == 3


class TestRates:
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_an_answer_given_again_counts(self, launch, sandbox, elsewhere):
        strict = launch.facade(sandbox.url, elsewhere=elsewhere, FACADE_RATE_LIMIT="5/minute")
        one, other = sandbox.login(), sandbox.login()
        assert [strict.post(SENSORS, token=one).status_code for _ in range(7)] == [200] * 5 + [429] * 2
        assert strict.post(SENSORS, token=other).status_code == 200
        strict.stop()


class TestWhatIsSaid:
    def test_each_has_a_line_in_the_log_an_id_and_its_place_in_the_counts(self, hot, ask):
        ask()
        before = counted(hot)
        ask()
        cost = counted(hot)["facade_operation_points_total"] - before["facade_operation_points_total"]
        assert cost > 0
        before = counted(hot)
        for number in range(5):
            request_id = f"given-{number}-{time.monotonic_ns()}"
            assert ask(X_Request_Id=request_id).headers["X-Request-Id"] == request_id
            [line] = hot.lines_of(request_id)
            assert (line["method"], line["path"], line["status"]) == ("POST", "/graphql", 200)
            assert (line["cache"], line["calls"], line["event"], line["level"]) == ("HIT", 0, "request", "info")
            assert line["ms"] >= 0
        after = counted(hot)
        assert {name: after[name] - before[name] for name in COUNTS} == {
            "facade_http_requests_total": 5,
            "facade_http_request_seconds_count": 5,
            "facade_operations_total": 5,
            "facade_cache_answers_total": 5,
            "facade_operation_points_total": 5 * cost,
        }

    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_each_is_in_the_audit_log_as_the_first_one(self, launch, sandbox, tmp_path, elsewhere, at_work):
        file = tmp_path / "audit.log"
        audited = launch.facade(sandbox.url, elsewhere=elsewhere, FACADE_AUDIT_LOG=str(file))
        token = sandbox.login()
        for number in range(3):
            audited.data(REPORT, at_work(), token=token, headers={"X-Request-Id": f"id-{number}"})
        made, *again = [json.loads(line) for line in file.read_text().splitlines()]
        assert [one.pop("request_id") for one in (made, *again)] == ["id-0", "id-1", "id-2"]
        assert [one.pop("calls") for one in (made, *again)] == [1, 0, 0]
        for one in (made, *again):
            assert one.pop("time")
        assert again == [made, made]
        assert made["operation"] == "Settled"
        audited.stop()


COUNTS = (
    "facade_http_requests_total",
    "facade_http_request_seconds_count",
    "facade_operations_total",
    "facade_cache_answers_total",
    "facade_operation_points_total",
)


class TestConnections:
    """Requests as they may come over a socket."""

    @pytest.fixture
    def raw(self, hot, token):
        body = json.dumps({"query": SENSORS}).encode()
        head = (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n"
        ).encode()
        connection = socket.create_connection(("127.0.0.1", int(hot.url.rpartition(":")[2])), 30)
        yield connection, head, body
        connection.close()

    def test_whole_in_pieces_and_several_at_once(self, raw):
        connection, head, body = raw
        request = head + b"\r\n" + body
        answers = connection.makefile("rb")
        connection.sendall(request)
        first = _read(answers)
        # The second time it is found by its text, from then on by its very bytes.
        for _ in range(3):
            connection.sendall(request)
            assert _read(answers)[2] == first[2]
        for at in (1, len(head) // 2, len(head) + 2, len(request) - 1):
            connection.sendall(request[:at])
            time.sleep(0.02)
            connection.sendall(request[at:])
            assert _read(answers)[2] == first[2]
        connection.sendall(request * 5 + request[:40])
        assert [_read(answers)[2] for _ in range(5)] == [first[2]] * 5
        connection.sendall(request[40:] + request)
        assert [_read(answers)[2] for _ in range(2)] == [first[2]] * 2
        chunked = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        connection.sendall(chunked + b"\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n" + request)
        assert [_read(answers)[2] for _ in range(2)] == [first[2]] * 2

    def test_a_connection_that_asks_to_be_closed_is_and_one_more_request_gets_no_answer(self, raw):
        connection, head, body = raw
        answers = connection.makefile("rb")
        connection.sendall(head + b"\r\n" + body)
        _read(answers)
        for _ in range(2):
            connection.sendall(head + b"\r\n" + body)
            assert _read(answers)[0] == 200
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        status, headers, _ = _read(answers)
        assert (status, headers["connection"], headers["x-cache"]) == (200, "close", "HIT")
        assert answers.read() == b""

    def test_many_connections_at_once_get_one_answer(self, hot, ask, sandbox, token):
        made = ask()
        found = []

        def several():
            found.extend(ask().content for _ in range(20))

        threads = [threading.Thread(target=several) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [made.content] * 320
        assert len(sandbox.calls(token)) == 1


@pytest.fixture(scope="module")
def service(launch, sandbox_process):
    return launch.facade(
        sandbox_process.url,
        FACADE_AUTH="service",
        BUTLR_CLIENT_ID="demo-client",
        BUTLR_CLIENT_SECRET="demo-secret",
    )


def _max_age(answer):
    return int(answer.headers["Cache-Control"].removeprefix("private, max-age="))


def _read(answers):
    """Return the status, the headers and the body of the next answer."""
    status = int(answers.readline().split()[1])
    headers = {}
    while line := answers.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, answers.read(int(headers["content-length"]))
