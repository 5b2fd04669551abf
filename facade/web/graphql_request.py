"""Read requests by the GraphQL-over-HTTP specification."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from ..butlr import MOST_LEVELS, nests_too_deep
from ..upstream import Mode
from .weights import weighted

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"
EXPLAIN = "X-Explain"
PARTS_TYPE = "multipart/mixed"
# Parameters that name a document: of the GraphQL-over-HTTP drafts, Relay, and Apollo's older persisted queries.
DOCUMENT_NAMES = ("documentId", "doc_id", "id")
_OURS = (RESPONSE_TYPE, JSON_TYPE, HTML_TYPE)
_WILDCARDS = ("application/*", "*/*")
# zlib's `wbits` for gzip.
_GZIP = 16 + zlib.MAX_WBITS
# Most members of a gzip body. The bytes after each member are copied, so many members would cost time.
_MOST_MEMBERS = 16


class BadRequest(Exception):  # noqa: N818 -- named as the status is
    """The request is invalid; `status` and message say how."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A GraphQL request. Without `query`, `hash` (automatic persisted queries) or `document_id` names the document."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    hash: str | None = None
    document_id: str | None = None
    # The event id after which a subscription resumes.
    resume: str | None = None
    # Whether to explain the operation, by `plan` or `analyze`.
    explain: Mode | None = None


def accepted(header: str | None) -> str | None:
    """Return the media type to answer in, by the client's preference, then ours; None if none of ours is accepted.

    A wildcard means JSON, unless JSON is named with a lower weight (RFC 9110, section 12.5.1).
    """
    if not header:
        return JSON_TYPE
    given = list(weighted(header))
    named = {media: weight for media, _, weight in given}
    best, best_weight = None, 0.0
    for media, _, weight in given:
        choices = (JSON_TYPE, RESPONSE_TYPE) if media in _WILDCARDS else (media,) if media in _OURS else ()
        ours = next((choice for choice in choices if named.get(choice, weight) >= weight), None)
        if ours and weight > best_weight:
            best, best_weight = ours, weight
    return best


class Dialect(Enum):
    """The format of incremental delivery that a client accepts."""

    CURRENT = "incrementalSpec"
    # `deferSpec=20220824` and similar, which have no `pending`. Such clients get the answer whole.
    FORMER = "deferSpec"


def dialect_of(header: str | None) -> Dialect | None:
    """Return the format for an answer in parts; None if the client does not accept parts. `*/*` means one part."""
    best, best_weight = None, 0.0
    for media, parameters, weight in weighted(header or ""):
        if media == PARTS_TYPE and weight > best_weight:
            former = any(parameter.partition("=")[0].strip() == "deferspec" for parameter in parameters)
            best, best_weight = Dialect.FORMER if former else Dialect.CURRENT, weight
    return best


async def read_request(request: Request, max_bytes: int) -> GraphQLRequest:
    """Read a GET or POST. Raises `BadRequest`."""
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
        raise BadRequest(400, "Batches are not supported: send each operation in its own request.")
    if not isinstance(body, dict):
        raise BadRequest(400, "The body must be a JSON object with `query`.")
    return request_of(body, request.headers.get(EXPLAIN))


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the decompressed body of a request.

    Raises `BadRequest` if it is too large, compressed or not, is incomplete, or has an unknown coding.
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
    """Return the body of a request without decompressing it. Raises `BadRequest`."""
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
    """Decompress gzip of one or several members, to at most `max_bytes`. Raises `BadRequest`."""
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
    """Parse a caller's JSON. Raises ValueError for invalid JSON, and `BadRequest` if it nests too deep.

    All JSON of callers is read here, so that the rest of the code can write it again and walk it recursively.
    """
    if nests_too_deep(text):
        raise BadRequest(400, f"The JSON nests too deep: {MOST_LEVELS} levels are the limit.")
    return orjson.loads(text)


def request_of(given: Mapping[str, Any], explain: str | None = None) -> GraphQLRequest:
    """Return the request of parameters by name. `explain` is the header `X-Explain`. Raises `BadRequest`."""
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
    """Return the hash of an automatic persisted query; None if this is none. Raises `BadRequest`."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadRequest(400, "`extensions.persistedQuery` must be an object with `version` 1.")
    hash_ = persisted.get("sha256Hash")
    if not isinstance(hash_, str) or not hash_:
        raise BadRequest(400, "`extensions.persistedQuery.sha256Hash` must be a string.")
    return hash_
