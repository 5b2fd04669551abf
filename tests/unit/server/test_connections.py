"""A failure of the server on a connection: one answer for each request, and none that blames the request."""

import asyncio

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from facade.auth import Passthrough
from facade.execution.field_names import OperationFields
from facade.logs import AccessLog
from facade.server.connections import CachingConnection
from facade.web.cache_entries import CachedResponse
from facade.web.middleware.cached_responses import CachedResponses
from facade.web.response_cache import ResponseCache

REQUEST = b"GET /graphql?query={a} HTTP/1.1\r\nHost: a\r\n\r\n"
KEPT = CachedResponse(
    body=b"{}",
    content_type="",
    as_of=0.0,
    fresh_until=1e10,
    settled_until=None,
    partial=False,
    headers=(),
    lines=b"",
    etag=None,
    caller=Passthrough("opaque"),
    proven=None,
    type="query",
    cost=0,
    noted={"type": "query"},
    selected=OperationFields("", ""),
    log_fields={},
    prepared="",
)


class Uncounted:
    """Metrics that cannot count: their disk is full."""

    def cache_hit(self, *_):
        raise OSError(28, "No space left on device")


class HasAll(ResponseCache):
    def find(self, asked):
        return KEPT


class Broken(ResponseCache):
    def find(self, asked):
        raise RuntimeError("broken")


class Wire(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.sent = b""
        self.closed = False

    def get_extra_info(self, name, default=None):
        return default

    def is_closing(self):
        return self.closed

    def write(self, data):
        self.sent += data

    def can_write_eof(self):
        return False

    def resume_reading(self):
        pass

    def close(self):
        self.closed = True


async def no_app(scope, receive, send):
    raise AssertionError("not to be called")


class Audit:
    """Counts its records, and how much had been sent when each was written."""

    def __init__(self, wire):
        self.wire = wire
        self.sent_before = []

    def write(self, record):
        assert record["status"] == 200
        self.sent_before.append(len(self.wire.sent))


def response_cache(kind: type[ResponseCache], **parts):
    return kind(lambda: None, routes=["/graphql"], access=AccessLog("json"), metrics=Uncounted(), **parts)


async def answers_of(kind: type[ResponseCache], request: bytes):
    return await received(response_cache(kind), request, Wire())


async def received(cache: ResponseCache, request: bytes, wire: Wire):
    config = uvicorn.Config(no_app, log_config=None)
    config.load()
    connection = CachingConnection(config, ServerState(), {"response_cache": cache})
    connection.connection_made(wire)
    with capture_logs() as logged:
        connection.data_received(request)
    connection.connection_lost(None)
    return wire.sent, [event["event"] for event in logged]


@pytest.mark.parametrize("times", [1, 2])
async def test_what_fails_once_an_answer_is_sent_changes_nothing_of_it(times):
    sent, logged = await answers_of(HasAll, REQUEST * times)
    assert sent.count(b"HTTP/1.1 ") == sent.count(b"HTTP/1.1 200 OK") == times
    assert sent.endswith(b"\r\n\r\n{}")
    assert logged == ["response_cache.unnoted"] * times


async def test_what_fails_before_it_is_no_fault_of_the_request():
    sent, logged = await answers_of(Broken, REQUEST * 2)
    assert sent.startswith(b"HTTP/1.1 500 ")
    assert sent.count(b"HTTP/1.1 ") == 1
    assert logged == ["connection.failed"]


@pytest.mark.parametrize("times", [1, 2])
async def test_an_answer_is_audited_before_it_is_sent(times):
    wire = Wire()
    audit = Audit(wire)
    sent, _ = await received(response_cache(HasAll, audit=audit), REQUEST * times, wire)
    each = len(sent) // times
    assert audit.sent_before == [each * number for number in range(times)]


async def test_under_any_server_too():
    sent = []
    wire = Wire()
    audit = Audit(wire)

    async def send(message):
        wire.write(b"x")
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/graphql", "query_string": b"query={a}", "headers": []}
    await CachedResponses(no_app, response_cache(HasAll, audit=audit))(scope, None, send)
    assert audit.sent_before == [0]
    assert sent == ["http.response.start", "http.response.body"]
