"""A facade that logs in by itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest

SENSORS = "{ sensors { data { id } } }"
REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { value } } }"""
LOGIN = "/api/v2/clients/login"
SERVICE = {"FACADE_AUTH": "service", "BUTLR_CLIENT_ID": "demo-client", "BUTLR_CLIENT_SECRET": "demo-secret"}


@pytest.fixture
def service(launch, upstream):
    """Fresh for each test: it has not logged in yet."""
    facade = launch.facade(upstream.url, **SERVICE)
    yield facade
    facade.stop()


def logins(upstream):
    return sum(call["path"] == LOGIN for call in upstream.calls())


def test_callers_need_no_token_and_one_login_serves_them_all(service, upstream, at_work):
    upstream.configure(latency_ms=100)
    spans = [at_work(minutes=minutes) for minutes in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda span: service.ask(REPORT, span), spans))
    assert all("errors" not in answer for answer in answers)
    assert service.data(SENSORS)
    assert logins(upstream) == 1
    # Twenty reports, the login, and the two calls that find sensors.
    assert len(upstream.calls()) == 23


def test_a_refused_token_is_renewed_once_and_the_call_repeated(service, upstream, at_work):
    service.data(REPORT, at_work())
    upstream.fault("/api/v3/reporting", times=1, status=401, body='{"message": "Token is revoked"}')
    assert service.data(REPORT, at_work(days=1))["report"]["rows"]
    assert logins(upstream) == 2


def test_a_token_refused_again_after_its_renewal_is_unauthenticated(service, upstream, at_work):
    service.data(REPORT, at_work())
    upstream.fault("/api/v3/reporting", status=401, body='{"message": "Token is revoked"}')
    error = service.error(REPORT, at_work(days=1))
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert logins(upstream) == 2


def test_a_service_whose_credentials_are_wrong_says_so_without_them(launch, upstream, at_work):
    service = launch.facade(upstream.url, **{**SERVICE, "BUTLR_CLIENT_SECRET": "a-wrong-secret"})
    answer = service.post(REPORT, at_work())
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "BUTLR_CLIENT_SECRET" in error["message"]
    assert "a-wrong-secret" not in answer.text + service.log()
    service.stop()


class TestApiKeys:
    @pytest.fixture
    def keyed(self, launch, upstream):
        facade = launch.facade(upstream.url, **SERVICE, FACADE_API_KEYS="first-key, second-key")
        yield facade
        facade.stop()

    def test_a_key_is_taken_from_either_header_and_nothing_else_is(self, keyed, upstream):
        for headers in (
            {"X-API-Key": "first-key"},
            {"X-API-Key": "second-key"},
            {"Authorization": "Bearer second-key"},
        ):
            assert keyed.data(SENSORS, headers=headers)["sensors"]["data"]
        for headers in (
            {},
            {"X-API-Key": "wrong-key"},
            {"X-API-Key": ""},
            {"Authorization": "Bearer wrong-key"},
            {"Authorization": f"Bearer {upstream.login()}"},
        ):
            answer = keyed.post(SENSORS, headers=headers)
            assert answer.status_code == 401
            assert "data" not in answer.json()
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "UNAUTHENTICATED"
            assert "X-API-Key" in error["message"]
            assert answer.headers["Cache-Control"] == "no-store"
        assert "first-key" not in keyed.log()
        assert "wrong-key" not in keyed.log()
