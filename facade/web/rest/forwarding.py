"""Forward requests and answers between REST clients and the upstream, with the headers that may pass."""

import math
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from ...butlr import ButlrError, RateLimited, Reply, Unauthenticated, UpstreamTimeout
from ..cache_headers import NEVER_KEPT
from ..graphql_request import JSON_TYPE, BadRequest
from ..json_responses import message

# Request headers that are forwarded. Others, such as cookies, are for the facade only.
_SENT = ("content-type", "content-encoding", "accept")
# Response headers that are forwarded. The body has been decompressed.
_RETURNED = ("retry-after", "content-disposition", "allow")
# Content types that a browser would run or render in the facade's origin.
_ACTIVE = ("html", "javascript", "ecmascript", "xml", "svg", "multipart")
# How often a path segment is decoded to find `..` that was encoded several times.
_MOST_DECODED = 5

_STATUS: dict[type[ButlrError], int] = {Unauthenticated: 401, RateLimited: 429, UpstreamTimeout: 504}


def sent_headers(headers: Headers, *, coded: bool = True) -> dict[str, str]:
    """Return the request headers to forward. `coded` is False if the body has been decompressed."""
    names = _SENT if coded else tuple(name for name in _SENT if name != "content-encoding")
    return {name.title(): headers[name] for name in names if headers.get(name)}


def raw_target(scope: Scope, prefix: str) -> str:
    """Return the path and query of a request as they were sent. Raises `BadRequest` for a path that leaves `prefix`."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0]
    root = scope.get("root_path", "").encode()
    if root and path.startswith(root):
        path = path[len(root) :]
    if not path.startswith(prefix.encode() + b"/") or _has_dot_segments(path):
        raise BadRequest(400, "The path must not contain `.` or `..` as a segment, encoded or not.")
    query: bytes = scope["query_string"]
    target = path + b"?" + query if query else path
    return target.decode("latin-1")


def _has_dot_segments(path: bytes) -> bool:
    for _ in range(_MOST_DECODED):
        steps = path.replace(b"\\", b"/").split(b"/")
        # A segment may have parameters (RFC 3986, 3.3), which some servers remove before they resolve `..`.
        if any(step.partition(b";")[0].strip(b"\x00\t\r\n ") in (b".", b"..") for step in steps):
            return True
        decoded = unquote_to_bytes(path)
        if decoded == path:
            return False
        path = decoded
    return True


def verbatim(reply: Reply, *, base_url: str = "", our_root: str = "") -> Response:
    """Return the upstream's answer unchanged; 502 for one that cannot be an API's.

    A redirect is passed on only if it leads to a path of the upstream, which becomes a path of the facade.
    """
    if _is_active(reply.content_type):
        return message(502, "Butlr's address answered with a web page. Check the base URL and any proxy.", NEVER_KEPT)
    headers = {**NEVER_KEPT, **{name: reply.headers[name] for name in _RETURNED if name in reply.headers}}
    if 300 <= reply.status < 400:
        location = _ours(reply.headers.get("location"), base_url, our_root)
        if location is None:
            return message(502, f"Butlr's address redirects ({reply.status}). Check the base URL.", NEVER_KEPT)
        headers["Location"] = location
    elif reply.status in (201, 202) and (location := _ours(reply.headers.get("location"), base_url, our_root)):
        headers["Location"] = location
    if reply.status == 401:
        headers["WWW-Authenticate"] = reply.headers.get("www-authenticate") or "Bearer"
    return Response(reply.body, reply.status, headers, media_type=reply.content_type or JSON_TYPE)


def failed(error: ButlrError, says: str | None = None) -> Response:
    """Return the upstream's own error if there is one, else an error status for the kind of failure.

    `says` is sent instead of the error's own message.
    """
    headers: dict[str, str] = dict(NEVER_KEPT)
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    status = error.status if error.status is not None and error.status >= 400 else _STATUS.get(type(error), 502)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == error.status and error.body and not _is_active(error.content_type):
        return Response(error.body, status, headers, media_type=error.content_type or JSON_TYPE)
    return message(status, says or str(error), headers)


def _is_active(content_type: str | None) -> bool:
    media = (content_type or "").partition(";")[0].lower()
    return any(part in media for part in _ACTIVE)


def _ours(location: str | None, base_url: str, our_root: str) -> str | None:
    """Return the facade's path for a URL of the upstream; None for any other URL."""
    if not location:
        return None
    base = urlsplit(base_url)
    try:
        there = urlsplit(location)
    except ValueError:
        return None
    if there.netloc and (there.scheme or base.scheme, there.netloc) != (base.scheme, base.netloc):
        return None
    prefix = base.path.rstrip("/")
    path = there.path
    if not path.startswith(prefix + "/") or path.startswith("//") or _has_dot_segments(path.encode()):
        return None
    query = f"?{there.query}" if there.query else ""
    return f"{our_root}{path[len(prefix) :]}{query}"
