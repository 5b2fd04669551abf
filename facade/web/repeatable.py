"""Answers that may be given again, and the requests that they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..auth import Caller
from ..cache import Entry
from ..execution.field_names import Selected
from ..upstream import ReadLog

_OF_BODY = (b"content-type", b"content-encoding")


@dataclass(frozen=True, slots=True)
class CacheOffer:
    """What the endpoint says of an answer that may be given again while all its parts are fresh."""

    caller: Caller
    read_log: ReadLog
    type: str
    cost: int
    noted: Mapping[str, Any]
    selected: Selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable(Entry):
    """An answer as it went out, and what is to be said of it each time."""

    headers: tuple[tuple[bytes, bytes], ...]
    lines: bytes
    etag: str | None
    caller: Caller
    proven: float | None
    type: str
    cost: int
    noted: Mapping[str, Any]
    selected: Selected
    # Of it, what the log of requests says.
    said: Mapping[str, Any]
    prepared: str

    @property
    def size(self) -> int:
        return len(self.body) + 2 * len(self.lines) + 1024


class Asked(NamedTuple):
    """A request, as far as it decides its answer. `who` are the credentials as they came."""

    method: str
    path: str
    who: tuple[bytes, bytes]
    digest: str
    later: Mapping[bytes, bytes]


class Repeated(NamedTuple):
    """What to send: `own` are the headers of this request and moment, beside those that were `kept`."""

    kept: Repeatable
    is_unchanged: bool
    own: tuple[tuple[bytes, bytes], ...]
    request_id: str

    @property
    def status(self) -> int:
        return 304 if self.is_unchanged else 200

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        kept = self.kept.headers
        return [*(pair for pair in kept if not self.is_unchanged or pair[0] not in _OF_BODY), *self.own]
