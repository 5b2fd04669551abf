"""Servers: the socket is bound before anything is said, so a port in use is one line and port 0 has a number."""

import errno
import gc
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from .failures import Failure, WrongUsage

if TYPE_CHECKING:
    from starlette.applications import Starlette

# Seconds that an app may go on listening, and that requests have to finish after that: together the 30 that
# Kubernetes gives by default, with some to spare.
GRACE = 20
# Seconds that an idle connection is kept: longer than a load balancer keeps its own (60 by default at most of them),
# or one of its requests would now and then meet a connection that has just been closed.
KEEP_ALIVE = 75
# Bytes of a message that a WebSocket client may send, whatever FACADE_MAX_BODY_BYTES lets pass of it.
SOCKET_MESSAGE = 16 * 1024**2
# Objects made and not freed until the youngest are gone through for cycles, and how often each generation is before
# the next older one: Python's own are 700, 10 and 10.
COLLECTION = (50_000, 10, 10)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `WrongUsage` for a host that is none, `Failure` where it cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as exc:
        raise WrongUsage(f"{host!r} is no address. Listen on 127.0.0.1, or on one of this host.") from exc
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as exc:
        listener.close()
        raise Failure(_why(exc, host, port)) from exc
    return listener


def _why(exc: OSError, host: str, port: int) -> str:
    match exc.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is in use. Stop what listens there, or choose another with --port."
        case errno.EACCES:
            return f"Port {port} is not for this user. Choose one above 1023 with --port."
    return f"Cannot listen on {host}: {os.strerror(exc.errno or 0)}. Use --host with an address of this host."


def address_of(listener: socket.socket) -> str:
    """The URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Any, listener: socket.socket, *, workers: int = 1, grace: int = GRACE) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way within `grace` seconds.

    With several workers `app` is the name of a factory: each process makes its own.
    """
    _stop_is_success()
    import uvicorn

    from ..server.connections import CachingConnection

    config = uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=CachingConnection,
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=KEEP_ALIVE,
    )
    if workers > 1:
        _supervise(config, listener)
    else:
        _collect_seldom()
        uvicorn.Server(config).run(sockets=[listener])


def _supervise(config: Any, listener: socket.socket) -> None:
    from ..server.supervisor import Supervisor

    supervisor = Supervisor(config, sockets=[listener])
    with tempfile.TemporaryDirectory(prefix="facade-metrics-") as folder:
        # Where the workers count, for whichever of them is asked for the metrics of all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        supervisor.run()
    if any(worker.exitcode not in (0, -signal.SIGTERM) for worker in supervisor.processes):
        raise Failure("A worker process failed; what it logged above says why.")


def worker_app() -> "Starlette":
    """Make the app of a worker, which ends as on SIGTERM when its supervisor has gone, even by SIGKILL.

    Else it would serve on unsupervised, on a port nobody can take again, with the supervisor's stdout and stderr
    open: who reads those to their end would never see it.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:

        def end_with_it() -> None:
            supervisor.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=end_with_it, name="end with the supervisor", daemon=True).start()
    from ..app import create_app

    app = create_app()
    _collect_seldom()
    return app


def _collect_seldom() -> None:
    """Leave what a server starts with out of garbage collection, and collect less often.

    A large answer is tens of thousands of objects and no cycle: going through them, and through the schema, again and
    again was half of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION)


def _stop_is_success() -> None:
    """Let SIGTERM and SIGINT end this process with 0.

    uvicorn raises the signal that ended it once more, for whoever listened before it did.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)


def _exit(*_: object) -> None:
    raise SystemExit(0)
