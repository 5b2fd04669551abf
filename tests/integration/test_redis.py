"""A cache that replicas share."""

import time

import pytest

pytestmark = pytest.mark.redis

REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { sensor_id value } } }"""


@pytest.fixture(scope="module")
def redis_process(new_redis):
    redis = new_redis()
    yield redis
    redis.kill()


@pytest.fixture
def redis(redis_process):
    if redis_process._process is None:
        redis_process.start()
    return redis_process


@pytest.fixture(scope="module")
def replicas(launch, sandbox_process, redis_process):
    redis_process.start()
    return [launch.facade(sandbox_process.url, FACADE_CACHE_URL=redis_process.url) for _ in range(2)]


def test_what_one_replica_read_another_has(replicas, redis, sandbox, token, at_work):
    first, second = replicas
    cold = first.post(REPORT, at_work(), token=token)
    hot = second.post(REPORT, at_work(), token=token)
    assert [cold.headers["X-Cache"], hot.headers["X-Cache"]] == ["MISS", "HIT"]
    assert hot.json() == cold.json()
    assert hot.json()["data"]["report"]["rows"]
    assert len(sandbox.calls(token)) == 1


def test_redis_holds_no_token(replicas, redis, token, at_work):
    replicas[0].data(REPORT, at_work(), token=token)
    held = redis.everything()
    assert b"presence" in held
    assert token.encode() not in held
    assert b"eyJ" not in held


def test_a_refusal_at_one_replica_drops_what_the_token_had_at_all(replicas, redis, sandbox, token, at_work):
    first, second = replicas
    first.data(REPORT, at_work(), token=token)
    sandbox.fault("/api/v3/reporting", status=401)
    assert second.error(REPORT, at_work(days=1), token=token)["extensions"]["code"] == "UNAUTHENTICATED"
    assert first.error(REPORT, at_work(), token=token)["extensions"]["code"] == "UNAUTHENTICATED"


def test_without_redis_answers_go_on_and_the_log_says_so_once(replicas, redis, sandbox, token, at_work):
    first, _ = replicas
    first.data(REPORT, at_work(), token=token)
    assert first.request("GET", "/readyz").json()["cache"] == "ok"
    redis.kill()
    for days in range(1, 4):
        answer = first.post(REPORT, at_work(days=days), token=token)
        assert answer.json()["data"]["report"]["rows"]
        assert "errors" not in answer.json()
        assert answer.headers["X-Cache"] == "MISS"
    assert first.log().count("cache.down") == 1
    ready = first.request("GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json()["cache"] != "ok"
    assert "127.0.0.1" not in ready.json()["cache"]


def test_redis_that_comes_back_is_used_again(replicas, redis_process, sandbox, token, at_work):
    first, second = replicas
    redis_process.kill()
    first.data(REPORT, at_work(), token=token)
    redis_process.start()
    # After a failure a replica leaves Redis alone for a moment, and has its own memory meanwhile.
    deadline = time.monotonic() + 180
    for minutes in range(1, 1000):
        first.data(REPORT, at_work(minutes=minutes), token=token)
        if second.post(REPORT, at_work(minutes=minutes), token=token).headers["X-Cache"] == "HIT":
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
