"""Rates: how many requests each caller may send."""

import shutil
import socket
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse
from starlette.requests import Request

from facade.auth import Passthrough, Service, Verified
from facade.butlr import RateLimited
from facade.web.rate_limit import RateLimit, RateWindows, address_of, counted_as

TYPENAME = "{ __typename }"


@pytest.fixture
def redis_server(tmp_path):
    """The URL of a server, and what ends it."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: apt-get install redis-server"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < until, "redis-server does not start"
            time.sleep(0.02)

    def kill():
        process.kill()
        process.wait()

    yield f"redis://127.0.0.1:{port}/0", kill
    kill()


def request(*, client=("10.0.0.1", 1), **headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": given, "client": client})


class TestCounting:
    async def test_one_too_many_is_refused_with_when_to_try_again(self):
        rates = RateLimit("3/minute")
        for _ in range(3):
            await rates.check("one")
        with pytest.raises(RateLimited) as refused:
            await rates.check("one")
        assert 1 <= refused.value.retry_after <= 120
        assert "3 per 1 minute" in str(refused.value)

    async def test_callers_are_counted_apart(self):
        rates = RateLimit("1/minute")
        await rates.check("one")
        await rates.check("other")
        with pytest.raises(RateLimited):
            await rates.check("one")

    async def test_the_narrowest_of_several_rates_holds(self):
        rates = RateLimit("100/hour;2/minute")
        await rates.check("one")
        await rates.check("one")
        with pytest.raises(RateLimited, match="2 per 1 minute"):
            await rates.check("one")

    async def test_without_its_redis_a_process_counts_by_itself_and_nothing_fails(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        rates = RateLimit.create("2/minute", f"redis://127.0.0.1:{port}/0")
        await rates.check("one")
        await rates.check("one")
        with pytest.raises(RateLimited):
            await rates.check("one")
        await rates.aclose()

    @pytest.mark.redis
    async def test_replicas_count_together_while_their_redis_lives(self, redis_server):
        url, kill = redis_server
        replicas = [RateLimit.create("2/minute", url) for _ in range(2)]
        for replica in replicas:
            await replica.check("one")
        for replica in replicas:
            with pytest.raises(RateLimited):
                await replica.check("one")
        kill()
        await replicas[0].check("one")
        for replica in replicas:
            await replica.aclose()


class TestWindows:
    @given(
        amount=st.integers(1, 5),
        steps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=40),
        start=st.floats(0, 100),
    )
    def test_in_no_length_of_time_are_there_many_more_than_the_rate(self, amount, steps, start):
        now = start
        windows, taken = RateWindows(parse(f"{amount}/10 seconds"), clock=lambda: now), []
        for step in steps:
            now += step
            if windows.hit("one"):
                taken.append(now)
        # The window before is taken to have been filled evenly: at worst twice the rate lies in one length.
        assert all(sum(moment <= other < moment + 10 for other in taken) <= 2 * amount for moment in taken)

    @given(amount=st.integers(1, 20), start=st.floats(0, 100), tries=st.lists(st.floats(0, 5), min_size=1, max_size=40))
    def test_who_waits_as_told_is_let_in_and_no_rate_makes_wait_longer_than_two_lengths(self, amount, start, tries):
        now = start
        windows = RateWindows(parse(f"{amount}/10 seconds"), clock=lambda: now)
        for step in tries:
            now += step
            if not windows.hit("one"):
                wait = windows.wait("one")
                assert 0 <= wait <= 20
                now += wait + 1e-6
                assert windows.hit("one")

    def test_the_callers_remembered_are_bounded(self):
        windows = RateWindows(parse("1/hour"), most=2)
        assert windows.hit("first")
        assert windows.hit("second")
        assert not windows.hit("first")
        assert windows.hit("third")
        assert windows.hit("first"), "who has not been heard of for longest is forgotten"

    @pytest.mark.parametrize("rates", ["2/minute;100/hour", "100/hour;2/minute"])
    async def test_what_one_rate_refuses_does_not_count_in_another(self, rates):
        limit = RateLimit(rates)
        for _ in range(2):
            await limit.check("one")
        for _ in range(50):
            with pytest.raises(RateLimited, match="2 per 1 minute"):
                await limit.check("one")
            assert not limit.check_at_once("one")
        hour = next(own for own in limit._own if own._amount == 100)
        assert hour._window("one", hour._clock())[1] == 2


class TestCallers:
    def test_a_proven_token_is_counted_wherever_it_comes_from_and_a_claimed_one_is_not(self):
        one, other = Passthrough("one"), Passthrough("other")
        assert counted_as(one, proven=True) != counted_as(other, proven=True)
        assert counted_as(one, proven=False) is None
        assert counted_as(None, proven=False) is None

    def test_a_subject_is_one_whichever_of_its_tokens_it_sends(self):
        claims = {"iss": "i", "sub": "me", "exp": 1}
        of = [Verified(token, claims, tenant_claim="t") for token in ("one", "other")]
        you = Verified("one", claims | {"sub": "you"}, tenant_claim="t")
        assert len({counted_as(each, proven=True) for each in of}) == 1
        assert counted_as(you, proven=True) != counted_as(of[0], proven=True)
        nobody = [Verified(token, {"exp": 1}, tenant_claim="t") for token in ("one", "other")]
        assert len({counted_as(each, proven=True) for each in nobody}) == 2

    def test_without_one_an_address_is(self):
        assert address_of(request()) != address_of(request(client=("10.0.0.2", 1)))
        assert address_of(request(client=None))

    def test_the_facades_own_login_is_as_many_as_have_keys(self):
        service = Service(None, scope="service")
        assert counted_as(service, proven=True) is None
        assert counted_as(service.with_key(1), proven=True) != counted_as(service.with_key(2), proven=True)


class TestOverHttp:
    SENSORS = "{ sensors { data { id } } }"

    def test_a_caller_who_asks_too_often_is_told_to_wait_and_others_are_not(self, launch, sandbox):
        strict = launch.facade(sandbox.url, FACADE_RATE_LIMIT="5/minute")
        one, other = sandbox.login(), sandbox.login()
        for token in (one, other):
            # Until the upstream has taken it, a token is counted by its address.
            assert strict.post(self.SENSORS, token=token).status_code == 200
        for _ in range(4):
            assert strict.post(TYPENAME, token=one).status_code == 200
        for accept in ("application/json", "application/graphql-response+json"):
            refused = strict.post(TYPENAME, token=one, headers={"Accept": accept})
            assert refused.status_code == 429
            assert refused.headers["Content-Type"].startswith(accept)
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert int(refused.headers["Retry-After"]) == error["extensions"]["retryAfter"] >= 1
            assert refused.headers["Cache-Control"] == "no-store"
        for spelling in (f"bearer {one}", f"Bearer  {one}", f"BEARER {one}"):
            assert strict.post(TYPENAME, headers={"Authorization": spelling}).status_code == 429
        assert strict.post(TYPENAME, token=other).status_code == 200
        assert strict.request("GET", "/healthz").status_code == 200
        strict.stop()

    def test_made_up_tokens_are_one_caller(self, launch, sandbox):
        strict = launch.facade(sandbox.url, FACADE_RATE_LIMIT="5/minute")
        statuses = [strict.post(TYPENAME, token=f"made-up-{at}").status_code for at in range(12)]
        assert statuses == [200] * 5 + [429] * 7
        strict.stop()

    def test_guesses_of_api_keys_are_counted_and_keys_by_themselves(self, launch, sandbox):
        settings = {
            "FACADE_AUTH": "service",
            "BUTLR_CLIENT_ID": "demo-client",
            "BUTLR_CLIENT_SECRET": "demo-secret",
            "FACADE_API_KEYS": "first-key,second-key",
        }
        strict = launch.facade(sandbox.url, FACADE_RATE_LIMIT="5/minute", **settings)

        def ask(key):
            return strict.post(TYPENAME, headers={"X-API-Key": key}).status_code

        assert [ask(f"guess-{at}") for at in range(9)] == [401] * 5 + [429] * 4
        assert [ask("first-key") for _ in range(7)] == [200] * 5 + [429] * 2
        assert ask("second-key") == 200
        strict.stop()
