"""Any bytes on the socket get a valid HTTP answer, typed if it is GraphQL, or a closed connection; never a crash."""

import json
import os
import select
import socket
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException, HTTPResponse

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
PATHS = [
    "/graphql",
    "/api/v3/graphql",
    "/api/v3/reporting",
    "/api/v3/detections",
    "/api/v4/reporting/stats",
    "/api/v2/login",
    "/api/v2/clients/login",
    "/api/v2/sensors",
    "/api/v2/spaces/x",
    "/readyz",
    "/metrics",
    "/%2e%2e/%00",
]
QUERY = b'{"query": "{ __typename }"}'
CLOSING = {b"[": b"]", b'{"a": ': b"}"}

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["{ __typename }", "{ sensors { data { id } } }", "query A { __typename }", ""])
        | json_values,
        "variables": json_values,
        "operationName": json_values,
        "extensions": json_values
        | st.fixed_dictionaries(
            {"persistedQuery": json_values | st.fixed_dictionaries({"version": json_values, "sha256Hash": json_values})}
        ),
        "documentId": json_values,
        "filter": json_values
        | st.fixed_dictionaries({}, optional={"start": json_values, "stop": json_values, "measurements": json_values}),
        "window": json_values,
        "options": json_values | st.fixed_dictionaries({"format": json_values}),
        "data_types": json_values,
        "items": json_values,
    },
)
deep_bodies = st.builds(
    lambda body, levels, opening: body.replace(b"0", opening * levels + b"1" + CLOSING[opening] * levels),
    st.sampled_from(
        [
            QUERY[:-1] + b', "variables": 0}',
            QUERY[:-1] + b', "extensions": {"a": 0}}',
            b'{"query": 0}',
            b'{"filter": {"start": "-h", "x": 0}}',
            b'{"items": 0, "measurements": ["occupancy_avg_presence"], "start": "-h", "stop": "now"}',
            b"0",
        ]
    ),
    st.sampled_from([60, 70, 300, 1_000, 5_000]),
    st.sampled_from([b"[", b'{"a": ']),
)
bodies = (
    requests.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps(value).encode())
    | deep_bodies
    | st.binary(max_size=200)
    | st.sampled_from([QUERY, b"", b"\xff\xfe{\x00", b'{"query": "\xed\xa0\x80"}', b'{"query": "\\ud800"}', b"null"])
)
header_values = (
    st.binary(max_size=60)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60).map(
        lambda text: text.encode("latin-1")
    )
    | st.sampled_from(
        [b"*/*;q=nan", b"text/html;q=1e999", b"application/json; charset=", b'W/"', b",,;=;", b"0" * 9000]
    )
)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"Accept",
                b"Accept-Encoding",
                b"Authorization",
                b"Cache-Control",
                b"Content-Encoding",
                b"Content-Type",
                b"Cookie",
                b"Expect",
                b"Host",
                b"If-None-Match",
                b"Origin",
                b"Sec-Fetch-Site",
                b"Transfer-Encoding",
                b"Upgrade",
                b"X-API-Key",
                b"X-Request-Id",
                b"X-HTTP-Method-Override",
                b"Content-Length",
            ]
        ),
        header_values,
    ),
    max_size=5,
)


class Kept:
    """A connection's stream, which outlives the answer that is read from it."""

    def __init__(self, stream):
        self._stream = stream

    def makefile(self, *_):
        return self

    def close(self):
        pass

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.fixture
def sent(facade):
    """Sends bytes on a connection of their own; the answers that come back, as status, headers and body."""
    address = ("127.0.0.1", int(facade.url.rpartition(":")[2]))

    def send(raw, *, answers=1, patience=20.0):
        """After `patience` seconds without an answer the rest of the request is said not to come."""
        with socket.create_connection(address) as connection, connection.makefile("rb") as stream:
            connection.settimeout(20)
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(raw)
                if not select.select([connection], [], [], patience)[0]:
                    connection.shutdown(socket.SHUT_WR)
            got = []
            for _ in range(answers):
                response = HTTPResponse(Kept(stream))
                try:
                    response.begin()
                    got.append((response.status, response.headers, response.read()))
                except (HTTPException, ConnectionResetError, BrokenPipeError):
                    # Closed without an answer, as is due to what is no HTTP.
                    break
            return got

    return send


def check(answers):
    for status, fields, body in answers:
        assert b"INTERNAL_SERVER_ERROR" not in body, body
        assert b"Traceback" not in body
        if status >= 500:
            # The upstream's own word, or that it did not answer.
            assert fields["Content-Type"].startswith("application/"), (status, body)
            json.loads(body)
        assert status not in (500, 501, 505), (status, body)


def assembled(method, path, fields, body, *, length=None):
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close"]
    lines += [name + b": " + value for name, value in fields]
    if length is not False:
        lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.slow
def test_any_body_is_answered_or_refused_with_a_type(facade, sandbox, token, sent):
    @fuzzed
    @given(path=st.sampled_from(PATHS[:9]), body=bodies, known=st.booleans())
    @example(path="/graphql", body=b'{"query": "{ __typename }", "variables": {"a": 1e999}}', known=True)
    @example(path="/graphql", body=b'{"query": "{ sensor(id: \\"\\ud800\\") { id } }"}', known=True)
    @example(path="/api/v3/reporting", body=b'{"filter": {"start": "-1h", "measurements": [{}]}}', known=True)
    @example(path="/api/v3/detections", body=b'{"items": []}', known=True)
    @example(path="/api/v3/detections", body=b'{"filter": {"start": "-1h", "mac_addresses": 7}}', known=True)
    @example(path="/api/v3/detections", body=b'{"filter": {"start": "-1h"}, "data_types": [{}]}', known=True)
    @example(path="/api/v3/detections", body=b'{"filter": {"start": "-1h"}}', known=True)
    @example(path="/api/v3/reporting", body=b'{"items": []}', known=True)
    @example(path="/api/v4/reporting/stats", body=b'{"filter": {}}', known=True)
    @example(path="/api/v4/reporting/stats", body=b'{"items": [{}], "measurements": 7}', known=True)
    def answers(path, body, known):
        fields = [(b"Content-Type", b"application/json")]
        if known:
            fields.append((b"Authorization", b"Bearer " + token.encode()))
        got = sent(assembled("POST", path, fields, body))
        assert len(got) == 1, (path, body)
        check(got)

    answers()
    assert facade.request("GET", "/readyz").status_code == 200


@pytest.mark.slow
def test_any_headers_are_answered_or_the_connection_closed(facade, sandbox, token, sent):
    @fuzzed
    @given(
        method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "BREW", "get"]),
        path=st.sampled_from(PATHS),
        query=st.sampled_from(["", "?query=%7B__typename%7D", "?query=%FF%00", "?variables=%7B", "?" + "a=&" * 50]),
        fields=headers,
    )
    def answers(method, path, query, fields):
        check(sent(assembled(method, path + query, fields, QUERY), patience=0.5))

    answers()
    assert facade.request("GET", "/readyz").status_code == 200


@pytest.mark.slow
def test_any_framing_is_answered_or_the_connection_closed(facade, sent):
    chunked = [(b"Content-Type", b"application/json"), (b"Transfer-Encoding", b"chunked")]

    @fuzzed
    @given(raw=st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode()))
    def bytes_alone(raw):
        check(sent(raw, patience=0.05))

    @fuzzed
    @given(
        chunks=st.lists(st.binary(max_size=40), max_size=5),
        end=st.sampled_from([b"0\r\n\r\n", b"", b"0\r\nX: 1\r\n\r\n"]),
    )
    @example(chunks=[QUERY[:9], QUERY[9:]], end=b"0\r\n\r\n")
    @example(chunks=[], end=b"FFFFFFFFFFFFFFFFFF\r\n")
    @example(chunks=[], end=b"-1\r\n")
    def in_chunks(chunks, end):
        body = b"".join(b"%x\r\n" % len(chunk) + chunk + b"\r\n" for chunk in chunks if chunk) + end
        check(sent(assembled("POST", "/graphql", chunked, body, length=False), patience=0.1))

    @fuzzed
    @given(length=st.integers(-5, 60) | st.sampled_from([10**9, 2**64]))
    def of_another_length(length):
        fields = [(b"Content-Type", b"application/json")]
        check(sent(assembled("POST", "/graphql", fields, QUERY, length=length), patience=0.1))

    bytes_alone()
    in_chunks()
    of_another_length()
    assert facade.request("GET", "/readyz").status_code == 200


def test_a_huge_header_is_refused_and_pipelined_requests_are_answered_in_order(facade, sent):
    check(sent(assembled("POST", "/graphql", [(b"X-Pad", b"x" * 2_000_000)], QUERY)))
    check(sent(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    one = b"GET /graphql?query=%%7Ba%d:__typename%%7D HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
    got = sent(b"".join(one % number for number in range(50)), answers=50)
    assert [json.loads(body)["data"] for _, _, body in got] == [{f"a{number}": "Query"} for number in range(50)]
    assert facade.request("GET", "/readyz").status_code == 200
