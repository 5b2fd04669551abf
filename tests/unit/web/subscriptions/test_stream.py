from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from graphql import GraphQLError, OperationType

from facade.execution import Outcome, SharedAnswer
from facade.execution.documents import ParsedDocument
from facade.web.middleware.draining import Draining
from facade.web.subscriptions import stream as stream_module
from facade.web.subscriptions.stream import MOST_ERRORS, Streams, SubscribedOperation


class Source:
    """An engine whose subscription yields what a test puts into it, until None."""

    def __init__(self) -> None:
        self.outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self.is_closed = False

    def told_cost(self, *_asked):
        return 3

    async def subscribe(self, *asked):
        self.context = asked[-1]
        try:
            while (outcome := await self.outcomes.get()) is not None:
                yield outcome
        finally:
            self.is_closed = True


class Sink:
    """Records what it is given. While `reads` is not set, its client does not read."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.beaten = asyncio.Event()

    async def begin(self):
        self.said.append("begin")

    async def take(self, outcome):
        await self.reads.wait()
        self.said.append(f"{outcome.data}" if outcome.executed else "refusal")

    async def beat(self):
        self.said.append("beat")
        self.beaten.set()


@pytest.fixture
async def source():
    return Source()


@pytest.fixture
async def sink():
    return Sink()


@pytest.fixture
def run(source, sink):
    def run(sink=sink, source=source, take_at_once=None, **options):
        streams = Streams(source, lambda: None, lambda: None, **options)
        document = ParsedDocument(None)
        operation = SubscribedOperation(document, SimpleNamespace(variables=None, operation_name=None), None, "id")
        return asyncio.create_task(streams.run(operation, sink, take_at_once))

    return run


@pytest.fixture(autouse=True)
def subscription(monkeypatch):
    monkeypatch.setattr(SubscribedOperation, "type", OperationType.SUBSCRIPTION)


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_each_outcome_is_given_to_the_sink_as_it_comes(run, source, sink):
    task = run()
    for number in (1, 2):
        source.outcomes.put_nowait(Outcome(True, {"n": number}, []))
        await settled()
        assert sink.said == ["begin", *(f"{{'n': {one}}}" for one in range(1, number + 1))]
    source.outcomes.put_nowait(None)
    assert await task == ("ok", [])


async def test_after_a_refusal_nothing_follows(run, source, sink):
    task = run()
    error = GraphQLError("no")
    source.outcomes.put_nowait(Outcome(False, None, [error]))
    assert await task == ("refused", [error])
    assert sink.said == ["begin", "refusal"]
    assert source.is_closed


async def test_of_errors_without_end_a_bound_is_kept(run, source):
    task = run()
    for _ in range(3):
        source.outcomes.put_nowait(Outcome(True, {}, [GraphQLError("no")] * (MOST_ERRORS - 1)))
    source.outcomes.put_nowait(None)
    ended = await task
    assert ended.how == "partial"
    assert len(ended.errors) == MOST_ERRORS


async def test_who_hears_nothing_hears_a_beat_and_again(run, source, sink):
    task = run(heartbeat=0.02)
    for _ in range(2):
        sink.beaten.clear()
        await asyncio.wait_for(sink.beaten.wait(), 60)
    source.outcomes.put_nowait(None)
    await task


async def test_who_does_not_read_is_let_go_and_others_are_not(run, source, sink, monkeypatch):
    monkeypatch.setattr(stream_module, "SEND_WITHIN", 0.05)
    other = Sink()
    other_source = Source()
    slow, quick = run(heartbeat=0.02), run(sink=other, source=other_source, heartbeat=0.02)
    sink.reads.clear()
    source.outcomes.put_nowait(Outcome(True, {}, []))
    assert (await asyncio.wait_for(slow, 60)).how == "slow"
    assert source.is_closed
    other_source.outcomes.put_nowait(None)
    assert (await quick).how == "ok"


async def test_the_end_of_the_process_ends_it(run, source):
    draining = Draining()
    task = run(draining=draining)
    await settled()
    for hear in tuple(draining._told):
        hear()
    assert (await asyncio.wait_for(task, 60)).how == "restarted"
    assert source.is_closed


async def test_one_that_begins_as_the_process_ends_is_sent_away(run):
    draining = Draining()
    draining.begun = True
    assert (await asyncio.wait_for(run(draining=draining), 60)).how == "restarted"


async def test_a_cancellation_from_without_goes_through(run, source):
    task = run()
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.is_closed


async def test_what_the_sink_raises_goes_through(run, source, sink):
    async def fails(_outcome):
        raise RuntimeError("gone")

    sink.take = fails
    task = run()
    source.outcomes.put_nowait(Outcome(True, {}, []))
    with pytest.raises(RuntimeError, match="gone"):
        await task
    assert source.is_closed


@pytest.fixture
def answer():
    return SharedAnswer(Outcome(True, {"n": 2}, []), cost=5, calls=2)


async def test_an_answer_for_all_is_taken_at_once_but_not_as_the_first(run, source, answer):
    taken = []
    task = run(take_at_once=lambda shared: not taken.append(shared))
    await settled()
    assert not source.context.take(answer)
    source.outcomes.put_nowait(Outcome(True, {"n": 1}, []))
    await settled()
    assert source.context.take(answer)
    assert taken == [answer]
    # Whoever is the first to take it has paid for it.
    assert (answer.cost, answer.calls) == (0, 0)
    source.outcomes.put_nowait(None)
    await task


async def test_while_a_send_waits_nothing_is_taken_at_once(run, source, sink, answer):
    task = run(take_at_once=lambda _: True)
    source.outcomes.put_nowait(Outcome(True, {"n": 1}, []))
    await settled()
    sink.reads.clear()
    source.outcomes.put_nowait(Outcome(True, {"n": 2}, []))
    await settled()
    assert not source.context.take(answer)
    sink.reads.set()
    await settled()
    assert source.context.take(answer)
    source.outcomes.put_nowait(None)
    await task
