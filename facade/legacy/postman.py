"""Read Postman collections (v2.0 and v2.1) as requests."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from .http_file import VariableValues
from .rest_request import RestRequest, Unreadable, is_authorizing


def is_collection(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("item"), list)


def read_postman(collection: Mapping[str, Any]) -> list[RestRequest]:
    """Return the requests of all folders, named by their path of folders. Raises `Unreadable`."""
    found = list(_items(collection, (), VariableValues()))
    if not found:
        raise Unreadable("The collection contains no request.")
    return found


def _items(folder: Mapping[str, Any], way: tuple[str, ...], above: VariableValues) -> Iterator[RestRequest]:
    values = above.within(_pairs(folder.get("variable")))
    for item in _list(folder.get("item")):
        if not isinstance(item, dict):
            continue
        here = (*way, str(item.get("name") or ""))
        if isinstance(item.get("item"), list):
            yield from _items(item, here, values)
        elif (request := item.get("request")) is not None:
            yield _request(" / ".join(filter(None, here)), request, values)


def _request(name: str, request: Any, values: VariableValues) -> RestRequest:
    # A plain GET may be written as its URL.
    if isinstance(request, str):
        return RestRequest("GET", values.put_into(request), name=name)
    if not isinstance(request, dict):
        return RestRequest("GET", "", name=name, problem="It is not a request in the collection format v2.1.")
    body, problem = _body(request.get("body"), values)
    return RestRequest(
        str(request.get("method") or "GET").upper(),
        _url(request.get("url"), values),
        body,
        name,
        problem,
        any(is_authorizing(header) for header in _pairs(request.get("header"))),
    )


def _url(url: Any, values: VariableValues) -> str:
    if not isinstance(url, dict):
        return values.put_into(str(url or ""))
    written = url.get("raw")
    if not isinstance(written, str):
        host, path = (
            joint.join(map(str, part)) if isinstance(part, list) else str(part or "")
            for joint, part in ((".", url.get("host")), ("/", url.get("path")))
        )
        asked = urlencode(_pairs(url.get("query")))
        written = f"{host}/{path.lstrip('/')}{'?' if asked else ''}{asked}"
    # `:id` in the path, whose value is in `variable`.
    steps_known = _pairs(url.get("variable"))
    base, mark, query = written.partition("?")
    steps = [_step(step, steps_known) for step in base.split("/")]
    return values.put_into("/".join(steps) + mark + query)


def _step(step: str, values: Mapping[str, str]) -> str:
    value = values.get(step[1:]) if step.startswith(":") else None
    if not value:
        return step
    return value if value.startswith("{{") else quote(value, safe="")


def _body(body: Any, values: VariableValues) -> tuple[str | None, str | None]:
    """Return the text of a body, or the reason why it is not known."""
    if not isinstance(body, dict) or body.get("disabled"):
        return None, None
    mode = body.get("mode")
    if mode == "raw":
        return values.put_into(str(body.get("raw") or "")) or None, None
    if mode == "urlencoded":
        fields = _pairs(body.get("urlencoded"))
        return urlencode({name: values.put_into(value) for name, value in fields.items()}), None
    if mode == "graphql":
        asked = body.get("graphql")
        variables = asked.get("variables") if isinstance(asked, dict) else None
        query = asked.get("query") if isinstance(asked, dict) else None
        written = values.put_into(str(variables or "{}"))
        return f'{{"query": {json.dumps(query)}, "variables": {written}}}', None
    return None, "It sends a form or a file; the REST calls take JSON." if mode else None


def _pairs(listed: Any) -> dict[str, str]:
    """Return the names and values of a list of `{"key", "value"}`, without disabled ones."""
    return {
        str(one.get("key", one.get("id"))): str(one["value"])
        for one in _list(listed)
        if isinstance(one, dict) and one.get("value") is not None and not one.get("disabled")
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
