"""If Redis dies, breaks, hangs or is full, only caching is lost, and no operation fails."""

import time

import pytest
import redis as redis_client

pytestmark = [pytest.mark.redis, pytest.mark.slow]

REPORT = """query ($start: Time!, $stop: Time!, $sensors: [ID!]!) {
  report(filter: {start: $start, stop: $stop, measurements: [presence, traffic], sensors: {eq: $sensors}}) {
    rows { time sensor_id value } } }"""


@pytest.fixture
def before_redis(proxy_to, redis):
    return proxy_to(redis.port)


@pytest.fixture
def cached(launch, sandbox, before_redis):
    """A facade that reaches Redis through the proxy alone."""
    url = f"redis://127.0.0.1:{before_redis.port}/0"
    facade = launch.facade(sandbox.url, FACADE_CACHE_URL=url)
    yield facade
    facade.stop()


@pytest.fixture
async def load(asker, cached, sandbox, token, at_work):
    """Asks for each of `count` sensors on a day, 8 at a time, and gives the answers' `rows` by sensor."""
    ask = asker(cached)
    sensors = [sensor["id"] for sensor in sandbox.campus()["sensors"]]

    async def run(days, count=100):
        span = at_work(days=days, minutes=5)
        asks = [
            lambda sensor=sensor: ask.ask(token, REPORT, {**span, "sensors": [sensor]}) for sensor in sensors[:count]
        ]
        answers = await ask.each(8, asks)
        assert [answer for status, answer, _ in answers if status != 200 or "errors" in answer] == []
        return [answer["data"]["report"]["rows"] for _, answer, _ in answers]

    return run


def cache_of(facade):
    ready = facade.request("GET", "/readyz")
    assert ready.status_code == 200
    return ready.json()["cache"]


async def used_again(facade, load, sandbox, token):
    """Wait until the cache saves calls: after a failure the facade leaves Redis, or what it refused, for a moment."""
    deadline = time.monotonic() + 180
    while True:
        cold = await load(5, count=10)
        calls = len(sandbox.calls(token))
        assert await load(5, count=10) == cold
        if len(sandbox.calls(token)) == calls:
            break
        assert time.monotonic() < deadline
    assert cache_of(facade) == "ok"


async def test_redis_killed_under_load_fails_no_operation(cached, redis, load, sandbox, token):
    true = await load(0)
    redis.kill()
    assert await load(0) == true
    await load(1)
    assert cache_of(cached) != "ok"
    redis.start()
    await used_again(cached, load, sandbox, token)


async def test_connections_to_redis_that_break_fail_no_operation(cached, before_redis, load, sandbox, token):
    true = await load(0)
    before_redis.befall("cut", share=0.2, cut=(0, 40))
    before_redis.befall("reset", share=0.1, reset=True)
    # The facade leaves Redis alone for a second after each break.
    days = 0
    while before_redis.befell.total() < 4:
        assert await load(0) == true
        await load(days := days + 1, count=40)
        assert days < 300, before_redis.befell
    before_redis.heal()
    await used_again(cached, load, sandbox, token)


async def test_a_redis_that_swallows_everything_fails_no_operation_and_slows_few(
    cached, before_redis, load, sandbox, token
):
    true = await load(0)
    before_redis.befall("hang", hang=True)
    before_redis.reset_all()
    for _ in range(3):
        assert await load(0) == true
    # Of 300 operations few waited for Redis: after each that did it is left alone for a second.
    assert before_redis.befell["hang"] < 150
    assert cache_of(cached) != "ok"
    before_redis.heal()
    before_redis.reset_all()
    await used_again(cached, load, sandbox, token)


async def test_a_full_redis_fails_no_operation(cached, redis, load, sandbox, token):
    true = await load(0, count=30)
    with redis_client.Redis(port=redis.port) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        # What it has it still gives, what is new it refuses.
        assert await load(0, count=30) == true
        await load(1)
        calls = len(sandbox.calls(token))
        # That is in this process's memory alone.
        await load(1, count=10)
        assert len(sandbox.calls(token)) == calls
        client.config_set("maxmemory", 0)
    await used_again(cached, load, sandbox, token)
