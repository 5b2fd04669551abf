"""Replays do not delay answers."""

import asyncio

import pytest

from facade.auth import Passthrough
from facade.execution import Engine
from facade.graph import build_schema
from facade.legacy import RestRequest
from facade.legacy.successors import LegacyCall
from facade.legacy.usage import Usage, summary
from facade.web.metrics import Metrics
from facade.web.rest.shadow import LARGEST, Replay, Shadow

CALL = LegacyCall("/api/v3/reporting", "Report")
BODY = '{"filter": {"start": "-1d"}}'


@pytest.fixture(scope="module")
def engine():
    return Engine(build_schema())


@pytest.fixture
def usage():
    return Usage()


@pytest.fixture
def shadow(engine, usage):
    def make(share=1.0, **options):
        def closed():
            raise RuntimeError("the facade is not open")

        return Shadow(share, engine, closed, usage, Metrics(), **options)

    return make


def replay(body=BODY, answer=b'{"data": []}'):
    return Replay(CALL, RestRequest("POST", CALL.path, body), answer, Passthrough("a-token"), "request-1")


@pytest.fixture
def outcomes(usage):
    async def found():
        replays = summary(await usage.counted(1), 1)["replays"]
        return replays[0]["outcomes"] if replays else {}

    return found


async def test_what_finds_no_place_is_dropped_and_counted(shadow, outcomes):
    full = shadow(waiting_most=2)
    for _ in range(5):
        full.offer(replay())
    assert await outcomes() == {"dropped": 3}


async def test_only_the_share_is_replayed(shadow, outcomes):
    chances = iter([0.0, 0.29, 0.3, 0.99])
    partial = shadow(0.3, waiting_most=1, chance=lambda: next(chances))
    for _ in range(4):
        partial.offer(replay())
    assert await outcomes() == {"dropped": 1}


async def test_an_answer_too_large_is_not_kept_waiting(shadow, outcomes):
    shadow().offer(replay(answer=b" " * (LARGEST + 1)))
    assert await outcomes() == {"too large": 1}


async def test_a_replay_that_breaks_does_not_end_those_after_it(shadow, outcomes):
    broken = shadow()
    for _ in range(3):
        broken.offer(replay())
    task = asyncio.create_task(broken.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert await outcomes() == {"failed": 3}
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
