"""Run servers. Their socket is bound first, so that a port in use is a one-line error and port 0 has its number."""

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

# Seconds for requests to finish at shutdown. Together with the time for which the app still listens they are below the
# 30 that Kubernetes gives by default.
GRACE = 20
# Seconds for which an idle connection is kept: longer than load balancers keep theirs (60 by default for most), so that
# they do not send requests on a connection that has just been closed.
KEEP_ALIVE = 75
# Most bytes of a WebSocket message. FACADE_MAX_BODY_BYTES is checked afterwards.
SOCKET_MESSAGE = 16 * 1024**2
# Thresholds of the garbage collector's generations. Python's own are 700, 10 and 10.
COLLECTION = (50_000, 10, 10)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `WrongUsage` for an invalid host, and `Failure` if it cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as exc:
        raise WrongUsage(f"{host!r} is not an address of this host. Listen on 127.0.0.1, for example.") from exc
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
            return f"Port {port} on {host} is in use. Stop the other program, or choose another port with --port."
        case errno.EACCES:
            return f"This user may not listen on port {port}. Choose one above 1023 with --port."
    return f"Cannot listen on {host}: {os.strerror(exc.errno or 0)}. Use --host with an address of this host."


def address_of(listener: socket.socket) -> str:
    """Return the URL by which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Any, listener: socket.socket, *, workers: int = 1, grace: int = GRACE) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests within `grace` seconds.

    With several workers `app` is the name of a factory, which each process calls.
    """
    _stop_is_success()
    import uvicorn

    from ..server.connections import CachingConnection
    from ..server.sockets import DirectSocket

    config = uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=CachingConnection,
        loop="uvloop",
        ws=DirectSocket,
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
        # The folder of the workers' metrics, from which any of them serves the metrics of all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        supervisor.run()
    if any(worker.exitcode not in (0, -signal.SIGTERM) for worker in supervisor.processes):
        raise Failure("A worker process failed. Its log above says why.")


def worker_app() -> "Starlette":
    """Make the app of a worker, which ends as on SIGTERM when its supervisor has ended, even by SIGKILL.

    Otherwise it would go on serving without a supervisor, and keep the port, and the supervisor's stdout and stderr,
    open.
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
    """Exclude the objects that exist at the start from garbage collection, and collect less often.

    A large answer has tens of thousands of objects without cycles. Traversing them and the schema took half of its
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION)


def _stop_is_success() -> None:
    """Let SIGTERM and SIGINT end this process with exit code 0.

    After it has stopped, uvicorn raises the signal again for the previous handler.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)


def _exit(*_: object) -> None:
    raise SystemExit(0)
