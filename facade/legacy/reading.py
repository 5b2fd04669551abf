"""From a pasted text to the REST requests in it, whatever form they have."""

from typing import Any

import orjson

from ..butlr import MOST_LEVELS, nests_too_deep
from .curl import is_curl, read_curl
from .http_file import read_http
from .postman import is_collection, read_postman
from .rest_request import RestRequest, Unreadable


def read(text: str) -> tuple[list[RestRequest], bool]:
    """The requests, and whether the text is a list of them however many there are. Raises `Unreadable`."""
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise Unreadable("There is nothing to translate.")
    if text[0] in "{[" and not text.startswith("{{"):
        return _read_json(text)
    found = read_curl(text) if is_curl(text) else read_http(text)
    return found, len(found) > 1


def _read_json(text: str) -> tuple[list[RestRequest], bool]:
    if nests_too_deep(text.encode()):
        raise Unreadable(f"Its JSON nests too deep: {MOST_LEVELS} levels are the limit.")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Unreadable(f"It is not JSON: {exc}.") from exc
    if is_collection(value):
        return read_postman(value), True
    if isinstance(value, list):
        if not value:
            raise Unreadable("The list is empty.")
        return [_pasted(one) for one in value], True
    return [_pasted(value)], False


def _pasted(value: Any) -> RestRequest:
    """A JSON body with its path: `{"path": "/api/v3/reporting", "body": {…}}`."""
    url = value.get("path", value.get("url")) if isinstance(value, dict) else None
    if not isinstance(url, str):
        raise Unreadable(
            'A JSON body needs its path: {"path": "/api/v3/reporting", "body": {…}}. A Postman collection needs `item`.'
        )
    body = value.get("body")
    written = body if isinstance(body, str | None) else orjson.dumps(body).decode()
    method = value.get("method") or ("GET" if written is None else "POST")
    return RestRequest(str(method).upper(), url, written, str(value.get("name") or ""))
