"""How long a token is accepted without an upstream call, also if the machine's clock changes."""

import pytest

from facade.auth.token_proofs import Proofs


class Clocks:
    def __init__(self):
        self.now, self.steady = 1_760_400_000.0, 50.0

    def pass_by(self, seconds):
        self.now += seconds
        self.steady += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def proofs(clocks):
    return Proofs(lambda: clocks.now, lambda: clocks.steady, recheck=300.0)


@pytest.mark.parametrize("set_to", [0, -3600, 3600])
def test_a_proof_holds_for_the_recheck_whatever_the_clock_is_set_to(proofs, clocks, set_to):
    proofs.note("scope")
    clocks.now += set_to
    clocks.pass_by(300)
    assert proofs.holds("scope")
    clocks.pass_by(1)
    assert not proofs.holds("scope")


@pytest.mark.parametrize("set_to", [-1, -200, -3600])
def test_an_entry_is_no_younger_for_a_clock_set_back(proofs, clocks, set_to):
    as_of = clocks.now
    assert proofs.is_recent(as_of)
    clocks.now += set_to
    clocks.pass_by(300.5)
    assert not proofs.is_recent(as_of)


def test_what_was_read_after_the_clock_was_set_back_is_proven_by_this_process(proofs, clocks):
    clocks.now -= 3600
    proofs.note("scope")
    assert proofs.holds("scope")
    assert not proofs.is_recent(clocks.now)


def test_what_is_forgotten_does_not_hold(proofs):
    assert not proofs.holds("scope")
    proofs.note("scope")
    proofs.forget("scope")
    assert not proofs.holds("scope")
