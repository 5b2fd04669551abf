"""How long an answer about a span of time is fresh. Pure: no clock, no I/O.

A time series has three zones, told apart by where the span ends:

- unsettled: it reaches into now, and the newest window changes with every reading;
- late: it has ended, but readings may still come in;
- settled: nothing comes in any more. Kept long, yet not for ever: calibrated traffic is corrected afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Seconds for which what discovery learnt about sensors and hives is fresh. They move seldom, and a new one
# should show while the person who mounted it still stands there.
asset_lifetime = 300.0


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, in epoch seconds; no stop means now."""

    start: float
    stop: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All in seconds. Raises ValueError where a surer answer would be kept shorter than a less sure one."""

    unsettled_least: float = 5.0
    unsettled_most: float = 60.0
    late_after: float = 15 * 60.0
    """How long after the end of a span readings may still come in."""
    late_for: float = 60.0
    settled_for: float = 24 * 3600.0
    empty_unsettled_for: float = 5.0
    empty_settled_for: float = 10 * 60.0

    def __post_init__(self) -> None:
        # Spelt so that NaN, which compares with nothing, is refused too.
        if not self.late_after >= 0:
            raise ValueError("late_after is a number of seconds from 0 up")
        if not 0 < self.unsettled_least <= self.unsettled_most <= self.late_for <= self.settled_for:
            raise ValueError("lifetimes go up from unsettled_least, unsettled_most and late_for to settled_for")
        if not 0 < self.empty_unsettled_for <= self.empty_settled_for:
            raise ValueError("lifetimes of emptiness go up from empty_unsettled_for to empty_settled_for")


@dataclass(frozen=True, slots=True)
class Lifetime:
    fresh_for: float
    settled_until: float | None
    """Up to where nothing changes any more; None where nothing of the span is settled."""
    partial: bool
    """Whether the last window is unfinished."""


DEFAULT_RULES = Rules()


def lifetime(
    span: Span | None,
    window_seconds: float | None,
    now: float,
    *,
    rules: Rules = DEFAULT_RULES,
    empty: bool = False,
) -> Lifetime:
    """`window_seconds` is None for raw readings; `span` is None where it cannot be told, the least sure."""
    window = window_seconds if window_seconds and window_seconds > 0 else None
    horizon = now - rules.late_after
    settled = False
    if span is None or span.stop is None or span.stop > now:
        fresh_for = min(max(window or 0.0, rules.unsettled_least), rules.unsettled_most)
    elif span.stop > horizon:
        fresh_for = rules.late_for
    else:
        fresh_for, settled = rules.settled_for, True
    if empty:
        # Emptiness is also how an upstream that was asked too much answers: never kept as long as points.
        fresh_for = min(fresh_for, rules.empty_settled_for if settled else rules.empty_unsettled_for)
    return Lifetime(fresh_for, _settled_until(span, window, horizon), _is_partial(span, window, now))


def _settled_until(span: Span | None, window: float | None, horizon: float) -> float | None:
    if span is None:
        return None
    if span.stop is not None and span.stop <= horizon:
        until = span.stop
    elif window is None:
        until = horizon
    else:
        # A window changes as a whole: it is settled once its end is.
        until = span.start + math.floor((horizon - span.start) / window) * window
    return until if until > span.start else None


def _is_partial(span: Span | None, window: float | None, now: float) -> bool:
    if span is None:
        return True
    if span.stop is not None and span.stop <= now:
        return False
    return window is None or now < span.start or (now - span.start) % window != 0
