"""A stand-in for the upstream that says what a test tells it to, and nothing else."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REPORTING, DETECTIONS = "/api/v3/reporting", "/api/v3/detections"


@dataclass
class Reply:
    body: Any
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        body = self.body if isinstance(self.body, str | bytes) else json.dumps(self.body)
        return Response(body, self.status, self.headers, media_type=self.content_type)


@dataclass
class Asked:
    path: str
    body: Any


class StandIn:
    """Replies by path; strict in what every call of the API needs: a bearer token, and JSON."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, Reply | Callable[[Any], Reply]] = {}
        self.url = ""

    def answers(self, path: str, body: Any, status: int = 200, **options: Any) -> None:
        self._replies[path] = Reply(body, status, **options)

    def answers_by(self, path: str, reply: Callable[[Any], Any]) -> None:
        """Answer with what `reply` makes of each body asked."""
        self._replies[path] = lambda asked: Reply(reply(asked))

    def forget(self) -> None:
        self.asked.clear()
        self._replies.clear()

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return JSONResponse({"message": "Unauthorized"}, 401)
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"message": "Unsupported Media Type"}, 415)
        asked = Asked(request.url.path, await request.json())
        self.asked.append(asked)
        reply = self._replies.get(asked.path)
        if reply is None:
            return JSONResponse({"message": f"{asked.path} was not to be called"}, 404)
        return (reply if isinstance(reply, Reply) else reply(asked.body)).response()


@pytest.fixture(scope="session")
def stand_in_server() -> Iterator[StandIn]:
    stand_in = StandIn()
    server = uvicorn.Server(uvicorn.Config(stand_in.app, log_level="warning", lifespan="off", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stand_in.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield stand_in
        server.should_exit = True
        thread.join()


@pytest.fixture
def stand_in(stand_in_server: StandIn) -> StandIn:
    stand_in_server.forget()
    return stand_in_server


@pytest.fixture(scope="session")
def facade_of_stand_in(launch: Any, stand_in_server: StandIn) -> Any:
    return launch.facade(stand_in_server.url)


@pytest.fixture
def any_token() -> str:
    """What a stand-in takes: it knows nothing of tokens but that there has to be one."""
    return f"opaque-{uuid4().hex}"


@pytest.fixture
def ask(facade_of_stand_in: Any, any_token: str) -> Callable[..., dict[str, Any]]:
    """The answer of the facade in front of the stand-in, errors and all."""

    def ask(query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = facade_of_stand_in.ask(query, variables, token=any_token)
        return answer

    return ask
