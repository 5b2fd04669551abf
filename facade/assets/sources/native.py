"""`Native`: assets from Butlr's own GraphQL API."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn

import orjson
import structlog

from ...auth import Caller
from ...butlr import (
    NATIVE_PATH,
    BadInput,
    ButlrError,
    InvalidResponse,
    Reply,
    UpstreamUnavailable,
    error_codes,
    records_in,
)
from ...butlr.errors import upstream_message
from ...upstream import About, Call, ReadLog, Upstream
from ..graph import Assets
from ..raw_records import read_leniently
from ..records import RECORD_TYPES
from .native_query import FieldOf, fields_failed, fields_refused, query_without

log = structlog.get_logger(__name__)

# How often a query is sent with ever fewer fields. Usually one error names all unknown fields.
ATTEMPTS = 5
# Seconds until a field whose resolver failed is asked for again. A field that the schema lacks never is.
FAILED_FOR = 600.0
ANSWERS_KEPT = 32


class _FieldErrors(BadInput):
    """An answer without data, whose errors are about fields that can be omitted.

    As any bad request, it is no failure of the upstream and is not retried unchanged.
    """

    def __init__(self, message: str, fields: set[FieldOf], *, for_good: bool) -> None:
        super().__init__(message, path=NATIVE_PATH)
        self.fields = fields
        self.for_good = for_good


class Native:
    """Reads all assets by one query, since the API has no paging and ignores filters by place."""

    name = "native"
    knows = frozenset(RECORD_TYPES)

    def __init__(
        self,
        upstream: Upstream,
        *,
        kept_for: timedelta = timedelta(minutes=10),
        refresh_after: timedelta = timedelta(minutes=5),
    ) -> None:
        self._upstream = upstream
        self._kept_for = kept_for.total_seconds()
        self._refresh_after = refresh_after.total_seconds()
        # The time until which each field is omitted.
        self._without: dict[FieldOf, float] = {}
        self._decoded: OrderedDict[bytes, Assets] = OrderedDict()

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        """Return all assets. Raises `ButlrError` if the answer has no data; errors beside data are ignored."""
        attempts_left = ATTEMPTS
        while True:
            attempts_left -= 1
            left_out = self._left_out()
            try:
                return await self._ask(left_out, caller, read_log)
            except _FieldErrors as error:
                fields = error.fields - left_out
                if not fields or not attempts_left:
                    raise _invalid_query(error) from error
                until = math.inf if error.for_good else self._upstream.clock() + FAILED_FOR
                self._without.update(dict.fromkeys(fields, until))
                log.warning("asked again without some fields", error=str(error), fields=_named(fields))
            except BadInput as error:
                raise _invalid_query(error) from error

    def _left_out(self) -> set[FieldOf]:
        now = self._upstream.clock()
        self._without = {field: until for field, until in self._without.items() if until > now}
        return set(self._without)

    async def _ask(self, left_out: set[FieldOf], caller: Caller, read_log: ReadLog) -> Assets:
        answer = await self._upstream.read(
            Call(
                name="native",
                send=self._send,
                path=NATIVE_PATH,
                asked={"query": query_without(left_out)},
                decode=self._decode,
                kept_for=self._kept_for,
                refresh_after=self._refresh_after,
                about=lambda: About(reasons=["whole: all assets are one query, and have no pages"]),
            ),
            caller,
            read_log,
        )
        return answer.value

    async def _send(self, body: bytes, token: str) -> Reply:
        """Send and decode, so that an answer without data does not count as accepting the token."""
        try:
            reply = await self._upstream.butlr.native(body, token)
        except BadInput as error:
            if fields := fields_refused(_object(error.body).get("errors")):
                raise _FieldErrors(str(error), fields, for_good=True) from error
            raise
        if reply.body not in self._decoded:
            # In a thread, since ten thousand sensors take most of a second.
            self._keep(reply.body, await asyncio.to_thread(decode, reply.body))
        return reply

    def _decode(self, body: bytes) -> Assets:
        # Each read of the cache decodes the answer. Equal bytes give equal assets for any caller.
        known = self._decoded.get(body)
        return self._keep(body, decode(body) if known is None else known)

    def _keep(self, body: bytes, assets: Assets) -> Assets:
        self._decoded[body] = assets
        self._decoded.move_to_end(body)
        if len(self._decoded) > ANSWERS_KEPT:
            self._decoded.popitem(last=False)
        return assets


def decode(body: bytes) -> Assets:
    """Decode the assets in an answer. Raises `ButlrError` for an answer without data."""
    answer = _object(body)
    data, errors = answer.get("data"), answer.get("errors")
    found = _lists(data)
    if errors and not any(found.values()):
        _raise_unanswered(body, errors)
    if not found:
        raise InvalidResponse(
            f"Butlr answered {NATIVE_PATH} with something other than lists of assets. Check the base URL.",
            path=NATIVE_PATH,
        )
    if errors or len(found) < len(RECORD_TYPES):
        log.warning(
            "Butlr's GraphQL API answered in part",
            codes=sorted(error_codes(errors)),
            errors=len(errors) if isinstance(errors, list) else 0,
            missing=sorted(RECORD_TYPES.keys() - found.keys()),
        )
    failed: dict[str, ButlrError] = {
        kind: UpstreamUnavailable(
            f"Butlr did not list the {kind} this time (on {NATIVE_PATH}). Try again in a moment.", path=NATIVE_PATH
        )
        for kind in RECORD_TYPES.keys() - found.keys()
    }
    return _assets(found, failed)


def _lists(data: Any) -> dict[str, list[Any]]:
    return {kind: records for kind in RECORD_TYPES if (records := records_in(data, kind)) is not None}


def _assets(found: dict[str, list[Any]], failed: dict[str, ButlrError]) -> Assets:
    tags = found.setdefault("tags", [])
    for kind in ("floors", "rooms", "zones"):
        for place in found.get(kind, ()):
            if isinstance(place, dict) and isinstance(place.get("tags"), list):
                own = [tag for tag in place["tags"] if isinstance(tag, dict) and tag.get("id")]
                place["tag_ids"] = [tag["id"] for tag in own]
                tags.extend(own)
    records: dict[str, Any] = {}
    for kind, raws in found.items():
        read, unfit = read_leniently(kind, raws)
        if unfit:
            log.warning("values of another type left out", list=kind, fields=sorted(unfit))
        # Of two records of one tag the first is that of the tag list, which has more fields.
        records[kind] = {record.id: record for record in reversed(read)}
    return Assets(**{kind: dict(reversed(by_id.items())) for kind, by_id in records.items()}, failed=failed)


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _raise_unanswered(body: bytes, errors: Any) -> NoReturn:
    said = upstream_message(body, None).rstrip(".")
    text = f"Butlr could not list the assets (on {NATIVE_PATH}){': ' + said if said else ''}."
    # Some servers answer an invalid query with status 200.
    if fields := fields_refused(errors):
        raise _FieldErrors(text, fields, for_good=True)
    if fields := fields_failed(errors):
        raise _FieldErrors(text, fields, for_good=False)
    raise UpstreamUnavailable(f"{text} Try again in a moment.", path=NATIVE_PATH)


def _invalid_query(error: BadInput) -> InvalidResponse:
    """Return the error for a query that stays invalid. The query is the facade's, so the caller is not to blame."""
    return InvalidResponse(str(error), path=NATIVE_PATH)


def _named(fields: Iterable[FieldOf]) -> list[str]:
    return sorted(f"{type_}.{field}" for type_, field in fields)
