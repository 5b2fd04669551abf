"""A call of the upstream, its keys in the cache, and its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from ..auth.callers import Caller
from ..butlr import Windows
from ..cache import Entry, Lifetime, Rules, Span, canonical, key, lifetime
from .dispatch import Send
from .explain import About

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One call of the upstream.

    `asked` is the body with absolute times, from which the cache key is made; `body` makes the body to send from it.
    `written` is the body as the caller wrote it, if its times are relative: by it a stale answer is found. `decode`
    turns a 2xx body into a value, or raises `InvalidResponse`, so that the body is not cached; `empty` says whether a
    value has no points, and `newest` gives the end of its newest window.
    """

    name: str
    send: Send
    asked: Mapping[str, Any]
    decode: Callable[[bytes], T]
    span: tuple[datetime, datetime | None] | None = None
    windows: Windows | None = None
    body: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    written: Mapping[str, Any] | None = None
    empty: Callable[[T], bool] = lambda _: False
    newest: Callable[[T], float | None] = lambda _: None
    path: str | None = None
    kept_for: float | None = None
    refresh_after: float | None = None
    # Describes the call where an operation is explained.
    about: Callable[[], About] = About
    rows: Callable[[T], int | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    value: T
    entry: Entry


def body_of(call: Call[T]) -> bytes:
    return canonical(call.body(call.asked) if call.body else call.asked)


def key_of(call: Call[T], caller: Caller) -> str:
    return key(caller.scope, call.name, canonical(call.asked))


def written_key_of(call: Call[T], caller: Caller) -> str:
    return key(caller.scope, f"{call.name}-written", canonical(call.written))


def _span_of(call: Call[T]) -> Span | None:
    if call.span is None:
        return None
    start, stop = call.span
    # `floor` would leave the calendar for a time in its first year.
    last = call.windows.floor(stop).timestamp() if call.windows and stop and stop.year > 1 else None
    return Span(start.timestamp(), stop.timestamp() if stop else None, last)


def lifetime_of(call: Call[T], value: T, now: float, rules: Rules) -> Lifetime:
    """Return for how long the value of a call that was made `now` is fresh."""
    if call.kept_for is not None:
        return Lifetime(fresh_for=call.kept_for, settled_until=None, partial=True)
    span = _span_of(call)
    window = float(call.windows.seconds) if call.windows else None
    newest = None
    if span and span.last and span.last <= now < rules.settled_at(span.last, window, None):
        # Looked up only where it matters, since it takes decoding the answer's times.
        newest = call.newest(value)
    return lifetime(span, window, now, rules=rules, empty=call.empty(value), newest=newest)
