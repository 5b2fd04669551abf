"""Small lists that only Butlr's own GraphQL API knows, each read by one query."""

from functools import partial
from typing import TypeVar

import msgspec
import orjson

from ..auth import Caller
from ..butlr import NATIVE_PATH, InvalidResponse, UpstreamUnavailable, records_in
from ..upstream import Call, ReadLog, Upstream

T = TypeVar("T")


async def read_list(
    upstream: Upstream, caller: Caller, read_log: ReadLog, *, kind: str, query: str, record: type[T], kept_for: float
) -> list[T]:
    """Return the records of `kind` in the answer to `query`, cached for a number of seconds. Raises `ButlrError`."""
    decode = partial(decode_list, kind=kind, record=record)
    call = Call(name=kind, send=upstream.butlr.native, asked={"query": query}, decode=decode, kept_for=kept_for)
    return (await upstream.read(call, caller, read_log)).value


def decode_list(body: bytes, kind: str, record: type[T]) -> list[T]:
    """Decode the records of one list. It is empty where the answer has null for it, and no error."""
    try:
        answer = orjson.loads(body)
        data, errors = answer.get("data"), answer.get("errors")
        found = records_in(data, kind)
        if found is not None:
            return msgspec.convert(found, list[record], strict=False)  # type: ignore[valid-type]
        is_null = not data or data.get(kind) is None
    except (ValueError, AttributeError) as exc:
        raise _of_another_shape(kind) from exc
    if errors:
        raise UpstreamUnavailable(f"Butlr's GraphQL API could not list {kind}.", path=NATIVE_PATH)
    if not is_null:
        raise _of_another_shape(kind)
    return []


def _of_another_shape(kind: str) -> InvalidResponse:
    return InvalidResponse(f"Butlr's GraphQL API gave {kind} of another shape.", path=NATIVE_PATH)
