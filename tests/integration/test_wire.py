"""Requests as bytes, by the rules of RFC 9110 and RFC 9112, on the facade's own connections."""

import json
import socket

import pytest

BODY = json.dumps({"query": "{ __typename }"}).encode()
ANSWER = {"data": {"__typename": "Query"}}
MOST_HEAD = 8 * 1024


@pytest.fixture(scope="module")
def wired(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_MAX_HEAD_BYTES=str(MOST_HEAD))


@pytest.fixture(scope="module")
def impatient(launch, sandbox_process):
    return launch.facade(sandbox_process.url, FACADE_REQUEST_TIMEOUT="1")


class Connection:
    def __init__(self, server):
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=180)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = self._socket.makefile("rb")

    def send(self, *pieces):
        for piece in pieces:
            self._socket.sendall(piece)
        return self

    def answer(self):
        """The status, the headers and the body of the next answer; None where the connection has ended."""
        line = self._read.readline()
        if not line:
            return None
        headers = {}
        while field := self._read.readline().strip():
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._read.readline(), 16):
                body += self._read.read(size)
                self._read.readline()
            self._read.readline()
        elif "content-length" in headers:
            body = self._read.read(int(headers["content-length"]))
        else:
            body = self._read.read()
        return int(line.split()[1]), headers, body

    def close(self):
        self._read.close()
        self._socket.close()


@pytest.fixture
def connect():
    made = []

    def connect(server):
        made.append(Connection(server))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def post(*headers, body=BODY, version="1.1", host=True, length=True):
    lines = [f"POST /graphql HTTP/{version}", *(["Host: localhost"] if host else []), "Content-Type: application/json"]
    lines += [*headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body, trailers=""):
    return b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers.encode())


H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAAB",
)


class TestUpgrades:
    @pytest.mark.parametrize("cut", [None, "head", "within"])
    def test_an_offer_of_http_2_is_ignored_and_the_body_read(self, wired, connect, cut):
        whole = post(*H2C)
        at = {None: len(whole), "head": len(whole) - len(BODY), "within": len(whole) - 5}[cut]
        connection = connect(wired).send(whole[:at], whole[at:])
        status, _, body = connection.answer()
        assert (status, json.loads(body)) == (200, ANSWER)
        assert connection.send(post()).answer()[0] == 200

    def test_what_looks_like_a_request_in_such_a_body_is_no_request(self, wired, connect):
        hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        whole = post(*H2C, body=hidden)
        connection = connect(wired).send(whole[: -len(hidden)], hidden, post())
        assert connection.answer()[0] == 400
        status, _, body = connection.answer()
        assert (status, json.loads(body)) == (200, ANSWER)

    def test_offers_one_after_another_and_in_one_packet(self, wired, connect):
        connection = connect(wired).send(post(*H2C) + post(*H2C) + post())
        assert [connection.answer()[0] for _ in range(3)] == [200] * 3


def test_trailers_are_no_headers(wired, connect, token):
    query = json.dumps({"query": "{ sensors { data { id } } }"}).encode()
    head = post("Transfer-Encoding: chunked", body=b"", length=False)
    connection = connect(wired).send(head + chunked(query, f"Authorization: Bearer {token}\r\n"))
    assert json.loads(connection.answer()[2])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    connection.send(post(body=query))
    assert json.loads(connection.answer()[2])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


class TestHeads:
    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            (b"GET /" + b"a" * 20_000, 414),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000, 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 3000, 431),
            (b"\r\n" * 20_000, 431),
            (post("Transfer-Encoding: chunked", body=b"", length=False) + b"0\r\n" + b"X: a\r\n" * 3000, 431),
        ],
        ids=["target", "half a target", "half a field", "many fields", "blank lines", "trailers"],
    )
    def test_a_head_has_a_bound(self, wired, connect, sent, status):
        connection = connect(wired)
        # In packets: what is held of one that does not end counts, too.
        for at in range(0, len(sent), 1000):
            try:
                connection.send(sent[at : at + 1000])
            except OSError:
                break
        answer = connection.answer()
        assert answer is not None
        assert answer[0] == status
        assert answer[1]["connection"] == "close"

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (post(host=False), 400),
            (post("Host: localhost"), 400),
            (post("Host: other"), 400),
            (post(host=False, version="1.0"), 200),
            (post("Host: localhost", version="1.0"), 400),
        ],
    )
    def test_the_host_is_there_once(self, wired, connect, head, status):
        assert connect(wired).send(head).answer()[0] == status

    def test_connect_is_not_served(self, wired, connect):
        assert connect(wired).send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").answer()[0] == 501

    def test_what_came_before_a_wrong_request_is_answered_first(self, wired, connect):
        connection = connect(wired).send(post() + post() + post(host=False) + post())
        assert [connection.answer()[0] for _ in range(3)] == [200, 200, 400]
        assert connection.answer() is None


HALF = {
    "a line": b"POST /gr",
    "a head": post()[:40],
    "a body": post()[:-3],
    "a chunk": post("Transfer-Encoding: chunked", body=b"", length=False) + b"5\r\n{",
    "a chunk's size": post("Transfer-Encoding: chunked", body=b"", length=False) + b"5",
}
NOTHING = {"no byte": b"", "a blank line": b"\r\n"}


@pytest.fixture(scope="module")
def left(impatient):
    """A connection for each, on which no more comes: they wait for their deadline together."""
    asked = {**HALF, **NOTHING, "an answer": post() + post()[:-3]}
    connections = {name: Connection(impatient).send(part) for name, part in asked.items()}
    yield connections
    for connection in connections.values():
        connection.close()


class TestDeadlines:
    @pytest.mark.parametrize("name", HALF)
    def test_a_request_that_does_not_arrive_is_ended(self, left, name):
        assert left[name].answer()[0] == 408
        assert left[name].answer() is None

    @pytest.mark.parametrize("name", NOTHING)
    def test_a_connection_on_which_nothing_comes_is_closed(self, left, name):
        assert left[name].answer() is None

    def test_what_is_half_there_after_an_answer_is_ended_too(self, left):
        assert [left["an answer"].answer()[0], left["an answer"].answer()[0]] == [200, 408]


def test_an_answer_without_length_is_not_chunked_for_http_1_0(wired, connect):
    connection = connect(wired).send(b"GET /graphql HTTP/1.0\r\nAccept: text/html\r\n\r\n")
    status, headers, body = connection.answer()
    assert status == 200
    assert "transfer-encoding" not in headers
    assert body.rstrip().endswith(b"</html>")


def test_an_empty_header_is_not_an_absent_one(launch, sandbox, connect):
    """Requests that guards refuse are refused even if the answer without that header is in the response cache."""
    service = launch.facade(
        sandbox.url,
        FACADE_AUTH="service",
        BUTLR_CLIENT_ID="demo-client",
        BUTLR_CLIENT_SECRET="demo-secret",
    )
    get = "GET /graphql?query=%7Bsensors%7Bdata%7Bid%7D%7D%7D HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
    plain, foreign = get.format("").encode(), get.format("Sec-Fetch-Site:\r\n").encode()
    connection = connect(service).send(plain)
    assert connection.answer()[0] == 200
    assert "HIT" in [connection.send(plain).answer()[1]["x-cache"] for _ in range(3)]
    assert connection.send(foreign).answer()[0] == 403
    for host, status in (("[::1]", 200), ("[::1]:80", 200), ("[::1]evil", 421), ("[::1", 421)):
        named = plain.replace(b"localhost", host.encode())
        assert connect(service).send(named).answer()[0] == status, host


@pytest.mark.parametrize("given", ["*", '"other" , W/{}'])
def test_an_answer_known_by_any_tag_is_not_sent_again(facade, token, given):
    ask = {"params": {"query": "{ sensors { data { id } } }"}, "headers": {"Authorization": f"Bearer {token}"}}
    etag = facade.request("GET", "/graphql", **ask).headers["ETag"]
    ask["headers"]["If-None-Match"] = given.format(etag)
    assert facade.request("GET", "/graphql", **ask).status_code == 304
