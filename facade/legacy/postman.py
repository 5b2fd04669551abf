"""Postman collections (v2.0 and v2.1) as requests."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from .http_file import with_values
from .rest_request import RestRequest, Unreadable, is_authorizing


def is_collection(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("item"), list)


def read_postman(collection: Mapping[str, Any]) -> list[RestRequest]:
    """The requests of all folders, named by the way to them. Raises `Unreadable`."""
    found = list(_items(collection, (), {}))
    if not found:
        raise Unreadable("The collection holds no request.")
    return found


def _items(folder: Mapping[str, Any], way: tuple[str, ...], above: Mapping[str, str]) -> Iterator[RestRequest]:
    known = {**above, **_pairs(folder.get("variable"))}
    for item in _list(folder.get("item")):
        if not isinstance(item, dict):
            continue
        here = (*way, str(item.get("name") or ""))
        if isinstance(item.get("item"), list):
            yield from _items(item, here, known)
        elif (request := item.get("request")) is not None:
            yield _request(" / ".join(filter(None, here)), request, known)


def _request(name: str, request: Any, known: Mapping[str, str]) -> RestRequest:
    # A request that is nothing but a GET may be written as its URL.
    if isinstance(request, str):
        return RestRequest("GET", with_values(request, known), name=name)
    if not isinstance(request, dict):
        return RestRequest("GET", "", name=name, problem="It is no request of a collection of format v2.1.")
    body, problem = _body(request.get("body"), known)
    return RestRequest(
        str(request.get("method") or "GET").upper(),
        _url(request.get("url"), known),
        body,
        name,
        problem,
        any(is_authorizing(header) for header in _pairs(request.get("header"))),
    )


def _url(url: Any, known: Mapping[str, str]) -> str:
    if not isinstance(url, dict):
        return with_values(str(url or ""), known)
    written = url.get("raw")
    if not isinstance(written, str):
        host, path = (
            joint.join(map(str, part)) if isinstance(part, list) else str(part or "")
            for joint, part in ((".", url.get("host")), ("/", url.get("path")))
        )
        asked = urlencode(_pairs(url.get("query")))
        written = f"{host}/{path.lstrip('/')}{'?' if asked else ''}{asked}"
    # `:id` in the path, with its value beside it.
    values = _pairs(url.get("variable"))
    base, mark, query = written.partition("?")
    steps = [_step(step, values) for step in base.split("/")]
    return with_values("/".join(steps) + mark + query, known)


def _step(step: str, values: Mapping[str, str]) -> str:
    value = values.get(step[1:]) if step.startswith(":") else None
    if not value:
        return step
    return value if value.startswith("{{") else quote(value, safe="")


def _body(body: Any, known: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The text of a body, or why it cannot be told."""
    if not isinstance(body, dict) or body.get("disabled"):
        return None, None
    mode = body.get("mode")
    if mode == "raw":
        return with_values(str(body.get("raw") or ""), known) or None, None
    if mode == "urlencoded":
        fields = _pairs(body.get("urlencoded"))
        return urlencode({name: with_values(value, known) for name, value in fields.items()}), None
    if mode == "graphql":
        asked = body.get("graphql")
        variables = asked.get("variables") if isinstance(asked, dict) else None
        query = asked.get("query") if isinstance(asked, dict) else None
        values = with_values(str(variables or "{}"), known)
        return f'{{"query": {json.dumps(query)}, "variables": {values}}}', None
    return None, "It sends a form or a file; the REST calls take JSON." if mode else None


def _pairs(listed: Any) -> dict[str, str]:
    """Names and values of a list of `{"key", "value"}`, without those switched off."""
    return {
        str(one.get("key", one.get("id"))): str(one["value"])
        for one in _list(listed)
        if isinstance(one, dict) and one.get("value") is not None and not one.get("disabled")
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
