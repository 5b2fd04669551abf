"""Serves one app on a socket that the tests have opened: `child.py FD facade|sandbox [CONFIG as JSON]`.

`facade-elsewhere` is the facade under a server that knows nothing of it, as under anyone's ASGI server.
"""

import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any

import uvicorn

# All that a server imports, of either kind.
PRELOADED = [
    "facade.app",
    "facade.server.connections",
    "facade.sandbox",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
]


def app(name: str, config: dict[str, Any]) -> Any:
    # Neither pays for the imports of the other.
    if name.startswith("facade"):
        return import_module("facade.app").create_app()
    sandbox = import_module("facade.sandbox")
    return sandbox.create_app(sandbox.SandboxConfig(**config))


def serve(listening: socket.socket, name: str, config: str = "{}") -> None:
    http = import_module("facade.server.connections").CachingConnection if name == "facade" else "auto"
    server = uvicorn.Server(
        uvicorn.Config(
            app(name, json.loads(config)),
            http=http,
            ws="websockets-sansio",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            # Longer than clients keep theirs: else one is now and then closed as it is taken up again.
            timeout_keep_alive=75,
        )
    )
    server.run(sockets=[listening])


def forked(listening: socket.socket, log: str, folder: str, environment: dict[str, str], *arguments: str) -> None:
    """Serve in a process that was forked, as one that is started with this output, folder and environment."""
    written = os.open(log, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(written, descriptor)
    os.close(written)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=end_with_tests, daemon=True).start()
    serve(listening, *arguments)


def end_with_tests() -> None:
    """End this process when the tests end, even if they are killed."""
    tests = multiprocessing.parent_process()
    assert tests
    tests.join()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:])
