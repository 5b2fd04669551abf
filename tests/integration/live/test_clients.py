"""The clients that people use, each the real package: they receive, and go on where they were."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import begun, post, until

FOLDER = Path(__file__).parents[2] / "clients" / "live"
EVENTS = "subscription live { events { id type } }"
SCRIPTS = ["graphql-ws", "graphql-sse", "apollo-multipart", "apollo-ws", "urql-sse", "urql-ws", "relay"]
GQL = """
import asyncio, json, sys
from gql import Client, GraphQLRequest, gql
from gql.transport.websockets import WebsocketsTransport

url, token, *resume = sys.argv[1:]
asked = json.loads(sys.stdin.readline())

class Resumed(GraphQLRequest):
    @property
    def payload(self):
        return {**super().payload, "extensions": {"resume": resume[0]}}

async def main():
    transport = WebsocketsTransport(
        url=url.replace("http", "ws", 1),
        init_payload={"Authorization": f"Bearer {token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    request = Resumed(asked["query"]) if resume else gql(asked["query"])
    async with Client(transport=transport) as session:
        async for answer in session.subscribe(request, get_execution_result=True):
            print(json.dumps({"data": answer.data, "extensions": answer.extensions}), flush=True)

asyncio.run(main())
"""

CURL = """read -r body; exec curl -sN "$0" -H "Authorization: Bearer $1" -H "Accept: text/event-stream" \\
  -H "Content-Type: application/json" ${2:+-H "Last-Event-ID: $2"} -d "$body"
"""


@contextmanager
def running(client: str, server: Any, token: str, resume: str = "") -> Iterator[Any]:
    command = {
        "gql": [sys.executable, "-c", GQL],
        "curl": [
            "sh",
            "-c",
            CURL,
        ],
    }.get(client) or [shutil.which("node") or "node", str(FOLDER / "client.js"), client]
    before = begun(server)
    process = subprocess.Popen(
        [*command, f"{server.url}/graphql", token, *([resume] if resume else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"query": EVENTS, "variables": {}}) + "\n")
    process.stdin.flush()
    # A client to whom nothing comes does not hold the test up.
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        until(lambda: begun(server) > before or process.poll() is not None)
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


def answer_of(process: Any) -> Any:
    for line in process.stdout:
        text = line.strip()
        if text.startswith("data: {"):
            return json.loads(text.removeprefix("data: "))
        if text.startswith("{"):
            return json.loads(text)
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize("client", [*SCRIPTS, "gql", "curl"])
def test_a_client_receives_and_resumes(
    live_facade: Any, upstream: Any, campus: Any, an_event: Any, client: str
) -> None:
    assert client not in SCRIPTS or (FOLDER / "node_modules").exists(), "run: make clients"
    token, room = upstream.login(), campus["rooms"][0]["id"]
    one, two, three = (an_event("PIR_MOTION", room_id=room) for _ in range(3))
    with running(client, live_facade, token) as process:
        post(live_facade, one)
        answer = answer_of(process)
        assert answer["data"]["events"]["id"] == one["id"]
    post(live_facade, two)
    cursor = (answer.get("extensions") or {}).get("id") or _cursor_of(live_facade, token)
    with running(client, live_facade, token, cursor) as process:
        post(live_facade, three)
        assert [answer_of(process)["data"]["events"]["id"] for _ in range(2)] == [two["id"], three["id"]]


def _cursor_of(_server: Any, _token: str) -> str:
    raise AssertionError("the client hides extensions, and so what to resume by")
