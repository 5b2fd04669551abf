"""Limits: the error's code and the number found, without an upstream call."""

import json

import pytest

SPAN = 'start: "2025-10-13T00:00:00Z", stop: "2025-10-14T00:00:00Z"'
BY_THE_MINUTE = f'report({SPAN}, measurements: [presence], window: {{every: "1m"}}) {{ rows {{ value }} }}'
BY_THE_DAY = f'report({SPAN}, measurements: [presence], window: {{every: "1d"}}) {{ rows {{ value }} }}'
HOSTILE = {
    "deep": "{ sensors { data { " + "room { sensors { " * 10 + "id" + " } }" * 10 + " } } }",
    "deeper": "{ a" * 1000 + " }" * 1000,
    "wide": "{ sensors { data { " + "id " * 3000 + "} } }",
    "aliases": "{ " + " ".join(f"a{at}: sensors {{ data {{ id }} }}" for at in range(300)) + " }",
    "directives": "{ sensors" + " @skip(if: false)" * 400 + " { data { id } } }",
    "tokens": "{ __typename " * 5000,
    "circle": "{ sensors { data { ...F } } } fragment F on Sensor { room { sensors { ...F } } }",
    "cost": "{ sensors { data { " + BY_THE_MINUTE.replace("2025-10-13", "2015-10-13") + " } } }",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused_asks_nothing_upstream(facade, sandbox, token, text):
    answer = facade.post(text, token=token)
    assert answer.status_code == 400
    assert "data" not in answer.json()
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} <= {
        "QUERY_TOO_COMPLEX",
        "GRAPHQL_VALIDATION_FAILED",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert sandbox.calls(token) == []


def test_a_body_of_three_megabytes_is_refused(facade, sandbox, token):
    assert facade.post("#" * 3 * 1024**2, token=token).status_code == 413
    assert sandbox.calls(token) == []


def test_a_cost_is_refused_before_the_first_call_with_the_limit(frugal, sandbox, token):
    error = frugal.error("{ sensors { data { " + BY_THE_MINUTE.replace("10-13", "09-13") + " } } }", token=token)
    assert error["extensions"] == {"code": "QUERY_TOO_COMPLEX", "cost": 1000 + 31 * 1440, "limit": 20_000}
    assert sandbox.calls(token) == []


def test_with_the_true_numbers_a_dear_field_is_refused_and_the_others_answered(frugal, sandbox, token):
    answer = frugal.ask(f"{{ sensors {{ data {{ id dear: {BY_THE_MINUTE} cheap: {BY_THE_DAY} }} }} }}", token=token)
    sensors = answer["data"]["sensors"]["data"]
    assert len(sensors) == 200
    assert all(sensor["id"] and sensor["dear"] is None and sensor["cheap"] for sensor in sensors)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"QUERY_TOO_COMPLEX"}
    assert all(error["path"][-1] == "dear" for error in answer["errors"])
    assert all(error["extensions"]["cost"] > error["extensions"]["limit"] == 20_000 for error in answer["errors"])
    windows = [call["body"]["window"]["every"] for call in sandbox.calls(token) if "window" in (call["body"] or {})]
    assert "1m" not in windows


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (
            f"{{ all: {BY_THE_MINUTE.replace('report(', 'report(filter: {').replace('], window', ']}, window')} }}",
            "report",
        ),
        (f"{{ detections(filter: {{{SPAN}}}) {{ detections_world {{ mac_address }} }} }}", "detections"),
    ],
    ids=["report", "detections"],
)
def test_rows_that_are_too_many_name_their_export(frugal, token, query, names):
    error = frugal.error(query, token=token)
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert "all rows that it selects" in error["message"]
    assert f"/export/{names}.parquet and `facade export {names}`" in error["message"]


def test_lists_in_lists_are_refused_whole_once_they_are_too_many(frugal, token):
    nested = "{ sensors { data { floor { sensors { floor { sensors { id } } } } } } }"
    answer = frugal.post(nested, token=token)
    assert answer.json()["data"] is None
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["limit"] == 20_000
    assert len(answer.content) < 2000


def test_few_assets_may_be_reached_in_the_same_way(frugal, sandbox, token):
    one = sandbox.campus()["sensors"][0]["id"]
    data = frugal.data(f'{{ sensor(id: "{one}") {{ floor {{ sensors {{ id }} }} }} }}', token=token)
    assert data["sensor"]["floor"]["sensors"]


class TestIntrospection:
    def test_it_can_be_switched_off(self, frugal):
        for query in ("{ __schema { queryType { name } } }", "{ _service { sdl } }"):
            error = frugal.error(query)
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"

    def test_then_nothing_is_suggested_either(self, facade, frugal):
        assert "Did you mean" in facade.post("{ sensrs { data { id } } }").text
        assert "Did you mean" not in frugal.post("{ sensrs { data { id } } }").text
        wrong = {"filter": {"start": "-1h", "measurement": ["presence"]}}
        query = "query ($filter: ReportFilter!) { report(filter: $filter) { data } }"
        assert "Did you mean" in facade.post(query, wrong).text
        assert "Did you mean" not in frugal.post(query, wrong).text


class TestMetrics:
    def test_requests_operations_and_the_cache_are_counted(self, launch, sandbox, sandbox_process, token):
        fresh = launch.facade(sandbox_process.url)
        fresh.data(f"{{ sensors {{ data {{ {BY_THE_DAY} }} }} }}", token=token)
        fresh.data(f"{{ sensors {{ data {{ {BY_THE_DAY} }} }} }}", token=token)
        fresh.post("{ nonsense }")
        fresh.request("GET", "/no/such/path-of-mine")
        fresh.request("PROPFIND", "/graphql")
        answer = fresh.request("GET", "/metrics")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert answer.headers["Cache-Control"] == "no-store"
        lines = answer.text.splitlines()
        for line in (
            'facade_http_requests_total{method="POST",route="/graphql",status="200"} 2.0',
            'facade_http_requests_total{method="POST",route="/graphql",status="400"} 1.0',
            'facade_http_requests_total{method="GET",route="-",status="404"} 1.0',
            'facade_http_requests_total{method="other",route="/graphql",status="405"} 1.0',
            'facade_operations_total{outcome="ok",type="query"} 2.0',
            'facade_operations_total{outcome="refused",type="query"} 1.0',
            'facade_cache_answers_total{status="MISS"} 1.0',
            'facade_cache_answers_total{status="HIT"} 1.0',
            'facade_http_request_seconds_count{route="/graphql"} 4.0',
            'facade_upstream_calls_total{outcome="ok",path="/api/v3/reporting"} 3.0',
            'facade_upstream_call_seconds_count{path="/api/v3/reporting"} 3.0',
        ):
            assert line in lines
        assert "path-of-mine" not in answer.text
        assert token not in answer.text
        fresh.stop()


def test_a_page_elsewhere_cannot_make_a_browser_spend(facade, sandbox, token):
    params = {"query": "{ __typename }"}
    foreign = {"Sec-Fetch-Site": "cross-site", "Accept": "*/*"}
    refused = facade.request("GET", "/graphql", params=params, headers=foreign)
    assert refused.status_code == 403
    assert "Apollo-Require-Preflight" in refused.json()["errors"][0]["message"]
    for header in ({"Apollo-Require-Preflight": "true"}, {"Authorization": f"Bearer {token}"}, {"X-API-Key": "k"}):
        assert facade.request("GET", "/graphql", params=params, headers=foreign | header).status_code == 200
    for site in ("same-origin", "none"):
        headers = {"Sec-Fetch-Site": site}
        assert facade.request("GET", "/graphql", params=params, headers=headers).status_code == 200
    assert facade.request("GET", "/graphql", params=params).status_code == 200
    # A link to the page is no operation.
    page = facade.request("GET", "/graphql", headers={"Sec-Fetch-Site": "cross-site", "Accept": "text/html"})
    assert page.status_code == 200


class TestCors:
    PREFLIGHT = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    def test_it_is_closed_unless_opened(self, facade, origin):
        preflight = facade.request("OPTIONS", "/graphql", headers={"Origin": origin, **self.PREFLIGHT})
        assert preflight.status_code == 405
        answer = facade.post("{ __typename }", headers={"Origin": origin})
        assert not any(name.startswith("access-control") for name in {**preflight.headers, **answer.headers})

    def test_an_origin_named_may_ask_and_another_may_not(self, frugal, origin):
        preflight = frugal.request("OPTIONS", "/graphql", headers={"Origin": origin, **self.PREFLIGHT})
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert "access-control-allow-credentials" not in preflight.headers
        answer = frugal.post("{ __typename }", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "X-Cache" in answer.headers["Access-Control-Expose-Headers"]
        got = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        assert frugal.request("GET", "/graphql", params={"query": "{ __typename }"}, headers=got).status_code == 200
        other = {"Origin": "https://evil.example", **self.PREFLIGHT}
        assert frugal.request("OPTIONS", "/graphql", headers=other).status_code == 400
        answer = frugal.post("{ __typename }", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers


class TestHeaders:
    @pytest.mark.parametrize("path", ["/graphql", "/healthz", "/metrics", "/none", "/graphiql/favicon.svg"])
    def test_every_answer_has_what_a_browser_obeys(self, facade, path):
        headers = facade.request("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"

    def test_graphiql_keeps_its_own_policy_and_its_scripts_have_none(self, facade):
        page = facade.request("GET", "/graphql", headers={"Accept": "text/html"})
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        script = page.text.partition('src="')[2].partition('"')[0]
        answer = facade.request("GET", "/graphiql/" + script.partition("graphiql/")[2])
        assert "javascript" in answer.headers["Content-Type"]
        assert "Content-Security-Policy" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestHosts:
    @pytest.mark.parametrize(
        "host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80", "a.localhost", "LOCALHOST."]
    )
    def test_names_of_this_machine_are_answered(self, service, host):
        assert service.post("{ __typename }", headers={"Host": host}).json() == {"data": {"__typename": "Query"}}

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", ""])
    def test_a_page_that_rebinds_its_name_reads_nothing(self, service, host):
        answer = service.post("{ sensors { data { id } } }", headers={"Host": host})
        assert answer.status_code == 421
        assert "FACADE_API_KEYS" in answer.text
        assert service.request("GET", "/readyz", headers={"Host": host}).status_code == 421

    def test_where_callers_bring_their_own_token_any_name_will_do(self, facade):
        assert facade.post("{ __typename }", headers={"Host": "api.example"}).status_code == 200


def test_an_answer_says_json_even_where_the_error_is_of_the_request(facade):
    answer = facade.request("GET", "/graphql", params={"query": "{", "variables": json.dumps({})})
    assert answer.headers["Content-Type"].startswith("application/json")


class TestWhatAnAnswerHolds:
    # Priced for one asset, of which there are 200.
    WIDE = '{ report(filter: {%s, measurements: [presence]}, window: {every: "15m"}) { %s } }'
    SPAN = 'start: "2025-10-13T00:00:00Z", stop: "2025-10-14T00:00:00Z"'

    @pytest.mark.parametrize("selection", ["rows { value }", "series { values }", "data"])
    def test_a_report_of_more_rows_than_an_operation_may_cost_is_refused_whole(self, frugal, token, selection):
        selections = " ".join(f"a{at}: {selection}" for at in range(20))
        answer = frugal.post(self.WIDE % (self.SPAN, selections), token=token)
        assert answer.json()["data"] is None
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert len(answer.content) < 2000
        assert int(answer.headers["X-Cost"]) > int(answer.headers["X-Cost-Limit"]) == 20_000

    def test_every_answer_says_what_it_cost(self, frugal, token):
        answer = frugal.post("{ __typename }")
        assert (answer.headers["X-Cost"], answer.headers["X-Cost-Limit"]) == ("0", "20000")
        answer = frugal.post(f"{{ sensors {{ data {{ {BY_THE_DAY} }} }} }}", token=token)
        assert 1000 < int(answer.headers["X-Cost"]) < 20_000
        assert frugal.post("{ nonsense").headers["X-Cost"] == "0"
