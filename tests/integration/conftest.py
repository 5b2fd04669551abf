"""A stand-in for the upstream with the answers that a test sets."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
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
        # The body and the status of every login.
        self.logins: tuple[str, int] | None = None
        self.url = ""

    def answers(self, path: str, body: Any, status: int = 200, **options: Any) -> None:
        self._replies[path] = Reply(body, status, **options)

    def answers_by(self, path: str, reply: Callable[[Any], Any]) -> None:
        """Answer each body with the result of `reply`."""
        self._replies[path] = lambda asked: Reply(reply(asked))

    def forget(self) -> None:
        self.asked.clear()
        self._replies.clear()
        self.logins = None

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        if self.logins and "login" in request.url.path:
            return Reply(*self.logins).response()
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
    """A token for the stand-in, which accepts any token."""
    return f"opaque-{uuid4().hex}"


@pytest.fixture
def ask(facade_of_stand_in: Any, any_token: str) -> Callable[..., dict[str, Any]]:
    """Return the answer of the facade in front of the stand-in, including errors."""

    def ask(query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = facade_of_stand_in.ask(query, variables, token=any_token)
        return answer

    return ask


class Redis:
    """A server of its own, with nothing on disk."""

    def __init__(self, folder: Path, password: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        self._password = password
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed: apt-get install redis-server"
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self._folder}
        if self._password:
            options["requirepass"] = self._password
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        self._process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
        self._until(self._answers)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        return redis_client.Redis(port=self.port, password=self._password or None)

    def everything(self) -> bytes:
        """Return all keys and values of the server."""
        with self.client() as client:
            read = {
                b"string": client.get,
                b"hash": client.hgetall,
                b"zset": lambda key: client.zrange(key, 0, -1),
                b"set": client.smembers,
                b"list": lambda key: client.lrange(key, 0, -1),
            }
            found = bytearray()
            for key in client.scan_iter():
                value = read[client.type(key)](key)
                found += key + (value if isinstance(value, bytes) else repr(value).encode())
            return bytes(found)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis_client.ConnectionError:
                return False

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 180
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture(scope="session")
def new_redis(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Redis]:
    """Makes servers. A test that starts one must kill it."""
    return lambda password="": Redis(tmp_path_factory.mktemp("redis"), password)


@pytest.fixture(scope="module")
def own_sandbox(launch: Any, era: str) -> Any:
    """A stand-in for one module, so that even logins can be counted."""
    return launch.sandbox(sensors=40, era=era)


@pytest.fixture
def upstream(own_sandbox: Any) -> Iterator[Any]:
    own_sandbox.forget_calls()
    yield own_sandbox
    own_sandbox.reset()
