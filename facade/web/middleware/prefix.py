"""The path prefix that a proxy puts before the facade."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "facade.prefix"
# It goes into links and into `Location`: letters that begin no other host and end no header.
_USABLE = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)


def prefix_of(scope: Mapping[str, Any]) -> str:
    """What stands before the facade's own paths at the caller's side: `/butlr`, or nothing."""
    prefix: str = scope.get(PREFIX, "")
    return prefix


class Prefixed:
    """ASGI middleware: paths are the facade's own, whatever is put before them.

    A proxy that takes its prefix off names it in `X-Forwarded-Prefix`; a server that is told of one (ASGI's
    `root_path`) leaves it in the path.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            root = scope.get("root_path", "").rstrip("/")
            if root:
                scope = {**scope, "root_path": "", "path": _without(root, scope["path"])}
            forwarded = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            scope[PREFIX] = forwarded if _USABLE.fullmatch(forwarded) else root
        await self._app(scope, receive, send)


def _without(root: str, path: str) -> str:
    return path[len(root) :] if path.startswith(f"{root}/") else path
