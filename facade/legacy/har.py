"""Read HAR files of browsers (HTTP Archive 1.2): a whole file, one entry, or an entry's request."""

import re
from collections.abc import Mapping
from typing import Any

from .rest_request import RestRequest, Unreadable, is_authorizing

_CALL = re.compile(r"/v\d+/|graphql")


def is_har(value: Any) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("log"), dict) and isinstance(value["log"].get("entries"), list)
    )


def is_har_request(value: Any) -> bool:
    """Return whether a value is an entry, or the request of one."""
    asked = value.get("request", value) if isinstance(value, dict) else None
    return (
        isinstance(asked, dict)
        and isinstance(asked.get("url"), str)
        and ("postData" in asked or "httpVersion" in asked)
    )


def read_har(har: Mapping[str, Any]) -> list[RestRequest]:
    """Return the API calls among all requests of a page. Raises `Unreadable` if there are none."""
    entries = [read_har_request(entry) for entry in har["log"]["entries"] if is_har_request(entry)]
    found = [one for one in entries if one.method != "OPTIONS" and _CALL.search(one.path)]
    if not found:
        raise Unreadable("The HAR file contains no call of the REST API.")
    return found


def read_har_request(value: Mapping[str, Any]) -> RestRequest:
    asked = value.get("request", value)
    post = asked.get("postData")
    text = post.get("text") if isinstance(post, dict) else None
    headers = asked.get("headers")
    names = [one.get("name") for one in headers if isinstance(one, dict)] if isinstance(headers, list) else []
    return RestRequest(
        str(asked.get("method") or "GET").upper(),
        asked["url"],
        text if isinstance(text, str) and text else None,
        authorized=any(isinstance(name, str) and is_authorizing(name) for name in names) or bool(asked.get("cookies")),
    )
