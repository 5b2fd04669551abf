import asyncio

import httpx
import pytest

from facade.butlr import RateLimited, ServiceTokens, Unauthenticated, UpstreamUnavailable


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def session(token, expires_in=1000):
    return 200, {"access_token": token, "expires_in": expires_in, "token_type": "Bearer"}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def tokens(upstream, clock):
    service = ServiceTokens(upstream.butlr, "id", "secret", clock=clock)
    yield service
    await service.aclose()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def race(tokens, callers=50):
    return asyncio.gather(*(tokens.token() for _ in range(callers)))


async def test_one_login_serves_a_race_and_the_lifetime(upstream, tokens, clock):
    upstream.replies = [session("t1")]
    assert await race(tokens) == ["t1"] * 50
    clock.now += 799
    assert await race(tokens) == ["t1"] * 50
    assert len(upstream.requests) == 1


async def test_a_leader_who_gives_up_takes_nothing_from_the_others(upstream, tokens):
    upstream.replies = [session("t1")]
    upstream.gate = asyncio.Event()
    leader = asyncio.create_task(tokens.token())
    await settle()
    followers = [asyncio.create_task(tokens.token()) for _ in range(5)]
    await settle()
    leader.cancel()
    await settle()
    assert leader.cancelled()
    upstream.gate.set()
    assert await asyncio.gather(*followers) == ["t1"] * 5
    assert len(upstream.requests) == 1


async def test_a_login_all_have_left_is_still_there_for_the_next(upstream, tokens):
    upstream.replies = [session("t1")]
    upstream.gate = asyncio.Event()
    caller = asyncio.create_task(tokens.token())
    await settle()
    caller.cancel()
    await settle()
    upstream.gate.set()
    assert await tokens.token() == "t1"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("expires_in", "margin"), [(1000, 200), (86_400, 300), (10, 2)])
async def test_renewal_comes_ahead_of_expiry_without_a_pause(upstream, tokens, clock, expires_in, margin):
    upstream.replies = [session("t1", expires_in), session("t2", expires_in)]
    await tokens.token()
    clock.now += expires_in - margin - 0.5
    await tokens.token()
    await settle()
    assert len(upstream.requests) == 1, "not yet"

    clock.now += 1
    upstream.gate = asyncio.Event()
    assert await race(tokens) == ["t1"] * 50, "no caller waits"
    upstream.gate.set()
    await settle()
    assert await race(tokens) == ["t2"] * 50
    assert len(upstream.requests) == 2


async def test_an_expired_token_waits_for_the_new_one(upstream, tokens, clock):
    upstream.replies = [session("t1"), session("t2")]
    await tokens.token()
    clock.now += 1000
    assert await race(tokens) == ["t2"] * 50
    assert len(upstream.requests) == 2


async def test_a_token_lives_from_before_its_login(upstream, tokens, clock):
    upstream.replies = [session("t1", 100), session("t2", 100)]
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(tokens.token())
    await settle()
    clock.now += 60
    upstream.gate.set()
    assert await slow == "t1"
    clock.now += 40
    assert await tokens.token() == "t2"


async def test_after_a_401_however_many_saw_it_one_login_follows(upstream, tokens):
    upstream.replies = [session("t1"), session("t2")]

    async def refused_caller():
        first = await tokens.token()
        await asyncio.sleep(0)
        tokens.invalidate(first)
        return await tokens.token()

    assert await asyncio.gather(*(refused_caller() for _ in range(50))) == ["t2"] * 50
    tokens.invalidate("t1")
    assert await tokens.token() == "t2", "a late 401 of the old token changes nothing"
    assert len(upstream.requests) == 2


async def test_a_401_during_renewal_joins_it(upstream, tokens, clock):
    upstream.replies = [session("t1"), session("t2")]
    await tokens.token()
    clock.now += 900
    upstream.gate = asyncio.Event()
    assert await tokens.token() == "t1"
    await settle()
    tokens.invalidate("t1")
    waiting = asyncio.create_task(tokens.token())
    await settle()
    upstream.gate.set()
    assert await waiting == "t2"
    assert len(upstream.requests) == 2


async def test_an_upstream_that_refuses_fresh_tokens_brings_no_login_storm(upstream, tokens, clock):
    upstream.replies = [session("t1"), session("t2"), session("t3")]
    for _ in range(2):
        tokens.invalidate(await tokens.token())
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await tokens.token()
    assert len(upstream.requests) == 2
    clock.now += 5
    assert await tokens.token() == "t3"


async def test_refused_credentials_name_the_settings_and_are_not_tried_again_at_once(upstream, tokens, clock):
    upstream.replies = [(401, {"message": "access_denied"})]
    errors = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
    clock.now += 4.9
    with pytest.raises(Unauthenticated, match="BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET") as caught:
        await tokens.token()
    assert {str(error) for error in errors} == {str(caught.value)}
    assert len({id(error) for error in errors}) == 20, "each caller has an error of its own"
    assert "secret" not in str(caught.value)
    assert len(upstream.requests) == 1

    clock.now += 0.2
    upstream.replies = [session("t1")]
    assert await tokens.token() == "t1"


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_any_refusal_of_the_service_is_the_operators_matter(upstream, tokens, status):
    upstream.replies = [(status, {"message": "client secret-id unknown"})]
    with pytest.raises(Unauthenticated, match="BUTLR_CLIENT_ID") as caught:
        await tokens.token()
    assert caught.value.status == status
    assert "unknown" not in str(caught.value)


@pytest.mark.parametrize("fault", [(503, b""), (200, b"<html>"), httpx.ConnectError("refused")])
async def test_a_fault_is_remembered_for_a_second(upstream, tokens, clock, fault):
    upstream.replies = [fault, session("t1")]
    for _ in range(3):
        with pytest.raises(Exception, match="Butlr") as caught:
            await tokens.token()
        clock.now += 0.3
    assert caught.value.code in {"UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID_RESPONSE"}
    assert len(upstream.requests) == 1
    clock.now += 0.2
    assert await tokens.token() == "t1"


async def test_a_clock_set_back_does_not_prolong_a_failure(upstream, tokens, clock):
    upstream.replies = [(503, b""), session("t1")]
    with pytest.raises(UpstreamUnavailable):
        await tokens.token()
    clock.now -= 3600
    assert await tokens.token() == "t1"


async def test_a_login_told_to_wait_waits_as_long(upstream, tokens, clock):
    upstream.replies = [(429, b""), session("t1")]
    with pytest.raises(RateLimited):
        await tokens.token()
    clock.now += 59
    with pytest.raises(RateLimited):
        await tokens.token()
    clock.now += 2
    assert await tokens.token() == "t1"


async def test_a_failed_renewal_keeps_the_old_token_until_it_ends(upstream, tokens, clock):
    upstream.replies = [session("t1"), (503, b""), (503, b""), session("t2")]
    await tokens.token()
    clock.now += 900
    for _ in range(5):
        assert await tokens.token() == "t1"
        await settle()
    assert len(upstream.requests) == 2, "tried once, then not at once again"
    clock.now += 1.5
    assert await tokens.token() == "t1"
    await settle()
    assert len(upstream.requests) == 3
    clock.now += 100
    assert await tokens.token() == "t2"


async def test_closing_ends_a_login_and_tells_those_who_wait(upstream, tokens):
    upstream.replies = [session("t1")]
    upstream.gate = asyncio.Event()
    waiting = [asyncio.create_task(tokens.token()) for _ in range(3)]
    await settle()
    await tokens.aclose()
    for caller in waiting:
        with pytest.raises(UpstreamUnavailable, match="closed"):
            await caller
    with pytest.raises(UpstreamUnavailable, match="closed"):
        await tokens.token()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "butlr-login"] == []


async def test_no_secret_shows_in_the_service(upstream, tokens):
    upstream.replies = [session("t1-token")]
    await tokens.token()
    assert "t1-token" not in repr(tokens) + repr(tokens._held)
