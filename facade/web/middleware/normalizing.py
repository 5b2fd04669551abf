"""Normalise requests: list headers become one line, and paths lose a trailing slash."""

from starlette.types import ASGIApp, Receive, Scope, Send

# List headers that the facade reads. Of other headers it uses the first line, or passes them on.
_LISTS = frozenset({b"accept", b"accept-encoding", b"cache-control", b"if-none-match"})


class Normalizes:
    """ASGI middleware: joins the lines of a header that is a list (RFC 9110, section 5.3), and serves `/x/` as `/x`.

    A redirect to `/x` would need this host's public name, and would repeat the one that the caller wrote.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # In place, since outer middleware reads the scope when the answer is sent.
            scope["headers"] = _joined(scope["headers"])
            path = scope["path"]
            if path.endswith("/") and path != "/":
                scope["path"] = path[:-1]
        await self._app(scope, receive, send)


def _joined(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    lists: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _LISTS:
            lists.setdefault(name, []).append(value)
    if all(len(values) == 1 for values in lists.values()):
        return headers
    others = [pair for pair in headers if pair[0] not in _LISTS]
    return [*others, *((name, b", ".join(values)) for name, values in lists.items())]
