"""How long an answer about a span of time is fresh. Pure: no clock, no I/O.

A window of a time series has one of three states, by its end and by the time when it was read:

- open: it has not ended, or the upstream has had no time to land it, so that each reading changes it;
- late: it has ended and may have landed, but readings may still arrive;
- settled: no more readings arrive. Kept long but not forever, since calibrated traffic is corrected afterwards.

Butlr lands windows of minutes within about ten minutes, and windows of an hour and more up to an hour after their end,
each sensor at its own time. A newest window without a row has not landed, whatever the clock says, until `missing_for`
times its landing time have passed. From then on its absence is the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Seconds for which discovered sensors and hives are fresh. They rarely move, and whoever mounts a new one should see it
# before leaving.
asset_lifetime = 300.0

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span in epoch seconds. No stop means now. `last` is the end of its last whole window."""

    start: float
    stop: float | None = None
    last: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The lifetimes, in seconds. Raises ValueError if a settled answer would be kept for less than an unsettled one."""

    unsettled_least: float = 5.0
    unsettled_most: float = 60.0
    landing: float = 15 * 60.0
    """How long readings may still arrive after the end of a window of less than an hour."""
    landing_of_hours: float = 2 * HOUR
    """The same for windows of an hour and more."""
    missing_for: float = 8.0
    """How many landing times a newest window without a row counts as not landed."""
    late_for: float = 60.0
    settled_for: float = 24 * HOUR
    empty_unsettled_for: float = 5.0
    empty_settled_for: float = 10 * 60.0

    def __post_init__(self) -> None:
        # Written as negations, so that NaN, for which every comparison is false, is refused too.
        if not 0 <= self.landing <= self.landing_of_hours or not self.missing_for >= 1:
            raise ValueError("landing and landing_of_hours are seconds from 0 up, missing_for a factor from 1 up")
        if not 0 < self.unsettled_least <= self.unsettled_most <= self.late_for <= self.settled_for:
            raise ValueError("lifetimes go up from unsettled_least, unsettled_most and late_for to settled_for")
        if not 0 < self.empty_unsettled_for <= self.empty_settled_for:
            raise ValueError("lifetimes of emptiness go up from empty_unsettled_for to empty_settled_for")

    def landing_of(self, window: float | None) -> float:
        """Return how long after its end a window of `window` seconds is settled. None: raw readings."""
        return self.landing_of_hours if window is not None and window >= HOUR else self.landing

    def settled_at(self, end: float, window: float | None, newest: float | None) -> float:
        """Return when a window that ends at `end` is settled.

        `newest` is the end of the newest window in the answer; None for an answer without rows.
        """
        wait = self.landing_of(window)
        return end + (wait if newest is not None and end <= newest else wait * self.missing_for)

    def fresh_for(self, end: float, window: float | None, as_of: float, newest: float | None) -> float:
        """Return how long a window that was read at `as_of` is fresh."""
        if as_of >= self.settled_at(end, window, newest):
            return self.settled_for
        if as_of >= end:
            return self.late_for
        return min(max(window or 0.0, self.unsettled_least), self.unsettled_most)

    def fresh_up_to(self, window: float | None, as_of: float, newest: float | None, now: float) -> float:
        """Return the latest end of a window that, read at `as_of`, is fresh at `now`: the inverse of `fresh_for`."""
        age = now - as_of
        if age < min(max(window or 0.0, self.unsettled_least), self.unsettled_most):
            return math.inf
        if age < self.late_for:
            return as_of
        if age >= self.settled_for:
            return -math.inf
        wait = self.landing_of(window)
        landed = -math.inf if newest is None else min(newest, as_of - wait)
        return max(landed, as_of - wait * self.missing_for)


@dataclass(frozen=True, slots=True)
class Lifetime:
    fresh_for: float
    settled_until: float | None
    """Nothing before this time changes any more; None if nothing of the span is settled."""
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
    newest: float | None = None,
) -> Lifetime:
    """Return how long an answer that was read at `now` is fresh.

    `window_seconds` is None for raw readings, `span` None if it is not known: then the answer is never settled.
    `newest` is the end of the newest window in the answer; if None, the clock alone decides.
    """
    window = window_seconds if window_seconds and window_seconds > 0 else None
    if span is None or span.stop is None or span.stop > now:
        settled = False
        fresh_for = min(max(window or 0.0, rules.unsettled_least), rules.unsettled_most)
    else:
        end = span.stop if span.last is None else span.last
        # An empty answer has no newest window. Its lifetime is shortened below.
        known = end if empty or newest is None else newest
        settled = now >= rules.settled_at(end, window, known)
        fresh_for = rules.settled_for if settled else rules.late_for
    if empty:
        # The upstream also gives an empty answer to a call that is too much, so it is kept for less than one with
        # points.
        fresh_for = min(fresh_for, rules.empty_settled_for if settled else rules.empty_unsettled_for)
    return Lifetime(fresh_for, _settled_until(span, window, now, rules, newest), _is_partial(span, window, now))


def _settled_until(
    span: Span | None, window: float | None, now: float, rules: Rules, newest: float | None
) -> float | None:
    if span is None:
        return None
    horizon = now - rules.landing_of(window)
    if newest is not None:
        # Windows missing at the end have not landed, unless they have been missing for long.
        horizon = min(horizon, max(newest, now - rules.landing_of(window) * rules.missing_for))
    if span.stop is not None and (span.stop if span.last is None else span.last) <= horizon:
        until = span.stop
    elif window is None:
        until = horizon
    else:
        # A window changes as a whole, so it is settled once its end is.
        until = span.start + (horizon - span.start) // window * window
    return until if until > span.start else None


def _is_partial(span: Span | None, window: float | None, now: float) -> bool:
    if span is None:
        return True
    if span.stop is not None and span.stop <= now:
        return False
    return window is None or now < span.start or (now - span.start) % window != 0
