"""The request side of the GraphQL-over-HTTP specification: what was asked, or why it cannot be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from ..butlr import MOST_LEVELS, nests_too_deep

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"
HTML_TYPE = "text/html"
PARTS_TYPE = "multipart/mixed"
# Where a client names a document: the GraphQL-over-HTTP drafts, Relay, and Apollo's older persisted queries.
DOCUMENT_NAMES = ("documentId", "doc_id", "id")


class BadRequest(Exception):  # noqa: N818 -- named as the status is
    """What was sent is no GraphQL request."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Params:
    """`query` is None where the document is named: by `hash` (automatic persisted queries) or by `document_id`."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    hash: str | None = None
    document_id: str | None = None


def accepted(header: str | None) -> str | None:
    """Return the media type to answer in; None where none of ours is accepted. First the client's, then ours."""
    if not header:
        return JSON_TYPE
    best, best_quality = None, 0.0
    for part in header.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        ours = {
            RESPONSE_TYPE: RESPONSE_TYPE,
            JSON_TYPE: JSON_TYPE,
            "application/*": JSON_TYPE,
            "*/*": JSON_TYPE,
            HTML_TYPE: HTML_TYPE,
        }.get(media)
        quality = _quality(parameters)
        if ours and quality > best_quality:
            best, best_quality = ours, quality
    return best


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


async def read_params(request: Request, max_bytes: int) -> Params:
    """Return what a GET or POST asks. Raises `BadRequest`."""
    if request.method == "GET":
        given: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if name in given:
                given[name] = _json(given[name].encode(), f"the `{name}` parameter") if given[name] else None
        return _checked(given)
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
    return _checked(body)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request. Raises `BadRequest` where it is too large or does not end."""
    too_large = BadRequest(413, f"The body is larger than {max_bytes} bytes.")
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise too_large
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect as exc:
        raise BadRequest(400, "The request ended before its body did.") from exc
    return b"".join(chunks)


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


def _checked(given: Mapping[str, Any]) -> Params:
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
    return Params(query or None, variables, operation_name or None, hash_, document_id)


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
