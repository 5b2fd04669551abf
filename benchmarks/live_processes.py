"""The processes that subscriptions are measured with: a sandbox, facades before it, a Redis, and what stands beside."""

import json
import os
import shutil
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .contenders import PEERS
from .processes import Process, RunError, asgi, free_port, python

SECRET = "benchmark"


def call(url: str, body: Any = None, **headers: str) -> Any:
    """Ask by GET, or post a body as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class LiveProcesses:
    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        port = free_port()
        self.upstream = f"http://127.0.0.1:{port}"
        sandbox = ("-m", "facade", "sandbox", "--port", str(port), "--sensors", "400")
        self._start("sandbox", python(*sandbox), {}).wait_for(f"{self.upstream}/_sandbox/calls")
        campus = call(f"{self.upstream}/_sandbox/campus?tenant=client_demo")
        self.rooms: list[str] = [room["id"] for room in campus["rooms"]][:80]
        login = {"client_id": "demo-client", "client_secret": "demo-secret"}
        more = {"audience": "https://butlrauth/", "grant_type": "client_credentials"}
        self.token: str = call(f"{self.upstream}/api/v2/clients/login", {**login, **more})["access_token"]

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(
            command, cores=os.sched_getaffinity(0), folder=self._folder, name=name, environment=environment
        )
        return self._stack.enter_context(process)

    def redis(self) -> str:
        port, program = free_port(), shutil.which("redis-server")
        if program is None:
            raise RunError("redis-server is not installed")
        self._start("redis", [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], {})
        return f"redis://127.0.0.1:{port}/0"

    def facade(self, **settings: str) -> tuple[int, Process]:
        port = free_port()
        environment = {
            "BUTLR_BASE_URL": self.upstream,
            "FACADE_WEBHOOK_SECRET": SECRET,
            "FACADE_ASSETS": "native",
            "FACADE_LIVE_MAX": "100000",
            "FACADE_LOG_FORMAT": "json",
            **settings,
        }
        process = self._start(f"facade-{port}", python("-m", "facade", "serve", "--port", str(port)), environment)
        process.wait_for(f"http://127.0.0.1:{port}/healthz")
        return port, process

    def bare_loop(self) -> tuple[int, Process]:
        port = free_port()
        process = self._start("floor", asgi("benchmarks.live_floor:app", port), {})
        process.wait_for(f"http://127.0.0.1:{port}/graphql")
        return port, process

    def peer(self, script: str) -> tuple[int, Process]:
        port = free_port()
        environment = {"PORT": str(port), "NODE_ENV": "production"}
        process = self._start(script, ["node", str(PEERS / script)], environment)
        process.wait_for(f"http://127.0.0.1:{port}/graphql")
        return port, process
