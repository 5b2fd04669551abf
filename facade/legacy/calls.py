"""Translate one REST request to the equal operation, or say why there is none."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from ..butlr import (
    CLIENT_LOGIN_PATH,
    DETECTIONS_PATH,
    LOGIN_PATH,
    MOST_LEVELS,
    NATIVE_PATH,
    REPORTING_PATH,
    STATS_PATH,
    nests_too_deep,
)
from ..execution import Engine
from . import operations, shapes
from .comments import load_commented
from .misfits import misfits, unknown_field
from .operations import DATA_TYPES, DETECTIONS_VARIABLES, REPORT_VARIABLES, STATS_VARIABLES
from .rest_request import PLACEHOLDER, RestRequest
from .shapes import Shape
from .v2 import WRITES, GoneRead, find, refused_write

Body = dict[str, Any]

_PATH = re.compile(r"(?:/api)?(/v\d+/.*)", re.DOTALL)
# A placeholder for an id in a path: {{id}}, :id, {id}, <id>, $ID.
_UNNAMED = re.compile(r"/(\{[^/]*|:[^/]+|<[^/]*|\$[^/]*)")
CAMEL_CALIBRATION = "calibrationPoints"
# Advice for other paths, by their beginning below `/api`.
_ELSEWHERE = {
    "/v1/client": "Tokens are made in Butlr's web app (Account Settings, API tokens) or by this call at Butlr.",
    "/v2/streams": "Streams were replaced by POST /api/v3/detections: translate its body instead.",
    "/v2/presence": "It ended with v2: use POST /api/v3/reporting with the measurement presence.",
    "/v2/traffic": "It ended with v2: use POST /api/v3/reporting with the measurement traffic.",
    "/v4/reporting": "Butlr keeps this call for its dashboard; POST /api/v4/reporting/stats is the one for clients.",
}


class Untranslatable(Exception):  # noqa: N818 - named for what happened
    """There is no equal operation. The message says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A REST request as an operation, or the reason why it has none.

    `shape` converts the operation's data to the REST answer; None if the request is GraphQL already.
    """

    source: str
    query: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    shape: Shape | None = None
    # Whether the request has a token or a password outside its body.
    authorized: bool = False


def translated(request: RestRequest, engine: Engine, refresh_path: str, *, suggest: bool = True) -> Translation:
    """Translate a request into an operation that the engine would run.

    With `suggest` a reason may name fields of the schema that are similar to an unknown one.
    """
    source = " ".join(str(request).split())
    try:
        text, variables, shape = _call(request, refresh_path)
        _check(text, variables, engine, suggest=suggest)
    except Untranslatable as exc:
        reason = " ".join(f"{exc}{_unfilled(request)}".split())
        return Translation(source, reason=reason, authorized=request.authorized)
    return Translation(source, text, variables, shape=shape, authorized=request.authorized)


def _unfilled(request: RestRequest) -> str:
    """Return a sentence about placeholders in place of values, which may be why the request is invalid."""
    left = dict.fromkeys(PLACEHOLDER.findall(request.body or "") if "{{" in (request.body or "") else ())
    return f" Put values in place of {', '.join(left)}." if left else ""


OperationCall = tuple[str, Mapping[str, Any], Shape | None]


def _call(request: RestRequest, refresh_path: str) -> OperationCall:
    if request.problem:
        raise Untranslatable(request.problem)
    path = _known_path(request.path)
    if (found := find(path)) is not None:
        return _v2(request, path, *found)
    calls: dict[str, Callable[[RestRequest], OperationCall]] = {
        LOGIN_PATH: _login,
        refresh_path: _refresh,
        CLIENT_LOGIN_PATH: _client_login,
        REPORTING_PATH: _report,
        DETECTIONS_PATH: _detections,
        STATS_PATH: _stats,
        NATIVE_PATH: _graphql,
    }
    call = calls.get(path)
    if call is None:
        raise Untranslatable(_unknown(path))
    if request.method != "POST":
        raise Untranslatable(f"{path} takes POST, not {request.method}.")
    return call(request)


def _known_path(path: str) -> str:
    """Return the path as in Butlr's docs: from `/api` on, without a proxy's prefix."""
    versioned = _PATH.search(path)
    return "/api" + versioned[1].rstrip("/") if versioned else path.rstrip("/") or "/"


def _unknown(path: str) -> str:
    below = path.removeprefix("/api")
    for start, reason in _ELSEWHERE.items():
        if below == start or below.startswith(f"{start}/"):
            return reason
    if "/graphql" in path:
        return "It is GraphQL already: change the base URL to the facade's."
    if not _PATH.search(path):
        return f"{path} has no version of the API: write the whole path, as in /api/v3/reporting."
    return f"{path} is not a known call of Butlr's REST API."


def _v2(request: RestRequest, path: str, read: Any, parameters: Mapping[str, str]) -> OperationCall:
    if request.method in WRITES:
        raise Untranslatable(refused_write(request.method, read))
    if request.method not in ("GET", "HEAD"):
        raise Untranslatable(f"{path} takes GET, not {request.method}.")
    if isinstance(read, GoneRead):
        raise Untranslatable(read.notice)
    if unnamed := _UNNAMED.search(path):
        raise Untranslatable(f"Put an id in place of {unnamed[1]}.")
    if request.query:
        raise Untranslatable(f"No source says what {_asked(request.query)} means; leave it out to read all.")
    resolved = read.resolve(parameters)
    return resolved.operation.text, resolved.variables, resolved.shape


def _asked(query: str) -> str:
    """Return the names in a query string, without the values, which may be secret."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(name for name, _ in parse_qsl(query, True))) or "the `?`"


def _login(request: RestRequest) -> OperationCall:
    body = _credentials(request, ("username", "password"), ())
    return operations.LOGIN.text, body, shapes.session("login")


def _refresh(request: RestRequest) -> OperationCall:
    body = _credentials(request, ("client_id", "refresh_token"), ())
    return operations.REFRESH.text, body, shapes.session("refreshToken")


def _client_login(request: RestRequest) -> OperationCall:
    body = _credentials(request, ("client_id", "client_secret"), ("audience", "grant_type"))
    return operations.client_login(body.keys()).text, body, shapes.session("clientLogin")


def _credentials(request: RestRequest, required: Collection[str], optional: Collection[str]) -> Body:
    """Return a login's body. It is checked here, since the schema's messages would quote the secrets."""
    body = _object(request, form=True)
    _refuse_unknown(body, {*required, *optional})
    for name in required:
        if name not in body:
            raise Untranslatable(f"Its body has no `{name}`.")
    for name, value in body.items():
        if not isinstance(value, str):
            raise Untranslatable(f"`{name}` must be a string.")
    return body


def _report(request: RestRequest) -> OperationCall:
    body = _object(request)
    if CAMEL_CALIBRATION in body and "calibration_points" not in body:
        body = {("calibration_points" if name == CAMEL_CALIBRATION else name): body[name] for name in body}
    _refuse_unknown(body, REPORT_VARIABLES)
    given = body.get("options")
    options: Body = given if isinstance(given, dict) else {}
    if options.get("includeCalibrationPoints"):
        raise Untranslatable(
            "The graph does not return calibration points: omit options.includeCalibrationPoints, "
            f"or POST the same body to this facade's {REPORTING_PATH}."
        )
    if options.get("format") == "csv":
        raise Untranslatable(
            f"CSV has no equal in GraphQL: POST the same body to this facade's {REPORTING_PATH}, "
            "or run `facade export`."
        )
    return operations.report(body.keys()).text, body, shapes.report


def _detections(request: RestRequest) -> OperationCall:
    body = _object(request)
    _refuse_unknown(body, {*DETECTIONS_VARIABLES, "data_types"})
    data_types = body.pop("data_types", None)
    if not isinstance(data_types, list) or not data_types:
        raise Untranslatable(f"`data_types` must be a list of {', '.join(DATA_TYPES)}.")
    for index, type_ in enumerate(data_types):
        if type_ not in DATA_TYPES:
            raise Untranslatable(f"`data_types[{index}]` is not one of {', '.join(DATA_TYPES)}.")
    return operations.detections(body.keys(), dict.fromkeys(data_types)).text, body, shapes.detections


def _stats(request: RestRequest) -> OperationCall:
    body = _object(request)
    _refuse_unknown(body, STATS_VARIABLES)
    return operations.stats(body.keys()).text, body, shapes.stats


def _graphql(request: RestRequest) -> OperationCall:
    """Return a request for Butlr's own GraphQL API unchanged, if it is valid in the schema."""
    body = _object(request)
    query, variables = body.get("query"), body.get("variables") or {}
    if not isinstance(query, str) or not isinstance(variables, dict):
        raise Untranslatable("A GraphQL request needs `query`, a document, and its `variables`, an object.")
    return query, variables, None


def _object(request: RestRequest, *, form: bool = False) -> Body:
    text = (request.body or "").strip()
    if not text:
        raise Untranslatable("It has no body.")
    if form and not text.startswith("{"):
        return dict(parse_qsl(text, keep_blank_values=True))
    if nests_too_deep(text.encode()):
        raise Untranslatable(f"Its body nests too deep: {MOST_LEVELS} levels are the limit.")
    try:
        body = load_commented(text)
    except orjson.JSONDecodeError as exc:
        raise Untranslatable(f"Its body is not JSON: {exc}.") from exc
    if not isinstance(body, dict):
        raise Untranslatable("Its body must be a JSON object.")
    return body


def _refuse_unknown(body: Body, known: Collection[str]) -> None:
    for index, name in enumerate(body):
        if name not in known:
            what = unknown_field(name, index, known)
            raise Untranslatable(f"Its body has {what} which is not a known field: {', '.join(sorted(known))}.")


def _check(text: str, variables: Mapping[str, Any], engine: Engine, *, suggest: bool) -> None:
    """Raise `Untranslatable` with the faults of an operation or its variables, if there are any."""
    document = engine.document(text)
    said = [_sentence(_without_values(error)) for error in document.errors[:3]]
    if document.ast and not said:
        found = misfits(engine.schema, _definitions(document.ast), variables, suggest=suggest)
        # Only the first faults, since a body may have tens of thousands.
        said = list(islice(found, 3))
    if said:
        raise Untranslatable(" ".join(said))


_LITERAL = re.compile(r'"[^"]*"')


def _without_values(error: GraphQLError) -> str:
    """Return the message of a fault in a document. It quotes names but no literals."""
    at = f" (line {error.locations[0].line}, column {error.locations[0].column})" if error.locations else ""
    if error.message.startswith("Syntax Error"):
        return f"The GraphQL document has a syntax error{at}"
    return _LITERAL.sub('"…"', error.message)


def _definitions(document: DocumentNode) -> Any:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            return definition.variable_definitions or ()
    return ()


def _sentence(message: str) -> str:
    return message if message.endswith((".", "?", "!")) else f"{message}."
