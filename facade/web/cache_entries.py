"""The entries and keys of the response cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..auth import Caller
from ..cache import Entry
from ..execution.field_names import OperationFields
from ..upstream import ReadLog

_OF_BODY = (b"content-type", b"content-encoding")


@dataclass(frozen=True, slots=True)
class CacheOffer:
    """The endpoint's offer of an answer to the response cache, which may serve it while all its parts are fresh."""

    caller: Caller
    read_log: ReadLog
    type: str
    cost: int
    noted: Mapping[str, Any]
    selected: OperationFields


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResponse(Entry):
    """A cached response: the bytes as they were sent, and the facts for logs and metrics."""

    headers: tuple[tuple[bytes, bytes], ...]
    lines: bytes
    etag: str | None
    caller: Caller
    proven: float | None
    type: str
    cost: int
    noted: Mapping[str, Any]
    selected: OperationFields
    # The fields of the access log about it.
    log_fields: Mapping[str, Any]
    prepared: str

    @property
    def size(self) -> int:
        return len(self.body) + 2 * len(self.lines) + 1024


class RequestKey(NamedTuple):
    """The parts of a request that decide its answer, and the headers that are read again for each hit.

    `credentials` are as they were sent.
    """

    method: str
    path: str
    credentials: tuple[bytes, bytes]
    digest: str
    per_request: Mapping[bytes, bytes]


class CacheHit(NamedTuple):
    """A response to send: `own` are the headers of this request, besides those of the `cached` response."""

    cached: CachedResponse
    is_unchanged: bool
    own: tuple[tuple[bytes, bytes], ...]
    request_id: str

    @property
    def status(self) -> int:
        return 304 if self.is_unchanged else 200

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        cached = self.cached.headers
        return [*(pair for pair in cached if not self.is_unchanged or pair[0] not in _OF_BODY), *self.own]
