"""Serves one app on a socket that the tests have opened: `child.py FD facade|sandbox [CONFIG as JSON]`.

`facade-elsewhere` is the facade under a server that knows nothing of it, as under anyone's ASGI server.
"""

import json
import socket
import sys
from importlib import import_module
from typing import Any

import uvicorn


def app(name: str, config: dict[str, Any]) -> Any:
    # Neither pays for the imports of the other.
    if name.startswith("facade"):
        return import_module("facade.app").create_app()
    sandbox = import_module("facade.sandbox")
    return sandbox.create_app(sandbox.SandboxConfig(**config))


def main(descriptor: str, name: str, config: str = "{}") -> None:
    listening = socket.socket(fileno=int(descriptor))
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


if __name__ == "__main__":
    main(*sys.argv[1:])
