"""A facade that polls each second and receives webhooks, and clients of its subscriptions."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

SECRET = "a-webhook-secret"
KEY = {"X-API-Key": SECRET}
# Seconds that a test waits for what it knows to come.
PATIENCE = 180.0


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_up(*servers: Any) -> None:
    """Wait until they serve: on a busy machine a process takes long to start."""

    def is_up(server: Any) -> bool:
        with suppress(httpx.TimeoutException):
            return bool(server.request("GET", "/healthz").status_code == 200)
        return False

    for server in servers:
        until(lambda server=server: is_up(server))  # type: ignore[misc]


def counted(server: Any, metric: str) -> float:
    lines = server.request("GET", "/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{metric} ", f"{metric}{{")))


def begun(server: Any) -> float:
    return counted(server, "facade_live_subscriptions_total")


class Sse:
    """One subscription by server-sent events: each event as (event, id, data)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def event(self) -> dict[str, str]:
        """Return the next event. Comments are skipped."""
        event: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                continue
            if not line:
                if event:
                    return event
                continue
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
        raise EOFError

    def next(self) -> dict[str, Any]:
        event = self.event()
        assert event["event"] == "next", event
        answer: dict[str, Any] = json.loads(event["data"])
        return answer

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            answer = self.next()
            if fits(answer):
                return answer


@pytest.fixture
def subscribe() -> Callable[..., Any]:
    @contextmanager
    def subscribe(
        server: Any,
        query: str,
        variables: Any = None,
        *,
        token: str,
        headers: Any = None,
        begins: bool = True,
        **more: Any,
    ) -> Iterator[Sse]:
        sent = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}", **(headers or {})}
        body = {"query": query, "variables": variables or {}, **more}
        before = begun(server)
        with httpx.stream("POST", f"{server.url}/graphql", json=body, headers=sent, timeout=PATIENCE) as response:
            if begins:
                until(lambda: begun(server) > before)
            yield Sse(response)

    return subscribe


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(PATIENCE))
        return message

    def drain(self) -> None:
        """Read until the connection is closed, which raises."""
        while True:
            self.receive()

    def init(self, token: str | None) -> "Socket":
        self.send(type="connection_init", payload={"Authorization": f"Bearer {token}"} if token else {})
        assert self.receive() == {"type": "connection_ack"}
        return self

    def subscribe(self, query: str, variables: Any = None, *, id_: str = "1", **more: Any) -> None:
        self.send(id=id_, type="subscribe", payload={"query": query, "variables": variables or {}, **more})


@pytest.fixture
def open_socket() -> Callable[..., Any]:
    @contextmanager
    def open_socket(server: Any, **options: Any) -> Iterator[Socket]:
        url = server.url.replace("http", "ws", 1) + "/graphql"
        with connect(url, subprotocols=["graphql-transport-ws"], **options) as connection:  # type: ignore[list-item]
            yield Socket(connection)

    return open_socket


@pytest.fixture(scope="module")
def live_facade(launch: Any, own_sandbox: Any) -> Any:
    return launch.facade(
        own_sandbox.url, FACADE_LIVE_EVERY="1s", FACADE_WEBHOOK_SECRET=SECRET, FACADE_ASSETS="native,discovery"
    )


@pytest.fixture
def campus(upstream: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = upstream.campus()
    return found


@pytest.fixture
def room(campus: Any) -> str:
    """A room with presence sensors."""
    watched = {sensor["room_id"] for sensor in campus["sensors"] if sensor["mode"] == "presence"}
    return next(str(room["id"]) for room in campus["rooms"] if room["id"] in watched)


@pytest.fixture
def an_event() -> Callable[..., dict[str, Any]]:
    def an_event(type_: str, data: Any = None, *, at: int = 1_900_000_000_000, **metadata: Any) -> dict[str, Any]:
        return {
            "id": f"event_{uuid4().hex}",
            "type": type_,
            "timestamp": at,
            "version": "v1.0.0",
            "metadata": metadata,
            "data": data,
        }

    return an_event


def post(server: Any, *events: dict[str, Any]) -> None:
    for event in events:
        answer = server.request("POST", "/webhooks/butlr", json=event, headers=KEY)
        assert answer.status_code == 204, answer.text
