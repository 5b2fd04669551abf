"""The request side of the GraphQL-over-HTTP specification: what was asked, or why it cannot be told."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from ..butlr import MOST_LEVELS, nests_too_deep
from ..upstream import Mode

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"
EXPLAIN = "X-Explain"
PARTS_TYPE = "multipart/mixed"
# Where a client names a document: the GraphQL-over-HTTP drafts, Relay, and Apollo's older persisted queries.
DOCUMENT_NAMES = ("documentId", "doc_id", "id")
_OURS = (RESPONSE_TYPE, JSON_TYPE, HTML_TYPE)
_WILDCARDS = ("application/*", "*/*")
# zlib's name for the format of gzip.
_GZIP = 16 + zlib.MAX_WBITS
# What follows a member is copied for the next one.
_MOST_MEMBERS = 16


class BadRequest(Exception):  # noqa: N818 -- named as the status is
    """What was sent is no GraphQL request."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """`query` is None where the document is named: by `hash` (automatic persisted queries) or by `document_id`."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    hash: str | None = None
    document_id: str | None = None
    # What a subscription goes on from.
    resume: str | None = None
    # `plan` or `analyze`: answered with how it is answered.
    explain: Mode | None = None


def accepted(header: str | None) -> str | None:
    """Return the media type to answer in; None where none of ours is accepted. First the client's, then ours.

    A wildcard stands for JSON, unless JSON is named at a lower weight (RFC 9110, section 12.5.1).
    """
    if not header:
        return JSON_TYPE
    given = [_media(part) for part in header.split(",")]
    named = dict(given)
    best, best_quality = None, 0.0
    for media, quality in given:
        choices = (JSON_TYPE, RESPONSE_TYPE) if media in _WILDCARDS else (media,) if media in _OURS else ()
        ours = next((choice for choice in choices if named.get(choice, quality) >= quality), None)
        if ours and quality > best_quality:
            best, best_quality = ours, quality
    return best


def _media(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    return media, _quality(parameters)


class Dialect(Enum):
    """How a client that takes answers in parts reads them."""

    CURRENT = "incrementalSpec"
    # `deferSpec=20220824` and its like, which know no `pending`: they get the answer whole.
    FORMER = "deferSpec"


def dialect_of(header: str | None) -> Dialect | None:
    """Return how an answer may come in parts; None where it may not. A client has to say so: `*/*` means one part."""
    best, best_quality = None, 0.0
    for part in (header or "").split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        if media == PARTS_TYPE and quality > best_quality:
            former = any(parameter.partition("=")[0].strip() == "deferspec" for parameter in parameters)
            best, best_quality = Dialect.FORMER if former else Dialect.CURRENT, quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


async def read_request(request: Request, max_bytes: int) -> GraphQLRequest:
    """Return what a GET or POST asks. Raises `BadRequest`."""
    if request.method == "GET":
        given: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if name in given:
                given[name] = _json(given[name].encode(), f"the `{name}` parameter") if given[name] else None
        return request_of(given, request.headers.get(EXPLAIN))
    content_type, *parameters = (piece.strip().lower() for piece in request.headers.get("content-type", "").split(";"))
    if content_type != JSON_TYPE:
        raise BadRequest(
            415,
            f"Send the request as {JSON_TYPE} (it came as {content_type or 'no type'}).",
            {"Accept-Post": JSON_TYPE},
        )
    if any(p.startswith("charset=") and p.partition("=")[2].strip('"') not in ("utf-8", "utf8") for p in parameters):
        raise BadRequest(415, "Send the request in UTF-8.")
    body = _json(await read_body(request, max_bytes), "the body")
    if isinstance(body, list):
        raise BadRequest(400, "Batches are not served: send each operation in a request of its own.")
    if not isinstance(body, dict):
        raise BadRequest(400, "The body must be a JSON object with `query`.")
    return request_of(body, request.headers.get(EXPLAIN))


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request, its coding taken off.

    Raises `BadRequest` where it is too large, coded or not, does not end, or has a coding that is not read.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    body = await read_as_sent(request, max_bytes)
    match coding:
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzipped(body, max_bytes)
    raise BadRequest(415, f"Send the body as it is, or in gzip (it came in {coding}).", {"Accept-Encoding": "gzip"})


async def read_as_sent(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request in the coding that it came in. Raises `BadRequest`."""
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise _too_large(max_bytes)
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
    except ClientDisconnect as exc:
        raise BadRequest(400, "The request ended before its body did.") from exc
    return b"".join(chunks)


def _too_large(max_bytes: int) -> BadRequest:
    return BadRequest(413, f"The body is larger than {max_bytes} bytes.")


def _gunzipped(body: bytes, max_bytes: int) -> bytes:
    """Decompress gzip, of one member or several, to no more than `max_bytes`."""
    parts: list[bytes] = []
    left = max_bytes
    while body:
        if len(parts) == _MOST_MEMBERS:
            raise BadRequest(400, f"The body's gzip has more than {_MOST_MEMBERS} members.")
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, left + 1)
        except zlib.error as exc:
            raise BadRequest(400, "The body is not gzip, as its Content-Encoding says.") from exc
        left -= len(part)
        if left < 0:
            raise _too_large(max_bytes)
        if not member.eof:
            raise BadRequest(400, "The body ends before its gzip does.")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)


def _json(text: bytes, what: str) -> Any:
    try:
        return read_json(text)
    except ValueError as exc:
        raise BadRequest(400, f"{what[0].upper()}{what[1:]} is not JSON: {exc}.") from exc


def read_json(text: bytes) -> Any:
    """Return what a caller's JSON says. Raises ValueError for what is none, `BadRequest` for what nests too deep.

    All JSON of callers is read here: what comes through can be written again and walked by recursion.
    """
    if nests_too_deep(text):
        raise BadRequest(400, f"The JSON nests too deep: {MOST_LEVELS} levels are the limit.")
    return orjson.loads(text)


def request_of(given: Mapping[str, Any], explain: str | None = None) -> GraphQLRequest:
    """Return the parameters of a request by their names; `explain` is the header of that name. Raises `BadRequest`."""
    extensions = given.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest(400, "`extensions` must be a JSON object.")
    hash_ = _persisted(extensions or {})
    names = [name for name in DOCUMENT_NAMES if given.get(name) is not None]
    document_id = given[names[0]] if names else None
    if document_id is not None and not isinstance(document_id, str):
        raise BadRequest(400, f"`{names[0]}` must be a string.")
    query = given.get("query")
    named = hash_ is not None or document_id is not None
    if not (isinstance(query, str) and query) and not (named and query in (None, "")):
        raise BadRequest(400, "`query` must be the text of a GraphQL document.")
    variables = given.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "`variables` must be a JSON object.")
    operation_name = given.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadRequest(400, "`operationName` must be a string.")
    resume = (extensions or {}).get("resume")
    if resume is not None and not isinstance(resume, str):
        raise BadRequest(400, "`extensions.resume` must be the text of an id.")
    mode = _mode((extensions or {}).get("explain"), "`extensions.explain`") or _mode(explain, f"`{EXPLAIN}`")
    return GraphQLRequest(query or None, variables, operation_name or None, hash_, document_id, resume or None, mode)


def _mode(given: object, where: str) -> Mode | None:
    if given is None or given == "":
        return None
    if given not in [mode.value for mode in Mode]:
        raise BadRequest(400, f"{where} must be `plan` or `analyze`.")
    return Mode(given)


def _persisted(extensions: Mapping[str, Any]) -> str | None:
    """The hash of an automatic persisted query, if this is one."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadRequest(400, "`extensions.persistedQuery` must be an object with `version` 1.")
    hash_ = persisted.get("sha256Hash")
    if not isinstance(hash_, str) or not hash_:
        raise BadRequest(400, "`extensions.persistedQuery.sha256Hash` must be a string.")
    return hash_
