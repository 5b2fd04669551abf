from __future__ import annotations

import asyncio
from collections import deque

import msgspec
import pytest

from facade.live.events import WebhookEvent
from facade.live.shared import SharedEvents


def event(number: int) -> WebhookEvent:
    return WebhookEvent(f"e{number}", "PIR_MOTION", number)


class Entries:
    """A stream that is unreachable while `is_away`, and to which others append without a pause if `is_busy`."""

    at_once = 10
    failures = (OSError,)

    def __init__(self, *, is_busy: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.is_away = False
        self._is_busy = is_busy

    async def append(self, body: bytes) -> bool:
        if not self.is_away:
            self.bodies.append(body)
        return not self.is_away

    async def read(self, last: str) -> list[tuple[str, bytes]]:
        await asyncio.sleep(0)
        if self.is_away:
            raise OSError
        if self._is_busy:
            self.bodies.append(msgspec.json.encode(event(len(self.bodies))))
        first = int(last.partition("-")[0])
        return [(f"{at + 1}-0", body) for at, body in enumerate(self.bodies)][first:][: self.at_once]


@pytest.fixture
async def share():
    shared = []

    def share(entries: Entries) -> tuple[SharedEvents, deque[str]]:
        told: deque[str] = deque()
        shared.append(SharedEvents(entries, lambda event, _id: told.append(event.id)))
        shared[-1].start()
        return shared[-1], told

    yield share
    for each in shared:
        await each.aclose()


async def test_what_was_there_is_read_though_others_write_without_a_pause(share):
    entries = Entries(is_busy=True)
    for number in range(25):
        entries.bodies.append(msgspec.json.encode(event(number)))
    shared, told = share(entries)
    await asyncio.wait_for(shared.has_read.wait(), 60)
    assert list(told)[:25] == [f"e{number}" for number in range(25)]


async def test_what_came_while_the_stream_was_away_is_appended_once_it_is_back(share, monkeypatch):
    monkeypatch.setattr("facade.live.shared._LONGEST_PAUSE", 0.01)
    entries = Entries()
    shared, told = share(entries)
    entries.is_away = True
    assert [await shared.append(event(number)) for number in range(3)] == [False] * 3
    entries.is_away = False
    while len(told) < 3:  # noqa: ASYNC110 -- told by the task of its own
        await asyncio.sleep(0.001)
    assert list(told) == ["e0", "e1", "e2"]
    assert len(entries.bodies) == 3
