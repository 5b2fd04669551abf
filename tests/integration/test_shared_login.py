"""One login of the service for all replicas."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.redis

LOGIN = "/api/v2/clients/login"
SERVICE = {"FACADE_AUTH": "service", "BUTLR_CLIENT_ID": "demo-client", "BUTLR_CLIENT_SECRET": "demo-secret"}
REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { value } } }"""


@pytest.fixture
def redis(new_redis):
    redis = new_redis()
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture
def replicas(launch, upstream, redis):
    replicas = [launch.facade(upstream.url, **SERVICE, FACADE_CACHE_URL=redis.url) for _ in range(2)]
    yield replicas
    for replica in replicas:
        replica.stop()


def logins(upstream):
    return sum(call["path"] == LOGIN for call in upstream.calls())


def tokens(upstream):
    return {call["token_hash"] for call in upstream.calls() if call["path"] != LOGIN}


def test_replicas_that_start_together_log_in_once(replicas, upstream, redis, at_work):
    upstream.configure(latency_ms=100)
    with ThreadPoolExecutor(10) as pool:
        asks = [(replica, at_work(minutes=minutes)) for minutes in range(1, 6) for replica in replicas]
        assert all("errors" not in answer for answer in pool.map(lambda ask: ask[0].ask(REPORT, ask[1]), asks))
    assert logins(upstream) == 1
    assert len(tokens(upstream)) == 1


def test_redis_does_not_tell_the_token(replicas, upstream, redis, at_work):
    for replica in replicas:
        replica.data(REPORT, at_work())
    held = redis.everything()
    (hashed,) = tokens(upstream)
    assert b"login:" in held
    with redis.client() as client:
        (name,) = client.keys("facade:login:*")
        sealed = client.get(name)
        assert 0 < client.ttl(name) <= 86_400
    for text in (held, sealed, base64.b64decode(sealed)):
        # Of JSON with `alg` in it: three letters alone may stand in any base64.
        assert b"eyJhbGciOi" not in text
        assert b"demo-client" not in text
        assert b"demo-secret" not in text
        assert hashlib.sha256(text).hexdigest()[:12] != hashed


def test_the_successor_of_a_refused_token_is_one_for_all(replicas, upstream, at_work):
    for minutes, replica in enumerate(replicas, 1):
        replica.data(REPORT, at_work(minutes=minutes))
    for days, replica in enumerate(replicas, 1):
        upstream.fault("/api/v3/reporting", times=1, status=401, body='{"message": "Token is revoked"}')
        assert replica.data(REPORT, at_work(days=days))["report"]["rows"]
    assert logins(upstream) == 2
    assert len(tokens(upstream)) == 2


def test_without_redis_each_logs_in_for_itself(replicas, upstream, redis, at_work):
    redis.kill()
    for replica in replicas:
        assert replica.data(REPORT, at_work())["report"]["rows"]
        assert replica.data(REPORT, at_work(days=1))["report"]["rows"]
    assert logins(upstream) == 2
