"""Documents that clients name instead of sending: those of a manifest, and automatic persisted queries."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from ..cache import Bounded
from .graphql_request import BadRequest, GraphQLRequest

# Bytes of the texts of automatic persisted queries, bounded since anyone may store them.
KEPT = 8 * 1024**2
NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"


class DocumentNotFound(Exception):  # noqa: N818 -- named for what happened
    """There is no document of this id or hash. The message is safe to show."""

    code = NOT_FOUND


class Persisted:
    """Automatic persisted queries: a client sends a document's hash, and also its text if the hash is unknown."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._texts: Bounded[str, str] = Bounded(kept)

    def text(self, params: GraphQLRequest) -> str:
        """Return the document's text. Raises `DocumentNotFound` and `BadRequest`."""
        if params.hash is None:
            if params.query is None:
                raise BadRequest(400, "Send `query`: this facade has no document by that id.")
            return params.query
        if params.query is None:
            return self._known(params.hash.lower())
        if _hash(params.query) != params.hash.lower():
            raise BadRequest(400, "extensions.persistedQuery.sha256Hash is not the SHA-256 of `query`.")
        if self._texts.get(params.hash.lower()) is None:
            self._texts.put(params.hash.lower(), params.query, 4 * len(params.query) + 256)
        return params.query

    def _known(self, hash_: str) -> str:
        text = self._texts.get(hash_)
        if text is None:
            # Clients recognise this exact message, and then send the text.
            raise DocumentNotFound("PersistedQueryNotFound")
        return text


class Trusted:
    """Only the documents of a manifest, by id, by hash, or by their exact text."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._by_id = dict(documents)
        self._by_hash = {_hash(text): text for text in documents.values()}
        self._by_text = {text.strip(): text for text in documents.values()}

    @property
    def texts(self) -> list[str]:
        """Return the documents of the manifest."""
        return list(self._by_id.values())

    def text(self, params: GraphQLRequest) -> str:
        """Return the document's text. Raises `DocumentNotFound`."""
        ids = [id_ for id_ in (params.document_id, params.hash) if id_ is not None]
        for id_ in ids:
            if text := self._by_id.get(id_) or self._by_hash.get(id_.lower()):
                return text
        if params.query is not None and (text := self._by_text.get(params.query.strip())):
            return text
        raise DocumentNotFound(
            "Only the operations of this facade's manifest run here, and this is none of them. "
            "Ask by an id of it, or have the operation added."
        )


def read_manifest(path: Path) -> Trusted:
    """Read a manifest in the format of Apollo's or Relay's tools. Raises ValueError that says what is wrong with it."""
    try:
        manifest = orjson.loads(path.read_bytes())
    except OSError as exc:
        raise ValueError(f"cannot read {path}: {exc.strerror}") from exc
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"{path} is not JSON: {exc}") from exc
    documents = _operations(manifest) if _is_apollo(manifest) else manifest
    if not isinstance(documents, dict) or not documents:
        raise ValueError(
            f"{path} contains no documents: it must be a map of hashes to documents, or a manifest of the format "
            "apollo-persisted-query-manifest"
        )
    wrong = next((id_ for id_, text in documents.items() if not (isinstance(text, str) and text.strip())), None)
    if wrong is not None:
        raise ValueError(f"{path}: {wrong!r} has no document")
    return Trusted(documents)


def _is_apollo(manifest: Any) -> bool:
    return isinstance(manifest, dict) and isinstance(manifest.get("operations"), list)


def _operations(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest.get("version") != 1:
        raise ValueError(f"version {manifest.get('version')} of the manifest's format is not known; 1 is")
    operations = [operation for operation in manifest["operations"] if isinstance(operation, dict)]
    return {str(operation.get("id")): operation.get("body") for operation in operations}


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
