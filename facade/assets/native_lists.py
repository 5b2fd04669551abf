"""Small lists that only Butlr's own GraphQL API knows, each read by one query."""

from collections.abc import Callable
from typing import TypeVar

from ..auth import Caller
from ..upstream import Call, ReadLog, Upstream

T = TypeVar("T")


async def read_list(
    upstream: Upstream,
    caller: Caller,
    read_log: ReadLog,
    *,
    name: str,
    query: str,
    decode: Callable[[bytes], T],
    kept_for: float,
) -> T:
    """Return the decoded answer to `query`, cached for a number of seconds. Raises `ButlrError`."""
    call = Call(name=name, send=upstream.butlr.native, asked={"query": query}, decode=decode, kept_for=kept_for)
    answer = await upstream.read(call, caller, read_log)
    return answer.value
