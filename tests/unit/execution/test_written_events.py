from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from graphql import GraphQLError, parse

from facade.execution import Outcome
from facade.execution.documents import ParsedDocument
from facade.execution.written_events import WrittenEvents

DOCUMENT = ParsedDocument(parse("subscription { events { id } }"))


class Executions:
    """Executes at once, or once it is let; counts how often it did."""

    def __init__(self, *, text: str = "one", error: str | None = None) -> None:
        self.count = 0
        self.let = asyncio.Event()
        self._text, self._error = text, error

    def at_once(self) -> Outcome:
        self.count += 1
        errors = [GraphQLError(f"{self._error} {self.count}")] if self._error else []
        return Outcome(True, {"events": self._text}, errors)

    async def later(self) -> Outcome:
        await self.let.wait()
        return self.at_once()


@pytest.fixture
def events():
    return WrittenEvents()


@pytest.fixture
def join(events):
    """Join an audience for the length of a test."""
    with ExitStack() as stack:
        yield lambda scope="one", **variables: stack.enter_context(events.audience(DOCUMENT, variables, None, scope))


@pytest.fixture
def answer(events):
    """Answer as an engine does."""

    async def answer(audience, event, execute, events=events):
        return events.written(audience, event) or await events.answer(audience, event, execute)

    return answer


async def test_an_event_is_executed_once_for_all_who_asked_the_same(answer, join):
    audience, executions = join(item="1"), Executions()
    assert join(item="1") is audience
    answers = [await answer(audience, 7, executions.at_once) for _ in range(3)]
    assert executions.count == 1
    assert {b"".join(answer.chunks()) for answer in answers} == {b'{"data":{"events":"one"}}'}


async def test_what_differs_in_anything_is_another_audience(answer, events, join):
    one = join(item="1")
    other = ParsedDocument(parse("subscription { events { id } }"))
    with events.audience(other, {"item": "1"}, None, "one") as of_document:
        audiences = [one, of_document, join(item="2"), join(item="1", scope="two")]
        assert len(set(audiences)) == 4
        for each in audiences:
            each.subscribers += 1
            answered = await answer(each, 7, Executions(text=str(id(each))).at_once)
            assert answered.data == {"events": str(id(each))}


async def test_one_event_is_not_another_and_none_is_its_subscribers_alone(answer, join):
    audience = join()
    join()
    executions = Executions()
    for event in (1, 2, None, None):
        await answer(audience, event, executions.at_once)
    assert executions.count == 4


async def test_nothing_is_kept_for_one_who_is_alone(answer, join):
    audience, executions = join(), Executions()
    for _ in range(2):
        await answer(audience, 7, executions.at_once)
    assert executions.count == 2


async def test_an_audience_ends_with_its_last_subscriber(events):
    with events.audience(DOCUMENT, None, None, "one") as first:
        pass
    with events.audience(DOCUMENT, None, None, "one") as second:
        assert second is not first


async def test_those_who_come_while_it_is_executed_wait_for_it(answer, join):
    audience, executions = join(), Executions()
    join()
    tasks = [asyncio.create_task(answer(audience, 7, executions.later)) for _ in range(3)]
    await asyncio.sleep(0)
    executions.let.set()
    assert len({b"".join(each.chunks()) for each in await asyncio.gather(*tasks)}) == 1
    assert executions.count == 1


async def test_where_the_first_leaves_another_executes(answer, join):
    audience, executions = join(), Executions()
    join()
    first = asyncio.create_task(answer(audience, 7, executions.later))
    await asyncio.sleep(0)
    second = asyncio.create_task(answer(audience, 7, executions.later))
    await asyncio.sleep(0)
    first.cancel()
    executions.let.set()
    assert (await second).data == {"events": "one"}
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize("how", ["at_once", "later"])
async def test_an_answer_with_errors_is_its_subscribers_alone(answer, join, how):
    audience, executions = join(), Executions(error="of request")
    join()
    executions.let.set()
    answers = await asyncio.gather(*(answer(audience, 7, getattr(executions, how)) for _ in range(3)))
    assert {answer.errors[0].message for answer in answers} == {f"of request {number}" for number in (1, 2, 3)}


async def test_what_is_kept_has_a_bound(answer, join):
    events = WrittenEvents(kept=4_000)
    with events.audience(DOCUMENT, None, None, "one") as audience:
        audience.subscribers += 1
        executions = Executions(text="x" * 300)
        for event in range(10):
            await answer(audience, event, executions.at_once, events)
        await answer(audience, 9, executions.at_once, events)
        assert executions.count == 10
        await answer(audience, 0, executions.at_once, events)
        assert executions.count == 11
        audience.subscribers -= 1
