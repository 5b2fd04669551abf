import asyncio
import datetime as dt
import gzip
import socket
from email.utils import format_datetime

import aiohttp
import httpx
import pytest

from facade.butlr import (
    BadInput,
    ButlrError,
    Http,
    InvalidResponse,
    RateLimited,
    Reply,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)

PATH = "/api/v3/reporting"
OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_the_body_goes_up_and_comes_down_unchanged(wire, http):
    wire.answers(b'{"data": [ ] }')

    reply = await http.send("POST", PATH, body=b'{ "a":1 }', token="t.t.t", headers={"X-Request-Id": "7"})

    assert (reply.status, reply.body, reply.content_type) == (200, b'{"data": [ ] }', "application/json")
    (asked,) = wire.asked
    assert (asked.method, asked.target, asked.body) == ("POST", PATH, b'{ "a":1 }')
    assert asked.headers["authorization"] == "Bearer t.t.t"
    assert asked.headers["content-type"] == asked.headers["accept"] == "application/json"
    assert asked.headers["user-agent"].startswith("butlr-graphql-facade/")
    assert asked.headers["x-request-id"] == "7"


@pytest.mark.parametrize("suffix", ["", "/"])
async def test_a_base_url_may_hold_a_path_and_a_last_slash(wire, suffix):
    async with Http(f"{wire.url}/proxied{suffix}") as http:
        await http.call("GET", PATH)
    assert wire.asked[0].target == "/proxied/api/v3/reporting"
    assert "content-type" not in wire.asked[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "api.butlr.io",
        "ftp://api.butlr.io",
        "https://",
        "https://user:pw@host",
        "https://host/?a=1",
        "http://[::1",
    ],
)
def test_a_base_url_that_cannot_work_is_refused_at_once(url):
    with pytest.raises(ValueError, match="base URL"):
        Http(url)


async def test_calls_one_after_another_share_a_connection(wire, http):
    for _ in range(5):
        await http.call("POST", PATH, body=b"{}")
    assert (len(wire.asked), wire.connections) == (5, 1)


async def test_connections_stay_within_their_number(wire):
    async with Http(wire.url, connections=3) as http:
        await asyncio.gather(*(http.call("POST", PATH, body=b"{}") for _ in range(30)))
    assert len(wire.asked) == 30
    assert wire.connections <= 3


async def test_send_returns_any_status_and_call_raises_it(wire, http):
    wire.answers(b'{"message":"no such zone"}', "400 Bad Request")

    assert (await http.send("POST", PATH)).status == 400
    with pytest.raises(BadInput, match=r"400 on /api/v3/reporting\): no such zone\. ") as caught:
        await http.call("POST", PATH)
    assert caught.value.body == b'{"message":"no such zone"}'
    assert caught.value.content_type == "application/json"
    assert caught.value.sent


async def test_a_cookie_set_for_one_caller_is_never_sent(wire):
    wire.answers(b"{}", set_cookie="session=secret; Path=/")
    # By name: aiohttp's jar takes no cookie from a bare address, whatever we do.
    async with Http(wire.url.replace("127.0.0.1", "localhost")) as http:
        await http.call("POST", PATH, token="first")
        await http.call("POST", PATH, token="second")
    assert [asked.headers["authorization"] for asked in wire.asked] == ["Bearer first", "Bearer second"]
    assert not any("cookie" in asked.headers for asked in wire.asked)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent"])
async def test_a_redirect_is_not_followed(wire, http, status):
    wire.answers(b"", status, location=f"{wire.url}/elsewhere")
    with pytest.raises(InvalidResponse, match="Check the base URL"):
        await http.call("POST", PATH, token="secret")
    assert len(wire.asked) == 1


async def test_a_refused_connection_was_not_sent():
    async with Http(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(UpstreamUnavailable, match=r"Cannot reach Butlr at 127\.0\.0\.1") as caught:
            await http.send("POST", PATH)
    assert caught.value.sent is False
    assert caught.value.path == PATH


async def test_an_unknown_host_was_not_sent_to():
    async with Http("http://nowhere.invalid") as http:
        with pytest.raises(UpstreamUnavailable, match=r"Cannot reach Butlr at nowhere\.invalid") as caught:
            await http.send("POST", PATH)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nconte",),
        (OK_HEAD + b"content-length: 10\r\n\r\n",),
        (OK_HEAD + b"content-length: 10\r\n\r\n", b"{"),
        (OK_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{", b""),
    ],
    ids=["before the answer", "inside the head", "after the head", "inside the body", "inside a chunk"],
)
async def test_a_cut_connection_may_have_been_sent(wire, http, chunks):
    wire.says(*chunks)
    with pytest.raises(UpstreamUnavailable, match="broke during") as caught:
        await http.send("POST", PATH, body=b"{}")
    assert caught.value.sent is True
    assert len(wire.asked) == 1, "sent once, whatever came"


@pytest.mark.parametrize(
    "noise",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"],
)
async def test_what_is_not_http_is_an_invalid_response(wire, http, noise):
    wire.says(noise)
    with pytest.raises(InvalidResponse, match="not sound HTTP"):
        await http.send("POST", PATH)


async def test_a_false_content_encoding_is_an_invalid_response(wire, http):
    wire.answers(b"not gzip at all", content_encoding="gzip")
    with pytest.raises(InvalidResponse):
        await http.send("POST", PATH)


async def test_a_gzipped_answer_is_unpacked(wire, http):
    wire.answers(gzip.compress(b'{"data":[]}'), content_encoding="gzip")
    assert (await http.send("POST", PATH)).body == b'{"data":[]}'


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_beyond_the_limit_is_not_read_to_its_end(wire, packed):
    body = b" " * 3_000_000
    if packed:
        wire.answers(gzip.compress(body), content_encoding="gzip")
    else:
        wire.answers(body)
    async with Http(wire.url, max_body_bytes=1_000_000) as http:
        with pytest.raises(InvalidResponse, match="larger than 1,000,000 bytes"):
            await http.send("POST", PATH)
        wire.answers(b"{}")
        assert (await http.send("POST", PATH)).body == b"{}"


async def test_a_slow_drip_ends_at_the_deadline(wire):
    # Each chunk comes well within any timeout on single reads.
    wire.says(OK_HEAD + b"content-length: 100000\r\n\r\n", *[b" "] * 100_000, pause=0.05)
    async with Http(wire.url, timeout=0.3) as http:
        with pytest.raises(UpstreamTimeout, match=r"within 0\.3 seconds") as caught:
            await http.send("POST", PATH)
    assert caught.value.sent is True


async def test_a_silent_upstream_ends_at_the_deadline(wire):
    wire.says(b"", pause=10)
    async with Http(wire.url, timeout=0.1) as http:
        with pytest.raises(UpstreamTimeout):
            await http.send("POST", PATH)


async def test_waiting_for_a_connection_counts_towards_the_deadline(wire):
    wire.says(b"", pause=10)
    async with Http(wire.url, timeout=0.2, connections=1) as http:
        results = await asyncio.gather(*(http.send("POST", PATH) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamTimeout] * 3


async def test_a_cancelled_call_is_cancelled_and_not_timed_out(wire, http):
    wire.says(b"", pause=10)
    call = asyncio.create_task(http.send("POST", PATH))
    await wire.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_closing_ends_calls_under_way_with_an_error_of_ours(wire):
    wire.says(b"", pause=10)
    http = Http(wire.url)
    call = asyncio.create_task(http.send("POST", PATH))
    await wire.reached.wait()
    await http.aclose()
    with pytest.raises(ButlrError):
        await call
    with pytest.raises(UpstreamUnavailable, match="closed") as caught:
        await http.send("POST", PATH)
    assert caught.value.sent is False


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "tökén", "a\x00"])
async def test_a_token_that_cannot_stand_in_a_header_is_refused_unsent(wire, http, token):
    with pytest.raises(Unauthenticated) as caught:
        await http.send("POST", PATH, token=token)
    assert caught.value.sent is False
    assert wire.asked == []


async def test_a_429_says_how_long_by_seconds_by_date_and_by_default(wire, http):
    wire.answers(b"", "429 Too Many", retry_after="7")
    with pytest.raises(RateLimited, match="in 7 seconds") as caught:
        await http.call("POST", PATH)
    assert caught.value.extensions == {"code": "RATE_LIMITED", "retryAfter": 7.0}

    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    wire.answers(b"", "429 Too Many", retry_after=format_datetime(soon, usegmt=True))
    with pytest.raises(RateLimited) as caught:
        await http.call("POST", PATH)
    assert 25 < caught.value.retry_after <= 30

    wire.answers(b"", "429 Too Many")
    with pytest.raises(RateLimited) as caught:
        await http.call("POST", PATH)
    assert caught.value.retry_after == 60


async def test_an_unknown_authority_is_refused_and_ssl_cert_file_admits_it(wire, untrusted, monkeypatch):
    chain, context = untrusted
    await wire.stop()
    await wire.start(tls=context)

    async with Http(wire.url) as http:
        with pytest.raises(UpstreamUnavailable, match="SSL_CERT_FILE") as caught:
            await http.send("POST", PATH)
    assert caught.value.sent is False
    assert wire.asked == []

    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    async with Http(wire.url) as http:
        assert (await http.send("POST", PATH)).status == 200


async def test_tls_to_a_plain_port_was_not_sent():
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Http(f"https://127.0.0.1:{port}") as http:
            with pytest.raises(UpstreamUnavailable) as caught:
                await http.send("POST", PATH)
    assert caught.value.sent is False


async def test_the_environments_proxy_is_used_unless_no_proxy_names_the_host(wire, monkeypatch):
    for name in (
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", wire.url)
    async with Http("http://butlr.test") as http:
        await http.call("POST", PATH)
    assert wire.asked[0].target == f"http://butlr.test{PATH}"

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with Http(wire.url) as http:
        await http.call("POST", PATH)
    assert wire.asked[1].target == PATH


async def test_a_proxy_that_refuses_is_named(wire, monkeypatch):
    monkeypatch.setenv("https_proxy", wire.url)
    monkeypatch.setenv("no_proxy", "")
    wire.answers(b"", "407 Proxy Authentication Required")
    async with Http("https://butlr.test") as http:
        with pytest.raises(UpstreamUnavailable, match="HTTPS_PROXY") as caught:
            await http.send("POST", PATH)
    assert caught.value.sent is False
    assert wire.asked[0].method == "CONNECT"


def test_a_socks_proxy_is_refused_at_once(monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ValueError, match="proxy"):
        Http("https://butlr.test")


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def instance(kind):
    """Without its __init__, which takes something else in each class."""
    return kind.__new__(kind)


HTTPX_ERRORS = sorted(
    {
        kind
        for kind in vars(httpx).values()
        # httpx.Response.json and the like raise none of these on their own.
        if isinstance(kind, type) and issubclass(kind, Exception)
    },
    key=lambda kind: kind.__name__,
)
AIOHTTP_ERRORS = sorted({aiohttp.ClientError, *subclasses(aiohttp.ClientError)}, key=lambda kind: kind.__name__)
NEVER_SENT = {
    "ConnectError",
    "ConnectTimeout",
    "PoolTimeout",
    "ProxyError",
    "UnsupportedProtocol",
    "InvalidURL",
}


class Failing(httpx.AsyncBaseTransport):
    def __init__(self, error, cause=None):
        self.error, self.cause = error, cause

    async def handle_async_request(self, request):
        raise self.error from self.cause


async def raised(transport) -> ButlrError:
    async with Http("http://butlr.test", transport=transport) as http:
        with pytest.raises(ButlrError) as caught:
            await http.send("POST", PATH, token="secret-token")
    assert "secret-token" not in str(caught.value)
    assert str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
async def test_no_httpx_error_escapes_raw(kind):
    error = await raised(Failing(instance(kind)))
    assert error.sent is (kind.__name__ not in NEVER_SENT)
    assert isinstance(error, UpstreamTimeout) is issubclass(kind, httpx.TimeoutException)


@pytest.mark.parametrize("kind", AIOHTTP_ERRORS, ids=lambda kind: kind.__name__)
async def test_an_aiohttp_error_means_the_same_raw_and_as_a_cause(kind):
    bare = await raised(Failing(instance(kind)))
    wrapped = await raised(Failing(httpx.ConnectTimeout("all look alike"), instance(kind)))
    # Raw, a timeout is known by Python's own class alone.
    assert type(bare) is type(wrapped)
    never_sent = issubclass(kind, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) or kind.__name__ in {
        "ClientHttpProxyError",
        "InvalidURL",
        "InvalidUrlClientError",
        "InvalidUrlRedirectClientError",
        "NonHttpUrlClientError",
        "NonHttpUrlRedirectClientError",
        "ClientConnectorCertificateError",
    }
    assert wrapped.sent is not never_sent


def test_a_reply_shows_neither_body_nor_headers():
    reply = Reply(200, httpx.Headers({"x-secret": "h-secret"}), b"b-secret")
    assert "secret" not in repr(reply)
