"""Answers to events of subscriptions, executed and written once for all who asked the same."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from inspect import isawaitable
from typing import Any

from ..cache import Bounded, FlightCancelled, SingleFlight
from ..live import Fanout
from .documents import ParsedDocument
from .outcome import Outcome

# Bytes. Of 1,000 subscribers to one question each comes to an event within moments of the others.
KEPT = 8 * 1024**2
LARGEST = KEPT // 8
# An answer is held as data too: over WebSocket the first of a subscription is written with what it costs.
AS_DATA = 4

Answered = Outcome | Awaitable[Outcome]


@dataclass(slots=True)
class SharedAnswer:
    """An answer for all who follow, with its frames by media type, and what it cost until somebody is charged."""

    outcome: Outcome
    cost: int
    calls: int
    frames: dict[str, bytes] = field(default_factory=dict)


class Audience:
    """All who asked one thing in one scope. An identity, and how many they are."""

    __slots__ = ("_fanouts", "document", "subscribers")

    def __init__(self, document: ParsedDocument) -> None:
        # Held, for its identity is part of what was asked.
        self.document = document
        self.subscribers = 0
        # By token: those who share a scope may lose their rights one by one.
        self._fanouts: dict[str, Fanout] = {}

    @contextmanager
    def fanned_out(self, token: str, run: Callable[[Fanout], Coroutine[Any, Any, None]]) -> Iterator[Fanout]:
        """Join those of one token; `run` reads for all of them."""
        fanout = self._fanouts.get(token)
        if fanout is None:
            fanout = self._fanouts[token] = Fanout(run)
        with fanout.joined():
            try:
                yield fanout
            finally:
                if fanout.members == 1:
                    del self._fanouts[token]


class WrittenEvents:
    """Answers by audience and event. The least recently used go first."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._audiences: dict[tuple[Hashable, ...], Audience] = {}
        self._written: Bounded[tuple[Audience, Hashable], Outcome] = Bounded(kept)
        self._flights = SingleFlight()

    @contextmanager
    def audience(
        self, document: ParsedDocument, variables: Mapping[str, Any] | None, operation: str | None, scope: str
    ) -> Iterator[Audience]:
        """Join those who have asked the same."""
        asked = (id(document), operation, sha256(json.dumps(variables, sort_keys=True).encode()).digest(), scope)
        audience = self._audiences.get(asked)
        if audience is None:
            audience = self._audiences[asked] = Audience(document)
        audience.subscribers += 1
        try:
            yield audience
        finally:
            audience.subscribers -= 1
            if not audience.subscribers:
                del self._audiences[asked]

    def written(self, audience: Audience, event: Hashable) -> Outcome | None:
        """Return the answer to an event if someone of the audience has come to it already."""
        return self._written.get((audience, event))

    async def answer(self, audience: Audience, event: Hashable, execute: Callable[[], Answered]) -> Outcome:
        """Execute for an event that nobody has come to yet, or wait for who does.

        `event` tells it from all other events of the audience; None for one that is its subscriber's alone. So is an
        answer with errors, which name the request.
        """
        if event is None or audience.subscribers < 2:
            return await _awaited(execute())
        flight, first = f"{id(audience)} {event}", None
        if flight not in self._flights:
            first = execute()
            if not isawaitable(first):
                return self._kept(audience, event, first)
        executed = False

        async def work() -> Outcome:
            nonlocal executed
            executed = True
            return self._kept(audience, event, await _awaited(execute() if first is None else first))

        try:
            outcome = await self._flights.run(flight, work)
        except FlightCancelled:
            # Whoever executed it has left.
            return await _awaited(execute())
        return outcome if executed or not outcome.errors else await _awaited(execute())

    def _kept(self, audience: Audience, event: Hashable, outcome: Outcome) -> Outcome:
        if outcome.errors or self._written.get((audience, event)) is not None:
            return outcome
        chunks = outcome.chunks()
        size = sum(map(len, chunks)) * AS_DATA
        outcome = replace(outcome, written=chunks)
        if size <= LARGEST:
            self._written.put((audience, event), outcome, size)
        return outcome


async def _awaited(answered: Answered) -> Outcome:
    return await answered if isawaitable(answered) else answered
