"""Notes for `explain`: which calls one operation makes and why, taken where that is decided."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from ..butlr import ButlrError

# A plan is complete once so many turns of the event loop in a row have brought no new call, and no read of the store is
# under way.
QUIET_TURNS = 64


class Mode(StrEnum):
    plan = "plan"
    analyze = "analyze"


class NotAsked(ButlrError):  # noqa: N818 -- named for what happened
    """Raised instead of making a call while a plan is made."""

    code = "NOT_ASKED"

    def __init__(self) -> None:
        super().__init__("This is a plan: no call was made to Butlr.", sent=False)


class About(NamedTuple):
    """What a call asks for, as its body says, and the reasons why it is not cut or shared."""

    assets: int = 0
    windows: int | None = None
    points: int | None = None
    reasons: Sequence[str] = ()


@dataclass(slots=True)
class PlanPart:
    """Assets or loads that are asked for together, such as a loader's batch."""

    what: str
    assets: int
    reasons: list[str] = field(default_factory=list)
    # Sums over all assets: windows of the query, windows in the store, and windows that calls ask for.
    windows: int = 0
    held: int = 0
    asked: int = 0
    calls: int = 0

    def read(self, windows: int, held: int, asked: int) -> None:
        self.windows += windows
        self.held += held
        self.asked += asked

    @property
    def cached(self) -> str | None:
        if not self.windows:
            return None
        return f"cached {self.held} of {self.windows} windows; {self.asked} asked"

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "assets": self.assets,
            "windows": self.windows or None,
            "cached": self.cached,
            "calls": self.calls,
            "reasons": self.reasons,
        }


@dataclass(slots=True)
class AskedCall:
    """One call and, once it is made, its outcome. Times are those of `time.monotonic`."""

    endpoint: str
    body: Any
    about: About
    part: PlanPart | None
    began: float
    # Why this call cannot share another caller's answer; None if it can.
    unshared: str | None = None
    ended: float | None = None
    busy: float = 0.0
    tries: int = 0
    bytes_: int | None = None
    rows: int | None = None
    status: int | None = None
    cache: str = "MISS"

    def tried(self, began: float, ended: float, status: int | None, bytes_: int | None) -> None:
        """Note the end of an attempt that got its slot at `began`."""
        self.tries += 1
        self.busy += ended - began
        self.status, self.bytes_ = status, bytes_

    def as_json(self, since: float, mode: Mode) -> dict[str, Any]:
        part, about = self.part, self.about
        written: dict[str, Any] = {
            "endpoint": self.endpoint,
            "body": self.body,
            "assets": about.assets or (part.assets if part else 0),
            "windows": about.windows,
            "points": about.points,
            "cached": (part.cached if part else None) or "nothing of it is fresh in the cache",
            "reasons": [*about.reasons, *(part.reasons if part else ()), *filter(None, [self.unshared])],
        }
        if mode is Mode.plan:
            return written
        ended = self.began if self.ended is None else self.ended
        shared = self.tries == 0 and self.status is None
        return {
            **written,
            "start_ms": _ms(self.began - since),
            "duration_ms": _ms(ended - self.began),
            "tries": self.tries,
            "wait_ms": _ms(max(ended - self.began - self.busy, 0.0) if not shared else ended - self.began),
            "bytes": self.bytes_,
            "rows": self.rows,
            "status": self.status,
            "cache": "SHARED" if shared else self.cache,
        }


class Explain:
    """The notes of one operation."""

    def __init__(self, mode: Mode, began: float | None = None) -> None:
        self.mode = mode
        self.began = time.monotonic() if began is None else began
        self.calls: list[AskedCall] = []
        self.parts: list[PlanPart] = []
        self._needs: list[str] = []
        self._looks = 0
        self._planned: dict[tuple[str, bytes], AskedCall] = {}

    @property
    def is_plan(self) -> bool:
        return self.mode is Mode.plan

    @property
    def is_open(self) -> bool:
        """Return whether the plan may lack calls."""
        return bool(self._needs)

    def call(self, endpoint: str, body: bytes, about: About, unshared: str | None = None) -> AskedCall:
        """Note a call. A plan has equal calls once, since they share one answer."""
        known = self._planned.get((endpoint, body))
        if known is not None:
            return known
        part = _part.get()
        if part is not None:
            part.calls += 1
        noted = AskedCall(endpoint, orjson.loads(body), about, part, time.monotonic(), unshared)
        self.calls.append(noted)
        if self.is_plan:
            self._planned[endpoint, body] = noted
        return noted

    def need(self, what: str) -> None:
        """Note something unknown to a plan on which further calls depend."""
        if what not in self._needs:
            self._needs.append(what)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Mark a read of the store, which may be remote: more calls may follow it."""
        self._looks += 1
        try:
            yield
        finally:
            self._looks -= 1

    async def not_asked(self) -> NotAsked:
        """Wait until the calls beside this one are known, and return the error to raise instead of the call."""
        seen, quiet = len(self.calls), 0
        while quiet < QUIET_TURNS:
            # A read of a remote store lasts a thousand turns, which would keep a processor busy.
            await asyncio.sleep(0.001 if self._looks else 0)
            quiet = quiet + 1 if len(self.calls) == seen and not self._looks else 0
            seen = len(self.calls)
        return NotAsked()

    def upstream_seconds(self, until: float) -> float:
        """Return the seconds during which at least one call was under way."""
        total, at = 0.0, self.began
        for call in sorted(self.calls, key=lambda call: call.began):
            ended = until if call.ended is None else min(call.ended, until)
            total += max(ended - max(call.began, at), 0.0)
            at = max(at, ended)
        return total

    def as_json(self, cost: int, limits: Mapping[str, Any], phases: Mapping[str, float]) -> dict[str, Any]:
        written: dict[str, Any] = {
            "mode": self.mode.value,
            "calls": [call.as_json(self.began, self.mode) for call in self.calls],
            "batches": [part.as_json() for part in self.parts],
            "cost": cost,
            "limits": dict(limits),
            "phases": {f"{name}_ms": _ms(seconds) for name, seconds in phases.items()},
        }
        if self._needs:
            written["needs"] = "; ".join(self._needs)
        return written


_explain: ContextVar[Explain | None] = ContextVar("explain", default=None)
_part: ContextVar[PlanPart | None] = ContextVar("explained_part", default=None)
_call: ContextVar[AskedCall | None] = ContextVar("explained_call", default=None)


def explaining() -> Explain | None:
    """Return the notes of the current operation; None if it is not explained."""
    return _explain.get()


def looking() -> AbstractContextManager[None]:
    """Wrap a read of the store, so that a plan waits for it."""
    explain = _explain.get()
    return nullcontext() if explain is None else explain.looking()


def plan_needs(what: str) -> None:
    """Note something unknown on which further calls depend, if a plan is made."""
    explain = _explain.get()
    if explain is not None and explain.is_plan:
        explain.need(what)


def asked_call() -> AskedCall | None:
    """Return the call that the current task makes."""
    return _call.get()


def asked_part() -> PlanPart | None:
    return _part.get()


@contextmanager
def explained(explain: Explain) -> Iterator[None]:
    """Collect the notes of the operation that runs inside the block."""
    token = _explain.set(explain)
    try:
        yield
    finally:
        _explain.reset(token)


@contextmanager
def part_of(what: str, assets: int, reasons: Callable[[], Sequence[str]] = tuple) -> Iterator[PlanPart | None]:
    """Note the loads inside the block as one part. Does nothing unless the operation is explained."""
    explain = _explain.get()
    if explain is None:
        yield None
        return
    part = PlanPart(what, assets, [reason for reason in reasons() if reason])
    explain.parts.append(part)
    token = _part.set(part)
    try:
        yield part
    finally:
        _part.reset(token)


@contextmanager
def under_way(call: AskedCall | None) -> Iterator[None]:
    """Note the attempts inside the block as those of the call."""
    if call is None:
        yield
        return
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)
        call.ended = time.monotonic()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
