"""What is passed on between a REST client and the upstream as it came, and what of it is not."""

import math
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from ...butlr import ButlrError, RateLimited, Reply, Unauthenticated, UpstreamTimeout
from ..cache_headers import NEVER_KEPT
from ..graphql_request import JSON_TYPE, BadRequest
from ..json_responses import message

# Of a request. All else, cookies among it, is between the client and the facade.
_SENT = ("content-type", "content-encoding", "accept")
# Of an answer. Its encoding is taken off on the way.
_RETURNED = ("retry-after", "content-disposition", "allow")
# What a browser runs or renders under the origin that it came from.
_ACTIVE = ("html", "javascript", "ecmascript", "xml", "svg", "multipart")
# A segment that is decoded once more may become another; more often than this nobody encodes.
_MOST_DECODED = 5

_STATUS: dict[type[ButlrError], int] = {Unauthenticated: 401, RateLimited: 429, UpstreamTimeout: 504}


def sent_headers(headers: Headers, *, coded: bool = True) -> dict[str, str]:
    """The headers of a request that go up with it; without `coded`, its body's coding has been taken off."""
    names = _SENT if coded else tuple(name for name in _SENT if name != "content-encoding")
    return {name.title(): headers[name] for name in names if headers.get(name)}


def raw_target(scope: Scope, prefix: str) -> str:
    """The path and query of a request as they came. Raises `BadRequest` for a path that leaves `prefix`."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0]
    root = scope.get("root_path", "").encode()
    if root and path.startswith(root):
        path = path[len(root) :]
    if not path.startswith(prefix.encode() + b"/") or _has_dot_segments(path):
        raise BadRequest(400, "The path must not hold `.` or `..` as a step, however they are written.")
    query: bytes = scope["query_string"]
    target = path + b"?" + query if query else path
    return target.decode("latin-1")


def _has_dot_segments(path: bytes) -> bool:
    for _ in range(_MOST_DECODED):
        steps = path.replace(b"\\", b"/").split(b"/")
        # A step may have parameters (RFC 3986, 3.3): some servers leave them out before they resolve it.
        if any(step.partition(b";")[0].strip(b"\x00\t\r\n ") in (b".", b"..") for step in steps):
            return True
        decoded = unquote_to_bytes(path)
        if decoded == path:
            return False
        path = decoded
    return True


def verbatim(reply: Reply, *, base_url: str = "", our_root: str = "") -> Response:
    """The upstream's answer as it came; 502 for what is none of an API.

    A redirect is one only where it leads to a path of the upstream, which is then a path of ours.
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
    """The upstream's own words where there were any; else a status that says how it failed, never one of success.

    `says` stands for the error's own message.
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
    """The path at the facade of an address at the upstream; None for any other."""
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
