"""The path prefix under which a proxy serves the facade."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "facade.prefix"
# The prefix goes into links and `Location`, so only characters that cannot name another host or end a header.
_USABLE = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)


def prefix_of(scope: Mapping[str, Any]) -> str:
    """Return the prefix of the facade's paths as the caller sees them, such as `/butlr`, or an empty text."""
    prefix: str = scope.get(PREFIX, "")
    return prefix


class Prefixed:
    """ASGI middleware: removes the prefix from paths.

    A proxy that strips its prefix names it in `X-Forwarded-Prefix`. A server that is configured with one (ASGI's
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
