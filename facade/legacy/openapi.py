"""The OpenAPI 3.1 document of the REST paths: the current calls, and the v2 reads served from the graph."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..butlr import CLIENT_LOGIN_PATH, DETECTIONS_PATH, LOGIN_PATH, REPORTING_PATH, STATS_PATH
from .openapi_schemas import SCHEMAS
from .openapi_terms import STRING, Schema, described, many, of, ref
from .successors import living
from .v2 import FIXTURES_ENDED, PREFIX, READS, V2_ENDED, WRITES, GoneRead, V2Read, refused_write

JSON = "application/json"
_PARAMETER = re.compile(r"{(\w+)}")

_DESCRIPTION = """\
Butlr's REST API as this facade serves it to clients that were written for it. Every path is served without `/api`
as well. Each answer names in `X-Successor-Operation` the GraphQL operation of `/graphql` that takes the call's place.
"""

_SPAN = {"start": "2025-04-01T09:00:00Z", "stop": "2025-04-01T10:00:00Z"}
# By path: its schemas, its summary, and an example of a body.
_BODIES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    LOGIN_PATH: ("Login", "Session", "Log in as a user", {"username": "{{username}}", "password": "{{password}}"}),
    CLIENT_LOGIN_PATH: (
        "ClientLogin",
        "Session",
        "Log in as a client",
        {
            "client_id": "{{client_id}}",
            "client_secret": "{{client_secret}}",
            "audience": "https://butlrauth/",
            "grant_type": "client_credentials",
        },
    ),
    REPORTING_PATH: (
        "ReportRequest",
        "Report",
        "Read occupancy, presence and traffic",
        {
            "filter": {**_SPAN, "measurements": ["room_occupancy"], "rooms": {"eq": ["room_1"]}, "value": {"gte": 0}},
            "window": {"every": "5m", "function": "max"},
        },
    ),
    DETECTIONS_PATH: (
        "DetectionsRequest",
        "Detections",
        "Read where people were",
        {
            "data_types": ["detections_local", "detections_world"],
            "filter": {**_SPAN, "mac_addresses": ["00-17-0d-00-00-00-00-01"]},
        },
    ),
    STATS_PATH: (
        "StatsRequest",
        "Stats",
        "Read statistics of places",
        {
            "measurements": ["occupancy_avg_presence"],
            "items": ["room_1"],
            "start": "2025-04-01",
            "stop": "2025-04-02",
        },
    ),
}
_REFRESH = (
    "Refresh",
    "Session",
    "Renew a user's tokens",
    {"refresh_token": "{{refresh_token}}", "client_id": "{{client_id}}"},
)
_LOGINS = frozenset({"Login", "Refresh", "ClientLogin"})

# By the last literal segment of a v2 path.
_ENTITIES = {"sensors": "Sensor", "hives": "Hive", "spaces": "Space", "rooms": "Room"}
_SAMPLES = {"sensors": "sensor_1", "hives": "hive_1", "spaces": "space_1", "rooms": "room_1", "fixtures": "fixture_1"}
_PRINTED = {"sensors": "The id, or the MAC address.", "hives": "The id, or the serial number."}

_REFUSALS = {
    "400": "The request is invalid.",
    "401": "The token is missing or invalid.",
    "403": "The token may not do this.",
    "429": "Too many requests; `Retry-After` says when to try again.",
    "502": "Butlr failed.",
    "503": "Butlr cannot be reached now; `Retry-After` says when to try again.",
    "504": "Butlr took too long.",
}


def document(*, version: str, refresh_path: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, call in living(refresh_path).items():
        paths[path] = {"post": _call(path, call.operation or "", *_BODIES.get(path, _REFRESH))}
    for read in READS:
        paths[PREFIX + read.path] = _read(read)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Butlr REST API, by way of butlr-graphql-facade",
            "version": version,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in ("logins", "time series", "v2")],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "headers": _HEADERS,
            "responses": {status: _error(description) for status, description in _REFUSALS.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def without_ended(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without operations that only answer 405 or 410, and without schemas that only they use."""
    paths: dict[str, Any] = {}
    for path, item in whole["paths"].items():
        lives = {
            name: part
            for name, part in item.items()
            if "responses" not in part or not part["responses"].keys() <= _ENDS
        }
        if lives.keys() - {"parameters"}:
            paths[path] = lives
    named = set(_references(paths)) | set(_references(whole["components"]["responses"]))
    headers = {name: header for name, header in whole["components"]["headers"].items() if f"headers/{name}" in named}
    return {**whole, "paths": paths, "components": {**whole["components"], "headers": headers}}


_ENDS = frozenset({"405", "410"})


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.removeprefix("#/components/")
        for part in value.values():
            yield from _references(part)


def _call(path: str, operation: str, asked: str, answered: str, summary: str, example: dict[str, Any]) -> Schema:
    login = asked in _LOGINS
    content: Schema = {JSON: {"schema": ref(answered)}}
    if path == REPORTING_PATH:
        content["text/csv"] = {"schema": STRING}
    headers = () if login else ("X-Cache", "Age", "Cache-Control", "Vary")
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["logins" if login else "time series"],
        **({"security": []} if login else {}),
        "requestBody": {"required": True, "content": {JSON: {"schema": ref(asked), "example": example}}},
        "responses": {
            "200": _answer("As Butlr answers.", content, "X-Successor-Operation", *headers),
            **_refused(*_REFUSALS, "413"),
        },
    }


def _read(read: V2Read | GoneRead) -> Schema:
    item: Schema = {"get": _v2(read)}
    parameters = _PARAMETER.findall(read.path)
    if parameters:
        item["parameters"] = [_parameter(read.path, name) for name in parameters]
    # Fixtures have no successor.
    ended = _ENDED[:-1] if isinstance(read, GoneRead) else _ENDED
    for method in WRITES:
        item[method.lower()] = {
            "operationId": f"{method.lower()}{_identifier(read.path)}",
            "summary": refused_write(method, read),
            "tags": ["v2"],
            "deprecated": True,
            "security": [],
            "responses": {"405": _answer("The call has ended. This facade only reads.", _message(), *ended, "Allow")},
        }
    return item


def _v2(read: V2Read | GoneRead) -> Schema:
    ended = FIXTURES_ENDED if isinstance(read, GoneRead) else V2_ENDED
    said: Schema = {"tags": ["v2"], "deprecated": True, "x-sunset": ended.sunset}
    if isinstance(read, GoneRead):
        return {
            **said,
            "operationId": f"get{_identifier(read.path)}",
            "summary": read.notice,
            "security": [],
            "responses": {"410": _answer(read.notice, _message(), "Deprecation", "Sunset")},
        }
    step = _literal(read.path)
    one = read.path.endswith("}")
    entity = ref("HiveRow" if step == "hives" and not one else _ENTITIES[step])
    content = {JSON: {"schema": of({"data": entity if one else many(entity)}, "data")}}
    return {
        **said,
        "operationId": read.answer.operation.name,
        "summary": f"Read {'one of ' if one else ''}the {step}" + (" of a floor" if read.path.count("/") > 2 else ""),
        "responses": {
            "200": _answer("From the graph.", content, *_ENDED, "X-Successor-Operation", "X-Cache", "Age", "ETag"),
            "304": {"description": "Not modified: the answer matches `If-None-Match`."},
            "404": _answer("There is no such object that this token may see.", _message(), *_ENDED),
            **_refused(*_REFUSALS),
        },
    }


def _parameter(path: str, name: str) -> Schema:
    step = _literal(path[: path.index(f"{{{name}}}")])
    schema = described(STRING, _PRINTED.get(step, "The id."))
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": _SAMPLES[step]}


def _literal(path: str) -> str:
    return [step for step in path.split("/") if step and not step.startswith("{")][-1]


def _identifier(path: str) -> str:
    """Return a unique identifier for a path: SpacesSpaceRooms for `/spaces/{space}/rooms`."""
    return "".join(word.capitalize() for word in re.findall(r"\w+", path))


def _refused(*statuses: str) -> Schema:
    return {
        status: {"$ref": f"#/components/responses/{status}"}
        if status in _REFUSALS
        else _error("The body is too large.")
        for status in statuses
    }


def _error(description: str) -> Schema:
    headers = ("Retry-After",) if "Retry-After" in description else ()
    return _answer(description, _message(), *headers)


def _message() -> Schema:
    return {JSON: {"schema": ref("Error")}}


def _answer(description: str, content: Schema, *headers: str) -> Schema:
    listed = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, **({"headers": listed} if listed else {}), "content": content}


_ENDED = ("Deprecation", "Sunset", "Link")


def _header(description: str, **schema: Any) -> Schema:
    return {"description": description, "schema": schema or STRING}


_HEADERS = {
    "X-Successor-Operation": _header("The GraphQL operation that replaces the call."),
    "X-Cache": _header("HIT: no call was made upstream.", enum=["HIT", "MISS", "STALE", "BYPASS"]),
    "Age": _header("Seconds since its oldest part was read.", type="integer"),
    "Cache-Control": _header("How long a private cache may keep it."),
    "Vary": _header("Which headers of the request the answer depends on."),
    "ETag": _header("For `If-None-Match`."),
    "Retry-After": _header("Seconds.", type="integer"),
    "Deprecation": _header("RFC 9745: when the call ended."),
    "Sunset": _header("RFC 8594: when the call ended."),
    "Link": _header('RFC 5829: `</graphql>; rel="successor-version"`.'),
    "Allow": _header("The methods of the path."),
}
