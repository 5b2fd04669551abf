"""The calls of the OpenAPI document as a Postman collection (v2.1)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .openapi import JSON

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_PARAMETER = re.compile(r"{(\w+)}")


def collection(document: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """A folder a tag, each with the calls that can still be made; what has ended altogether is left out."""
    folders: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for tag, request in _requests(path, item):
            folders[tag].append(request)
    return {
        "info": {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": "baseUrl", "value": base_url.rstrip("/")}],
        "item": [{"name": name, "item": requests} for name, requests in folders.items()],
    }


def _requests(path: str, item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for method in ("get", "post"):
        operation = item.get(method)
        if operation is None or "200" not in operation["responses"]:
            continue
        request: dict[str, Any] = {
            "method": method.upper(),
            "url": _url(path, item.get("parameters", ())),
            "description": operation["summary"],
        }
        if operation.get("security") == []:
            request["auth"] = {"type": "noauth"}
        if "requestBody" in operation:
            example = operation["requestBody"]["content"][JSON]["example"]
            request["header"] = [{"key": "Content-Type", "value": JSON}]
            request["body"] = {
                "mode": "raw",
                "raw": json.dumps(example, indent=2),
                "options": {"raw": {"language": "json"}},
            }
        yield operation["tags"][0], {"name": f"{operation['summary']} ({operation['operationId']})", "request": request}


def _url(path: str, parameters: Any) -> dict[str, Any]:
    written = _PARAMETER.sub(r":\1", path)
    return {
        "raw": "{{baseUrl}}" + written,
        "host": ["{{baseUrl}}"],
        "path": written.strip("/").split("/"),
        "variable": [{"key": parameter["name"], "value": parameter["example"]} for parameter in parameters],
    }
