"""The HTTP around an answer."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

PATHS = ["/graphql", "/api/v3/graphql"]
RESPONSE_TYPE = "application/graphql-response+json"
SETTLED = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) {
    rows { value } freshness { as_of settled_until partial } } }"""
LIVE = """query ($every: Duration!) {
  report(filter: {start: "-605s", measurements: [presence]}, window: {every: $every, function: max}) {
    rows { value } freshness { partial settled_until } } }"""


def max_age(answer):
    found = re.fullmatch(r"private, max-age=(\d+)", answer.headers["Cache-Control"])
    return int(found[1])


@pytest.fixture
def get(facade, token):
    def get(query, variables=None, path="/graphql", **headers):
        params = {"query": query, **({"variables": json.dumps(variables)} if variables else {})}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {token}", "Accept": RESPONSE_TYPE, **given}
        return facade.request("GET", path, params=params, headers=sent)

    return get


class TestRequests:
    @pytest.mark.parametrize("path", PATHS)
    def test_both_paths_answer_alike(self, facade, get, token, path, at_work):
        posted = facade.post(SETTLED, at_work(), token=token, path=path)
        got = get(SETTLED, at_work(), path)
        assert posted.status_code == got.status_code == 200
        assert posted.headers["Content-Type"].startswith(RESPONSE_TYPE)
        assert posted.json() == got.json()
        assert posted.json()["data"]["report"]["rows"]

    @pytest.mark.parametrize("path", PATHS)
    def test_a_browser_gets_graphiql(self, facade, path):
        page = facade.request("GET", path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]

    def test_a_request_id_is_kept_when_sent_and_made_when_not(self, facade):
        kept = facade.post("{ __typename }", headers={"X-Request-Id": "id-of-mine.1"})
        assert kept.headers["X-Request-Id"] == "id-of-mine.1"
        made = {facade.post("{ __typename }").headers["X-Request-Id"] for _ in range(3)}
        assert len(made) == 3
        assert all(re.fullmatch(r"[0-9a-f-]{32,36}", one) for one in made)

    @pytest.mark.parametrize("unusable", ["with space", "x" * 500, '"quoted"'])
    def test_a_request_id_that_would_spoil_the_log_is_replaced(self, facade, unusable):
        answer = facade.post("{ __typename }", headers={"X-Request-Id": unusable})
        assert re.fullmatch(r"[0-9a-f-]{32,36}", answer.headers["X-Request-Id"])

    def test_every_answer_has_a_request_id(self, facade):
        for method, path in (("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/none"), ("PUT", "/graphql")):
            assert facade.request(method, path).headers["X-Request-Id"]

    def test_a_body_that_is_too_large_is_413(self, facade):
        query = "{ __typename }" + "#" * 1024**2
        whole = facade.post(query)
        assert whole.status_code == 413
        assert "1048576 bytes" in whole.json()["errors"][0]["message"]

        body = json.dumps({"query": query}).encode()
        # In chunks, so that no Content-Length gives it away.
        chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
        headers = {"Content-Type": "application/json"}
        assert facade.request("POST", "/graphql", content=chunks, headers=headers).status_code == 413

    def test_a_body_within_the_limit_is_read(self, facade):
        assert facade.data("{ __typename }" + "#" * (1024**2 - 200)) == {"__typename": "Query"}

    def test_a_mutation_by_get_is_405_and_does_nothing(self, sandbox, get):
        before = len(sandbox.calls())
        answer = get('mutation { clientLogin(client_id: "c", client_secret: "s") { access_token } }')
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
        assert "POST" in answer.json()["errors"][0]["message"]
        assert len(sandbox.calls()) == before

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_another_method_is_405(self, facade, method):
        answer = facade.request(method, "/graphql")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, POST"

    def test_what_is_no_json_is_415_and_broken_json_400(self, facade):
        form = facade.request("POST", "/graphql", data={"query": "{ __typename }"})
        assert form.status_code == 415
        broken = facade.request("POST", "/graphql", content=b'{"query": ', headers={"Content-Type": "application/json"})
        assert broken.status_code == 400
        assert "JSON" in broken.json()["errors"][0]["message"]

    def test_an_answer_nobody_accepts_is_406(self, facade):
        answer = facade.post("{ __typename }", headers={"Accept": "application/xml"})
        assert answer.status_code == 406
        assert RESPONSE_TYPE in answer.json()["errors"][0]["message"]


class TestCaching:
    def test_an_answer_says_how_it_was_had_and_how_long_it_keeps(self, facade, token, at_work):
        cold = facade.post(SETTLED, at_work(), token=token)
        assert cold.headers["X-Cache"] == "MISS"
        assert int(cold.headers["Age"]) <= 2
        # Of a span that has settled nothing changes any more.
        assert max_age(cold) > 3600
        assert {name.strip() for name in cold.headers["Vary"].split(",")} >= {
            "Authorization",
            "X-API-Key",
            "Accept",
            "Accept-Encoding",
        }
        freshness = cold.json()["data"]["report"]["freshness"]
        assert freshness["partial"] is False
        assert freshness["settled_until"] == at_work()["stop"]

        hot = facade.post(SETTLED, at_work(), token=token)
        assert hot.headers["X-Cache"] == "HIT"
        assert max_age(hot) <= max_age(cold)
        assert hot.json() == cold.json()

    def test_age_grows_while_an_answer_is_kept(self, facade, token, at_work):
        facade.post(SETTLED, at_work(), token=token)
        time.sleep(1.1)
        assert 1 <= int(facade.post(SETTLED, at_work(), token=token).headers["Age"]) < 10

    def test_an_answer_that_reaches_into_now_keeps_for_about_a_window(self, facade, token):
        # Until the next window closes: then the same ask, relative to now, means one window more.
        for every, longest in (("10s", 10), ("30s", 30), ("5m", 60)):
            answer = facade.post(LIVE, {"every": every}, token=token)
            assert 0 <= max_age(answer) <= longest

    def test_max_age_is_that_of_the_shortest_part(self, facade, token, at_work):
        both = f"""query ($start: Time!, $stop: Time, $every: Duration!) {{
          settled: report(filter: {{start: $start, stop: $stop, measurements: [presence]}}) {{ rows {{ value }} }}
          {LIVE.partition("{")[2].rpartition("}")[0]} }}"""
        answer = facade.post(both, {**at_work(), "every": "10s"}, token=token)
        assert "errors" not in answer.json()
        assert max_age(answer) <= 10

    def test_an_answer_with_an_error_is_not_to_be_stored(self, facade, sandbox, token, at_work):
        sandbox.fault("/api/v3/reporting", status=500)
        answer = facade.post(SETTLED, at_work(), token=token)
        assert answer.json()["errors"]
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "query",
        [
            'mutation { clientLogin(client_id: "demo-client", client_secret: "demo-secret") { access_token } }',
            "{ nonsense }",
            "{",
        ],
        ids=["mutation", "invalid", "malformed"],
    )
    def test_what_is_no_answer_of_a_query_is_not_to_be_stored(self, facade, query):
        answer = facade.post(query)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "X-Cache" not in answer.headers
        assert "ETag" not in answer.headers

    def test_a_get_has_an_etag_and_answers_304_to_it(self, get, at_work):
        first = get(SETTLED, at_work())
        etag = first.headers["ETag"]
        assert re.fullmatch(r'"[0-9a-f]+"', etag)
        for given in (etag, f"W/{etag}", f'"other", {etag}'):
            same = get(SETTLED, at_work(), If_None_Match=given)
            assert same.status_code == 304
            assert same.content == b""
            assert same.headers["ETag"] == etag
            assert same.headers["X-Cache"] == "HIT"
            assert "Authorization" in same.headers["Vary"]
        assert get(SETTLED, at_work(), If_None_Match='"other"').status_code == 200
        assert get(SETTLED, at_work(minutes=30)).headers["ETag"] != etag

    def test_the_media_types_have_an_etag_each(self, get, at_work):
        tags = {get(SETTLED, at_work(), Accept=media).headers["ETag"] for media in (RESPONSE_TYPE, "application/json")}
        assert len(tags) == 2

    def test_neither_a_post_nor_an_error_has_an_etag(self, facade, get, sandbox, token, at_work):
        assert "ETag" not in facade.post(SETTLED, at_work(), token=token).headers
        sandbox.fault("/api/v3/reporting", status=500)
        failed = get(SETTLED, at_work(days=1))
        assert failed.json()["errors"]
        assert "ETag" not in failed.headers

    def test_a_304_is_for_those_who_may_read_the_answer(self, facade, get, at_work):
        etag = get(SETTLED, at_work()).headers["ETag"]
        params = {"query": SETTLED, "variables": json.dumps(at_work())}
        headers = {"Accept": RESPONSE_TYPE, "If-None-Match": etag}
        answer = facade.request("GET", "/graphql", params=params, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

    def test_no_cache_gets_fresh_data_in_one_flight(self, facade, sandbox, token, at_work):
        facade.post(SETTLED, at_work(), token=token)
        sandbox.configure(latency_ms=300)

        def fresh(_):
            return facade.post(SETTLED, at_work(), token=token, headers={"Cache-Control": "no-cache"})

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(fresh, range(10)))
        assert {answer.headers["X-Cache"] for answer in answers} == {"BYPASS"}
        assert all("errors" not in answer.json() for answer in answers)
        assert len(sandbox.calls(token)) == 2
        # What was got is kept for the others.
        assert facade.post(SETTLED, at_work(), token=token).headers["X-Cache"] == "HIT"
        assert len(sandbox.calls(token)) == 2


def logged(facade, request_id):
    """The access log's line of a request. It follows the answer, so it may take a moment to be there."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for line in facade.log().splitlines():
            if f'"{request_id}"' in line and (record := json.loads(line)).get("request_id") == request_id:
                return record
        time.sleep(0.02)
    pytest.fail(f"{request_id} was not logged")


class TestOperating:
    def test_health_and_readiness(self, facade, token):
        alive = facade.request("GET", "/healthz")
        assert (alive.status_code, alive.json()["status"]) == (200, "ok")
        facade.data("{ sensors { data { id } } }", token=token)
        ready = facade.request("GET", "/readyz")
        assert ready.status_code == 200
        assert ready.json().keys() >= {"status", "upstream", "cache"}
        assert ready.json()["upstream"] == "ok"
        assert ready.headers["Cache-Control"] == "no-store"

    def test_the_access_log_is_a_line_of_json_a_request_without_secrets(self, facade, get, token, at_work):
        get(SETTLED, at_work(), X_Request_Id="logged.1")
        facade.post(SETTLED, at_work(), token=token, headers={"X-Request-Id": "logged.2"})
        first, second = (logged(facade, id_) for id_ in ("logged.1", "logged.2"))
        assert (first["method"], first["path"], first["status"]) == ("GET", "/graphql", 200)
        assert (first["cache"], first["calls"]) == ("MISS", 1)
        assert (second["cache"], second["calls"]) == ("HIT", 0)
        assert first["ms"] > 0
        assert token not in facade.log()
        assert "presence" not in facade.log()

    def test_switched_off_graphiql_is_not_served(self, launch, sandbox_process):
        plain = launch.facade(sandbox_process.url, FACADE_GRAPHIQL="false")
        page = plain.request("GET", "/graphql", headers={"Accept": "text/html"})
        assert page.status_code == 400
        assert plain.request("GET", "/graphiql/index.html").status_code == 404
        plain.stop()
