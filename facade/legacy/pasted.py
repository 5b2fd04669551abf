"""Read the REST requests in a pasted text, in any supported form."""

import re
from typing import Any

import orjson

from ..butlr import MOST_LEVELS, nests_too_deep
from .comments import load_commented
from .curl import is_curl, read_curl
from .har import is_har, is_har_request, read_har, read_har_request
from .http_file import read_http
from .postman import is_collection, read_postman
from .powershell import is_powershell, read_powershell
from .rest_request import READ, RestRequest, Unreadable

# The line above a body in Butlr's own samples: `// POST https://api.butlr.io/api/v3/reporting`.
_TITLE = re.compile(r"(?://|#)[ \t]*(GET|HEAD|POST|PUT|PATCH|DELETE)[ \t]+(\S+)[^\n]*")


def read(text: str) -> tuple[list[RestRequest], bool]:
    """Return the requests, and whether the text is a list, which may have a single one. Raises `Unreadable`."""
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise Unreadable(f"There is nothing to translate. It reads {READ}.")
    if _is_json(text):
        return _read_json(text)
    if (titled := _titled(text)) is not None:
        return [titled], False
    read_form = read_curl if is_curl(text) else read_powershell if is_powershell(text) else read_http
    found = read_form(text)
    return found, len(found) > 1


def _is_json(text: str) -> bool:
    return text[:1] in ("{", "[") and not text.startswith("{{")


def _titled(text: str) -> RestRequest | None:
    """Read a JSON body below comment lines, one of which is its request line; None for any other text."""
    title = None
    position = 0
    while text.startswith(("//", "#", "/*", "\n", " ", "\t", "\r"), position) and not text.startswith("###", position):
        closed = "*/" if text.startswith("/*", position) else "\n"
        title = title or _TITLE.match(text, position)
        end = text.find(closed, position)
        if end < 0:
            return None
        position = end + len(closed) if text.startswith(("/", "#"), position) else position + 1
    if title is None or not _is_json(text[position : position + 2]):
        return None
    return RestRequest(title[1], title[2], text[position:])


def _read_json(text: str) -> tuple[list[RestRequest], bool]:
    if nests_too_deep(text.encode()):
        raise Unreadable(f"Its JSON nests too deep: {MOST_LEVELS} levels are the limit.")
    try:
        value = load_commented(text)
    except orjson.JSONDecodeError as exc:
        raise Unreadable(f"It is not JSON: {exc}.") from exc
    if isinstance(value, dict) and is_collection(value.get("collection")):
        # The form in which Postman's API returns a collection.
        value = value["collection"]
    if is_har(value):
        return read_har(value), True
    if is_collection(value):
        return read_postman(value), True
    if isinstance(value, list):
        if not value:
            raise Unreadable("The list is empty.")
        return [_pasted(one) for one in value], True
    return [_pasted(value)], False


def _pasted(value: Any) -> RestRequest:
    """Read a JSON body with its path: `{"path": "/api/v3/reporting", "body": {…}}`."""
    if is_har_request(value):
        return read_har_request(value)
    url = value.get("path", value.get("url")) if isinstance(value, dict) else None
    if not isinstance(url, str):
        raise Unreadable(
            'A JSON body needs its path: {"path": "/api/v3/reporting", "body": {…}}, or a line `// POST '
            f"/api/v3/reporting` above it. A Postman collection needs `item`. It reads {READ}."
        )
    body = value.get("body")
    written = body if isinstance(body, str | None) else orjson.dumps(body).decode()
    method = value.get("method") or ("GET" if written is None else "POST")
    return RestRequest(str(method).upper(), url, written, str(value.get("name") or ""))
