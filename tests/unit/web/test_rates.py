"""How often each caller may ask."""

import shutil
import socket
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse
from starlette.requests import Request

from facade.butlr import RateLimited
from facade.upstream import Passthrough, Service
from facade.web.rates import RateLimit, Windows, rate_key

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
        windows, taken = Windows(parse(f"{amount}/10 seconds"), clock=lambda: now), []
        for step in steps:
            now += step
            if windows.hit("one"):
                taken.append(now)
        # The window before is taken to have been filled evenly: at worst twice the rate lies in one length.
        assert all(sum(moment <= other < moment + 10 for other in taken) <= 2 * amount for moment in taken)

    @given(amount=st.integers(1, 20), start=st.floats(0, 100), tries=st.lists(st.floats(0, 5), min_size=1, max_size=40))
    def test_who_waits_as_told_is_let_in_and_no_rate_makes_wait_longer_than_two_lengths(self, amount, start, tries):
        now = start
        windows = Windows(parse(f"{amount}/10 seconds"), clock=lambda: now)
        for step in tries:
            now += step
            if not windows.hit("one"):
                wait = windows.wait("one")
                assert 0 <= wait <= 20
                now += wait + 1e-6
                assert windows.hit("one")

    def test_the_callers_remembered_are_bounded(self):
        windows = Windows(parse("1/hour"), most=2)
        assert windows.hit("first")
        assert windows.hit("second")
        assert not windows.hit("first")
        assert windows.hit("third")
        assert windows.hit("first"), "who has not been heard of for longest is forgotten"


class TestCallers:
    def test_a_token_is_a_caller_wherever_it_comes_from(self):
        one, other = Passthrough("one"), Passthrough("other")
        assert rate_key(request(), one) == rate_key(request(client=("10.0.0.2", 1)), one)
        assert rate_key(request(), one) != rate_key(request(), other)

    def test_without_one_an_address_is(self):
        assert rate_key(request(), None) != rate_key(request(client=("10.0.0.2", 1)), None)
        assert rate_key(request(client=None), None)

    def test_the_facades_own_login_is_as_many_as_have_keys_or_addresses(self):
        service = Service(None, scope="service")
        keys = [request(x_api_key="one"), request(x_api_key="other"), request(), request(client=("10.0.0.2", 1))]
        assert len({rate_key(key, service) for key in keys}) == 4
        assert "one" not in rate_key(keys[0], service)


class TestOverHttp:
    def test_a_caller_who_asks_too_often_is_told_to_wait_and_others_are_not(self, launch, sandbox):
        strict = launch.facade(sandbox.url, FACADE_RATE_LIMIT="5/minute")
        one, other = sandbox.login(), sandbox.login()
        for _ in range(5):
            assert strict.post(TYPENAME, token=one).status_code == 200
        for accept in ("application/json", "application/graphql-response+json"):
            refused = strict.post(TYPENAME, token=one, headers={"Accept": accept})
            assert refused.status_code == 429
            assert refused.headers["Content-Type"].startswith(accept)
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert int(refused.headers["Retry-After"]) == error["extensions"]["retryAfter"] >= 1
            assert refused.headers["Cache-Control"] == "no-store"
        assert strict.post(TYPENAME, token=other).status_code == 200
        assert strict.request("GET", "/healthz").status_code == 200
        strict.stop()
