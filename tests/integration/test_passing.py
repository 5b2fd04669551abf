"""Which requests and answers of REST clients are passed on unchanged, and which are not."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

HTML = ("text/html", b"<script>alert(1)</script>")


class Upstream(ThreadingHTTPServer):
    """Notes requests as they come on the wire, and answers what a test says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.reply: tuple[int, dict[str, str], bytes] = (200, {"Content-Type": "application/json"}, b"{}")


class Handler(BaseHTTPRequestHandler):
    server: Upstream

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        status, given, content = self.server.reply
        self.send_response(status)
        for name, value in {**given, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with Upstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        yield upstream
        upstream.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def passing(launch, server):
    url = f"http://127.0.0.1:{server.server_address[1]}/base"
    return launch.facade(url, FACADE_FORWARD_UNKNOWN="true", FACADE_UPSTREAM_RETRIES="0")


@pytest.fixture
def upstream(server):
    server.asked.clear()
    server.reply = (200, {"Content-Type": "application/json"}, b"{}")
    return server


@pytest.fixture
def raw(passing):
    """A request whose target is sent as it is written."""
    import http.client  # noqa: PLC0415 -- httpx normalises paths

    def send(method: str, target: str, body: bytes | None = None, **headers: str):
        host = passing.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=180)
        given = {
            "Authorization": f"Bearer {uuid4().hex}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        given = {name: value for name, value in given.items() if value}
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {**given, **({"Content-Length": str(len(body))} if body is not None else {})}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    return send


@pytest.mark.parametrize(
    "step",
    [
        "..",
        ".",
        "%2e%2e",
        "%2E.",
        "%252e%252e",
        "%25252e%25252e",
        "..%2f..",
        "..;a=b",
        "%2e%2e%5c",
        "..%00",
        "a%2f..%2f..",
    ],
)
def test_no_path_leaves_the_base(upstream, raw, step):
    for target in (f"/api/{step}/{step}/other/secrets", f"/api/v9/{step}", f"/api/v9/x%2f{step}"):
        answer, _ = raw("GET", target)
        assert answer.status == 400
    assert upstream.asked == []


@pytest.mark.parametrize(
    "target", ["/api/v9/a%2Fb", "/api/v9/a%00b", "/api/v9/%E2%82%AC?q=%26&r=a%20b", "/api/v9/a..b/...c"]
)
def test_a_path_goes_up_as_it_came(upstream, raw, target):
    assert raw("GET", target)[0].status == 200
    assert [path for _, path, _, _ in upstream.asked] == [f"/base{target}"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"username=a&password=b"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        ("application/json; charset=utf-8", b'{"username": "a"}'),
    ],
)
@pytest.mark.parametrize("path", ["/api/v2/login", "/api/v2/clients/login", "/api/v9/unknown"])
def test_bodies_keep_their_content_type(upstream, raw, path, content_type, body):
    assert raw("POST", path, body, Content_Type=content_type, Accept="text/csv")[0].status == 200
    [(_, _, headers, sent)] = upstream.asked
    assert (headers["content-type"], headers["accept"], sent) == (content_type, "text/csv", body)


@pytest.mark.parametrize("path", ["/api/v2/login", "/api/v9/unknown", "/api/v3/reporting"])
class TestFailures:
    BODY = json.dumps({"filter": {"start": "2025-01-01T00:00:00Z", "stop": "2025-01-02T00:00:00Z"}}).encode()

    def ask(self, raw, path):
        return raw("POST", path, self.BODY, Content_Type="application/json")

    def test_when_to_come_back_is_passed_on(self, upstream, raw, path):
        upstream.reply = (429, {"Retry-After": "7", "Content-Type": "application/json"}, b'{"message": "slow"}')
        answer, content = self.ask(raw, path)
        assert (answer.status, answer.getheader("Retry-After"), content) == (429, "7", b'{"message": "slow"}')

    def test_every_401_names_its_scheme(self, upstream, raw, path):
        upstream.reply = (401, {"Content-Type": "application/json"}, b'{"message": "no"}')
        answer, _ = self.ask(raw, path)
        assert (answer.status, answer.getheader("WWW-Authenticate")) == (401, "Bearer")

    @pytest.mark.parametrize("status", [200, 301, 400, 401, 500])
    def test_no_page_of_the_upstreams_comes_under_our_origin(self, upstream, raw, path, status):
        upstream.reply = (status, {"Content-Type": HTML[0], "Location": "https://evil.example/"}, HTML[1])
        answer, content = self.ask(raw, path)
        assert answer.status >= 400
        assert answer.getheader("Content-Type") == "application/json"
        assert b"script" not in content

    def test_a_redirect_elsewhere_is_a_bad_gateway(self, upstream, raw, path):
        upstream.reply = (301, {"Location": "https://evil.example/api/v9/x", "Content-Type": "application/json"}, b"{}")
        answer, _ = self.ask(raw, path)
        assert answer.status == 502
        assert answer.getheader("Location") is None

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"},
            {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://evil.example"},
            {"Content-Type": "multipart/form-data", "Origin": "null"},
            {"Sec-Fetch-Site": "same-site", "Origin": "https://sub.evil.example"},
            {"Origin": ""},
            {"Sec-Fetch-Site": ""},
        ],
    )
    def test_a_page_of_another_site_sends_nothing(self, upstream, raw, path, headers):
        answer, _ = raw(
            "POST", path, self.BODY, Authorization="", **{k.replace("-", "_"): v or " " for k, v in headers.items()}
        )
        assert answer.status == 403
        assert upstream.asked == []


def test_a_location_is_a_path_of_ours(upstream, server, raw):
    base = f"http://127.0.0.1:{server.server_address[1]}/base"
    for location in (f"{base}/api/v9/there?a=1", "/base/api/v9/there?a=1"):
        upstream.reply = (302, {"Location": location, "Content-Type": "application/json"}, b"{}")
        answer, _ = raw("GET", "/api/v9/here")
        assert (answer.status, answer.getheader("Location")) == (302, "/api/v9/there?a=1")


def test_forms_of_oauth_clients_stay_welcome(upstream, raw):
    answer, _ = raw("POST", "/api/v2/login", b"a=b", Authorization="", Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 200
    assert len(upstream.asked) == 1


def test_every_page_has_a_policy(passing):
    for path in ("/graphiql/index.html", "/graphql"):
        page = passing.request("GET", path, headers={"Accept": "text/html"})
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
