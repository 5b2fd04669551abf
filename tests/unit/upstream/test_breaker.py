from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from facade.butlr import UpstreamTimeout, UpstreamUnavailable
from facade.upstream.breaker import Breaker, CircuitOpen

PATH = "/api/v3/reporting"
THRESHOLD, PAUSE, LONGEST = 3, 1.0, 4.0
FAILURE = UpstreamUnavailable("Butlr failed.", path=PATH)


@pytest.fixture
def breaker(clock):
    return Breaker(PATH, threshold=THRESHOLD, pause=PAUSE, longest=LONGEST, clock=clock)


def fail(breaker, times=1, error=FAILURE, **options):
    for _ in range(times):
        breaker.failed(breaker.admit(), error, **options)


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, THRESHOLD - 1)
    breaker.succeeded(breaker.admit())
    fail(breaker, THRESHOLD - 1)
    assert not breaker.is_open
    fail(breaker)
    assert breaker.is_open


def test_an_open_one_says_where_and_when_to_come_back(breaker, clock):
    clock.now += 0.3
    fail(breaker, THRESHOLD)
    with pytest.raises(CircuitOpen, match=r"/api/v3/reporting .*Try again in 1 second\.") as refused:
        breaker.admit()
    assert refused.value.extensions == {"code": "UPSTREAM_UNAVAILABLE", "retryAfter": 1.0}
    assert refused.value.status == 503
    assert not refused.value.sent


def test_after_the_pause_one_call_probes_and_its_success_closes(breaker, clock):
    fail(breaker, THRESHOLD)
    clock.now += PAUSE
    probe = breaker.admit()
    with pytest.raises(CircuitOpen):
        breaker.admit()
    breaker.succeeded(probe)
    assert breaker.is_idle
    breaker.admit()


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest(breaker, clock):
    fail(breaker, THRESHOLD)
    pauses = []
    for _ in range(4):
        pauses.append(breaker.probes_in)
        clock.now += breaker.probes_in
        fail(breaker)
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_a_success_makes_the_next_pause_short_again(breaker, clock):
    fail(breaker, THRESHOLD)
    clock.now += PAUSE
    fail(breaker)
    clock.now += 2 * PAUSE
    breaker.succeeded(breaker.admit())
    fail(breaker, THRESHOLD)
    assert breaker.probes_in == PAUSE


def test_a_probe_that_told_nothing_lets_the_next_call_probe(breaker, clock):
    fail(breaker, THRESHOLD)
    clock.now += PAUSE
    breaker.dropped(breaker.admit())
    breaker.succeeded(breaker.admit())
    assert not breaker.is_open


def test_the_upstreams_own_retry_after_is_the_pause_within_bounds(breaker):
    error = UpstreamUnavailable("Down.", path=PATH, retry_after=3.0)
    fail(breaker, THRESHOLD, error)
    assert breaker.probes_in == 3.0


def test_what_one_caller_may_have_asked_too_much_of_counts_once_a_caller(breaker):
    slow = UpstreamTimeout("Too slow.", path=PATH)
    fail(breaker, 10, slow, slow_for="a")
    assert not breaker.is_open
    fail(breaker, 1, slow, slow_for="b")
    assert not breaker.is_open
    fail(breaker, 1, slow, slow_for="c")
    assert breaker.is_open


class Breaking(RuleBasedStateMachine):
    """Calls that overlap and end in any order, against what a breaker has to be."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(PATH, threshold=THRESHOLD, pause=PAUSE, longest=LONGEST, clock=lambda: self.now)
        self.before: list[int] = []  # tickets of calls let through while it was closed last
        self.late: list[int] = []  # tickets of calls from before it last opened or closed
        self.probe: int | None = None
        self.row = 0
        self.opened_at: float | None = None
        self.pause = PAUSE

    def turned(self, opened: bool) -> None:
        self.late += self.before
        self.before = []
        self.probe = None
        self.row = 0
        self.opened_at = self.now if opened else None

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_comes(self) -> None:
        may = self.opened_at is None or (self.probe is None and self.now >= self.opened_at + self.pause)
        if not may:
            with pytest.raises(CircuitOpen) as refused:
                self.breaker.admit()
            assert 1 <= refused.value.retry_after <= LONGEST
            return
        ticket = self.breaker.admit()
        if self.opened_at is None:
            self.before.append(ticket)
        else:
            self.probe = ticket

    @precondition(lambda self: self.before)
    @rule(data=st.data(), ends=st.sampled_from(["succeeded", "failed", "dropped"]))
    def a_call_ends(self, data: st.DataObject, ends: str) -> None:
        ticket = self.before.pop(data.draw(st.integers(0, len(self.before) - 1)))
        if ends == "succeeded":
            self.breaker.succeeded(ticket)
            self.row = 0
        elif ends == "dropped":
            self.breaker.dropped(ticket)
        else:
            self.breaker.failed(ticket, FAILURE)
            self.row += 1
            if self.row == THRESHOLD:
                self.pause = PAUSE
                self.turned(opened=True)

    @precondition(lambda self: self.probe is not None)
    @rule(ends=st.sampled_from(["succeeded", "failed", "dropped"]))
    def the_probe_ends(self, ends: str) -> None:
        if ends == "succeeded":
            self.breaker.succeeded(self.probe)
            self.turned(opened=False)
        elif ends == "failed":
            self.breaker.failed(self.probe, FAILURE)
            self.pause = min(self.pause * 2, LONGEST)
            self.turned(opened=True)
        else:
            self.breaker.dropped(self.probe)
            self.probe = None

    @precondition(lambda self: self.late)
    @rule(ends=st.sampled_from(["succeeded", "failed", "dropped"]))
    def a_call_of_another_time_ends(self, ends: str) -> None:
        ticket = self.late.pop()
        if ends == "failed":
            self.breaker.failed(ticket, FAILURE)
        else:
            getattr(self.breaker, ends)(ticket)

    @invariant()
    def it_is_open_as_the_model_says(self) -> None:
        assert self.breaker.is_open == (self.opened_at is not None)
        left = 0.0 if self.opened_at is None else max(self.opened_at + self.pause - self.now, 0.0)
        assert self.breaker.probes_in == pytest.approx(left)


Breaking.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_overlapping_calls_in_any_order = Breaking.TestCase
