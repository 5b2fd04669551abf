"""The meaning of request headers: several lines, weights, codings, origins; and paths with a trailing slash."""

import gzip
import json

import pytest

JSON = "application/json"
BODY = json.dumps({"query": "{ __typename }"}).encode()
ORIGIN = "https://dashboard.example"


@pytest.fixture(scope="module")
def open_to_pages(launch, sandbox_process):
    """A facade as `serve --sandbox` starts it, which pages of one other origin may call, too."""
    return launch.facade(
        sandbox_process.url,
        FACADE_SANDBOX_DEMO="true",
        BUTLR_CLIENT_ID="demo-client",
        BUTLR_CLIENT_SECRET="demo-secret",
        FACADE_CORS_ORIGINS=ORIGIN,
    )


def post(facade, *headers, content=BODY, path="/graphql"):
    return facade.request("POST", path, content=content, headers=[("Content-Type", JSON), *headers])


class TestLines:
    def test_accept_is_one_list_over_its_lines(self, facade):
        answer = post(facade, ("Accept", "image/png"), ("Accept", "application/graphql-response+json"))
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/graphql-response+json")

    def test_cache_control_is_one_list_over_its_lines(self, facade, token, at_work):
        report = "{ report(filter: {start: %s, stop: %s, measurements: [presence]}) { rows { value } } }"
        span = at_work(minutes=7)
        query = report % (json.dumps(span["start"]), json.dumps(span["stop"]))
        content = json.dumps({"query": query}).encode()
        own = ("Authorization", f"Bearer {token}")
        post(facade, own, content=content)
        fresh = post(facade, own, ("Cache-Control", "max-age=0"), ("Cache-Control", "no-cache"), content=content)
        assert fresh.headers["X-Cache"] == "BYPASS"

    def test_if_none_match_and_accept_encoding_are_lists_over_their_lines(self, facade, token):
        def get(*headers):
            own = [("Authorization", f"Bearer {token}"), ("Accept", JSON), *headers]
            params = {"query": "{ sensors { data { id name mac_address room { id name } } } }"}
            return facade.request("GET", "/graphql", params=params, headers=own)

        first = get(("Accept-Encoding", "identity"), ("Accept-Encoding", "gzip"))
        assert first.headers["Content-Encoding"] == "gzip"
        codings = [("Accept-Encoding", "gzip")]
        known = get(*codings, ("If-None-Match", '"another"'), ("If-None-Match", first.headers["ETag"]))
        assert known.status_code == 304


@pytest.mark.parametrize(
    ("accept", "status", "type_"),
    [
        ("application/json;q=0", 406, JSON),
        ("*/*;q=0", 406, JSON),
        ("*/*, application/json;q=0", 200, "application/graphql-response+json"),
        ("application/*, application/json;q=0, application/graphql-response+json;q=0", 406, JSON),
        ("application/graphql-response+json;q=0, */*", 200, JSON),
        ("application/graphql-response+json;q=0.5, application/json", 200, JSON),
        ("*/*;q=0.5, text/html;q=0", 200, JSON),
    ],
)
def test_a_type_of_no_weight_is_not_accepted(facade, accept, status, type_):
    answer = post(facade, ("Accept", accept))
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(type_)


class TestCodings:
    @pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
    def test_a_body_in_gzip_is_read(self, facade, coding):
        members = gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])
        for content in (gzip.compress(BODY), members):
            answer = post(facade, ("Content-Encoding", coding), content=content)
            assert answer.json() == {"data": {"__typename": "Query"}}

    @pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
    def test_another_coding_is_refused_with_the_one_that_is_read(self, facade, token, coding):
        own = ("Authorization", f"Bearer {token}"), ("Content-Encoding", coding)
        for path in ("/graphql", "/api/v3/reporting", "/graphiql/translate"):
            answer = post(facade, *own, path=path)
            assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip")

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (gzip.compress(b" " * 2_000_000), 413),
            (gzip.compress(BODY)[:-9], 400),
            (BODY, 400),
            (gzip.compress(b"") * 20 + gzip.compress(BODY), 400),
        ],
        ids=["too large", "cut", "not gzip", "of many members"],
    )
    def test_a_body_in_gzip_has_the_limits_of_any(self, facade, content, status):
        assert post(facade, ("Content-Encoding", "gzip"), content=content).status_code == status

    def test_a_rest_call_in_gzip_is_that_call(self, facade, token, at_work):
        body = json.dumps({"filter": {**at_work(), "measurements": ["presence"]}}).encode()
        own = ("Authorization", f"Bearer {token}")
        plain = post(facade, own, path="/api/v3/reporting", content=body)
        coded = ("Content-Encoding", "gzip")
        assert plain.json()["data"]
        assert post(facade, own, coded, path="/api/v3/reporting", content=gzip.compress(body)).json() == plain.json()
        # What the upstream shall judge goes up decoded, and without the header.
        wrong = post(facade, own, coded, path="/api/v3/reporting", content=gzip.compress(b'{"filter": 7}'))
        assert wrong.json() == post(facade, own, path="/api/v3/reporting", content=b'{"filter": 7}').json()


@pytest.mark.parametrize("path", ["/v2/sensors", "/api/v2/sensors", "/api/v3/reporting", "/v3/reporting"])
def test_a_trailing_slash_is_served_without_a_redirect(facade, token, path):
    method = "POST" if path.endswith("reporting") else "GET"
    plain, slashed = (
        facade.request(
            method,
            spelt,
            headers={"Authorization": f"Bearer {token}", "Host": "evil.example"},
            **({"json": {"filter": 7}} if method == "POST" else {}),
        )
        for spelt in (path, f"{path}/")
    )
    assert plain.status_code == slashed.status_code == (400 if method == "POST" else 200)
    assert plain.content == slashed.content


def test_graphql_has_a_trailing_slash_or_none(facade):
    for path in ("/graphql/", "/api/v3/graphql/"):
        assert post(facade, path=path).json() == {"data": {"__typename": "Query"}}
    assert facade.request("GET", "/graphiql", headers={"Host": "evil.example"}).status_code == 404


class TestOrigins:
    @pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:1"])
    def test_a_preflight_allows_what_is_asked(self, open_to_pages, origin):
        asked = "sentry-trace, baggage, traceparent, if-none-match, x-requested-with, apollographql-client-name"
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": asked,
        }
        answer = open_to_pages.request("OPTIONS", "/graphql", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Headers"] == asked

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null", ""])
    def test_another_origin_is_not_allowed(self, open_to_pages, origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = open_to_pages.request("OPTIONS", "/graphql", headers=headers)
        assert answer.status_code == 400
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_loopback_is_for_the_sandbox_alone(self, launch, sandbox_process):
        headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
        real = launch.facade(sandbox_process.url, FACADE_CORS_ORIGINS=ORIGIN)
        assert real.request("OPTIONS", "/graphql", headers=headers).status_code == 400

    def test_a_page_may_read_the_headers_that_tell_of_an_answer(self, open_to_pages):
        answer = open_to_pages.request("GET", "/api/v2/sensors", headers={"Origin": ORIGIN})
        exposed = set(answer.headers["Access-Control-Expose-Headers"].lower().split(", "))
        own = {name.lower() for name in answer.headers} | {"www-authenticate", "retry-after", "x-cost", "etag"}
        assert {"deprecation", "sunset", "link", "x-cost", "etag", "x-cache"} <= exposed
        unread = {"access-control-allow-origin", "access-control-expose-headers", "vary", "date", "content-length"}
        of_browsers = {"content-type", "cache-control", "content-security-policy", "referrer-policy"}
        assert own - exposed - unread - of_browsers <= {"x-content-type-options", "server"}

    @pytest.mark.parametrize("path", ["/api/v3/reporting", "/api/v2/login", "/v2/sensors"])
    @pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
    def test_an_empty_header_is_not_an_absent_one(self, facade, path, header):
        headers = {header: "", "Content-Type": "text/plain"}
        method = "GET" if "sensors" in path else "POST"
        content = {} if method == "GET" else {"content": b"{}"}
        assert facade.request(method, path, headers=headers, **content).status_code == 403

    def test_a_page_of_this_machine_may_ask_the_sandbox(self, open_to_pages):
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:5173", "Accept": JSON}
        params = {"query": "{ __typename }"}
        assert open_to_pages.request("GET", "/graphql", params=params, headers=headers).status_code == 200
        headers["Origin"] = "https://evil.example"
        assert open_to_pages.request("GET", "/graphql", params=params, headers=headers).status_code == 403
