"""Servers' sockets: bound before anything is said, so that a port in use is one line and port 0 has a number."""

import errno
import os
import socket
import urllib.parse

from .failures import Failure, WrongUsage


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `WrongUsage` for a host that is none, `Failure` where it cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise WrongUsage(f"{host!r} is not an address to listen on. Use 127.0.0.1, or one of this host.") from exc
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
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use. Stop what listens there, or choose another with --port."
    if exc.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {os.strerror(exc.errno or 0)}. Choose another with --host or --port."


def address_of(listener: socket.socket) -> str:
    """The base URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    netloc = f"[{host}]" if ":" in host else host
    return urllib.parse.urlunsplit(("http", f"{netloc}:{port}", "", "", ""))
