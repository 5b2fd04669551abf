"""The calls of the OpenAPI document as a Postman collection (v2.1), which runs from its first request to its last.

A login stores its tokens, a list the id of its first row, each as a variable that later requests name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .openapi import JSON

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_PARAMETER = re.compile(r"{(\w+)}")
# Logins fill in the token, and lists the ids that the time series are asked by.
_ORDER = ("logins", "v2", "time series")
# By the segment of a path that lists them: variables, and their values before a list has been read.
_IDS = {
    "sensors": ("sensor_id", "sensor_1"),
    "hives": ("hive_id", "hive_1"),
    "spaces": ("space_id", "space_1"),
    "rooms": ("room_id", "room_1"),
}
_MAC = ("mac_address", "00-17-0d-00-00-00-00-01")
_SECRETS = ("username", "password", "client_id", "client_secret", "token", "refresh_token", "refresh_client_id")

_ANSWERS = """\
pm.test("It answers", () => pm.expect(pm.response.code).to.be.below(400));
"""
_STORE_TOKENS = """\
if (pm.response.code === 200) {
  const session = pm.response.json();
  pm.collectionVariables.set("token", session.access_token);
  if (session.refresh_token) {
    // A refresh names the application that the token was made for.
    const claims = session.access_token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    pm.collectionVariables.set("refresh_token", session.refresh_token);
    pm.collectionVariables.set("refresh_client_id", JSON.parse(atob(claims)).azp);
  }
}
"""
_STORE_ID = """\
const rows = pm.response.code === 200 ? pm.response.json().data : [];
if (rows.length) {
  pm.collectionVariables.set(%s, rows[0].id);
  if (rows[0].mac_address) pm.collectionVariables.set("mac_address", rows[0].mac_address);
}
"""


def collection(document: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """Return the collection: a folder for each tag, with the calls that still work. Ended ones are omitted."""
    folders: dict[str, list[dict[str, Any]]] = {name: [] for name in _ORDER}
    for path, item in document["paths"].items():
        for tag, request in _requests(path, item):
            folders[tag].append(request)
    variables = {"baseUrl": base_url.rstrip("/"), **dict.fromkeys(_SECRETS, ""), **dict([*_IDS.values(), _MAC])}
    return {
        "info": {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "event": [_after(_ANSWERS)],
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
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
        login = operation.get("security") == []
        if login:
            request["auth"] = {"type": "noauth"}
        if "requestBody" in operation:
            example = operation["requestBody"]["content"][JSON]["example"]
            request["header"] = [{"key": "Content-Type", "value": JSON}]
            request["body"] = {
                "mode": "raw",
                "raw": _body(example),
                "options": {"raw": {"language": "json"}},
            }
        made: dict[str, Any] = {"name": f"{operation['summary']} ({operation['operationId']})", "request": request}
        if login:
            made["event"] = [_after(_STORE_TOKENS)]
        elif (step := path.rpartition("/")[2]) in _IDS:
            made["event"] = [_after(_STORE_ID % json.dumps(_IDS[step][0]))]
        yield operation["tags"][0], made


def _after(script: str) -> dict[str, Any]:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": script.splitlines()}}


def _body(example: Mapping[str, Any]) -> str:
    """Return the example of a body, with variables in place of ids."""
    text = json.dumps(example, indent=2)
    for name, sample in (*_IDS.values(), _MAC):
        text = text.replace(f'"{sample}"', f'"{{{{{name}}}}}"')
    # A user's token is refreshed with the id of the application that it was issued to, not that of the client login.
    return text.replace("{{client_id}}", "{{refresh_client_id}}") if "refresh_token" in example else text


def _url(path: str, parameters: Any) -> dict[str, Any]:
    written = _PARAMETER.sub(r":\1", path)
    return {
        "raw": "{{baseUrl}}" + written,
        "host": ["{{baseUrl}}"],
        "path": written.strip("/").split("/"),
        "variable": [{"key": parameter["name"], "value": _id_in(path, parameter["name"])} for parameter in parameters],
    }


def _id_in(path: str, name: str) -> str:
    step = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
    return f"{{{{{_IDS[step][0]}}}}}"
