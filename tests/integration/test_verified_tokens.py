"""A facade that verifies tokens by their issuer's keys."""

import base64
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

SENSORS = "{ sensors { data { id } } }"
REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { sensor_id value } } }"""
TENANT = "http://butlr.io/client_id"
ISSUER, AUDIENCE = "https://issuer.test/", "https://butlrauth/"


class Issuer:
    """Signs tokens, and serves the keys to verify them with."""

    def __init__(self):
        self.keys = {name: generate_private_key(65537, 2048) for name in ("one", "two", "foreign")}
        self.published = ["one"]
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"keys": [issuer._jwk(kid) for kid in issuer.published]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def token(self, kid="one", *, signed_by=None, alg="RS256", key=None, **claims):
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, "sub": "me", TENANT: "acme", **claims}
        return jwt.encode(claims, key or self.keys[signed_by or kid], alg, headers={"kid": kid})

    def _jwk(self, kid):
        return {**RSAAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True), "kid": kid, "use": "sig"}


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever)
    thread.start()
    yield issuer
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


@pytest.fixture(scope="module")
def verifying(launch, sandbox_process):
    """It verifies what the sandbox signs."""
    return launch.facade(sandbox_process.url, FACADE_JWKS_URL=f"{sandbox_process.url}/.well-known/jwks.json")


@pytest.fixture(scope="module")
def strict(launch, stand_in_server, issuer):
    """It verifies what the test's own issuer signs, for one audience."""
    return launch.facade(
        stand_in_server.url, FACADE_JWKS_URL=issuer.url, FACADE_JWT_ISSUER=ISSUER, FACADE_JWT_AUDIENCE=f"x,{AUDIENCE}"
    )


def cache_of(answer):
    assert "errors" not in answer.json(), answer.json()["errors"]
    return answer.headers["X-Cache"]


def test_a_refreshed_token_finds_the_cache_warm(verifying, sandbox, at_work):
    first, second = sandbox.login(), sandbox.login()
    cold = verifying.post(REPORT, at_work(days=3), token=first)
    hot = verifying.post(REPORT, at_work(days=3), token=second)
    assert [cache_of(cold), cache_of(hot)] == ["MISS", "HIT"]
    assert hot.json() == cold.json()
    assert not sandbox.calls(second)


def test_a_refreshed_token_of_a_user_finds_the_users_cache(verifying, sandbox, at_work):
    login = {"username": "demo@example.com", "password": "demo-password"}
    tokens = [sandbox.request("POST", "/api/v2/login", json=login).json()["access_token"] for _ in range(2)]
    assert [cache_of(verifying.post(REPORT, at_work(days=4), token=token)) for token in tokens] == ["MISS", "HIT"]
    # A client of the same tenant is another subject, with permissions of its own.
    assert cache_of(verifying.post(REPORT, at_work(days=4), token=sandbox.login())) == "MISS"


def test_a_lesser_user_of_the_tenant_reads_nothing_of_a_greater_ones(verifying, sandbox, at_work):
    verifying.data(REPORT, at_work(days=5), token=sandbox.login())
    limited = sandbox.login("limited")
    error = verifying.error(REPORT, at_work(days=5), token=limited)
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert len(sandbox.calls(limited)) == 1


def test_another_tenant_reads_its_own(verifying, sandbox, at_work):
    ours = verifying.data(SENSORS, token=sandbox.login())
    answer = verifying.post(SENSORS, token=sandbox.login("other"))
    assert cache_of(answer) == "MISS"
    assert answer.json()["data"] != ours


@pytest.mark.parametrize("status", [401])
def test_a_token_that_is_refused_reads_nothing_and_the_others_of_its_scope_are_served(
    verifying, sandbox, at_work, status
):
    refused, other = sandbox.login(), sandbox.login()
    span = at_work(days=6, minutes=status)
    verifying.data(REPORT, span, token=refused)
    sandbox.fault("/api/v3/reporting", times=1, status=status, body='{"message": "revoked"}')
    assert verifying.ask(REPORT, at_work(days=7, minutes=status), token=refused)["errors"]
    # Dropped, and asked for anew.
    assert cache_of(verifying.post(REPORT, span, token=other)) == "MISS"
    sandbox.fault("/api/v3/reporting", times=1, status=status, body='{"message": "revoked"}')
    assert verifying.ask(REPORT, span, token=refused)["errors"]


def signed_with_a_secret(claims, secret):
    """The library refuses to make such a token."""

    def part(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    signed = f"{part(json.dumps({'alg': 'HS256', 'kid': 'one'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.fixture
def wrong(issuer, request):
    secret = (
        issuer.keys["one"]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, TENANT: "acme"}
    return {
        "signature": lambda: issuer.token(signed_by="foreign"),
        "expired": lambda: issuer.token(exp=1),
        "audience": lambda: issuer.token(aud="https://elsewhere/"),
        "issuer": lambda: issuer.token(iss="https://elsewhere.test/"),
        "none": lambda: jwt.encode(claims, "", "none", headers={"kid": "one"}),
        "the public key as a secret": lambda: signed_with_a_secret(claims, secret),
        "opaque": lambda: "v1.nothing",
    }[request.param]()


@pytest.mark.parametrize(
    "wrong",
    ["signature", "expired", "audience", "issuer", "none", "the public key as a secret", "opaque"],
    indirect=True,
)
def test_a_token_that_is_not_good_is_401_before_anything_is_asked(strict, stand_in, wrong):
    assert "errors" not in strict.ask("{ __typename }")
    for answer in (
        strict.post(SENSORS, token=wrong),
        strict.post("{ __typename }", token=wrong),
        strict.request("POST", "/api/v3/reporting", json={"filter": {}}, headers={"Authorization": f"Bearer {wrong}"}),
        strict.request("GET", "/api/v2/sensors", headers={"Authorization": f"Bearer {wrong}"}),
    ):
        assert answer.status_code == 401
        assert "data" not in answer.json()
        assert answer.headers["Cache-Control"] == "no-store"
        assert wrong not in answer.text
    error = strict.error(SENSORS, token=wrong)
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["message"].startswith("The token is refused: ")
    assert not stand_in.asked
    assert wrong not in strict.log()


def test_keys_are_rotated_while_it_runs(launch, stand_in, issuer):
    facade = launch.facade(stand_in.url, FACADE_JWKS_URL=issuer.url)
    try:
        issuer.published = ["two"]
        stand_in.answers("/api/v3/reporting", {"data": []})
        query = '{ report(filter: {start: "-1h", measurements: [presence]}) { rows { value } } }'
        assert "errors" not in facade.ask(query, token=issuer.token("two"))
        assert facade.error(query, token=issuer.token("one"))["extensions"]["code"] == "UNAUTHENTICATED"
        assert len(stand_in.asked) == 1
    finally:
        issuer.published = ["one"]
        facade.stop()


def test_without_keys_every_token_is_refused_and_told_why(launch, stand_in, issuer):
    facade = launch.facade(stand_in.url, FACADE_JWKS_URL="http://127.0.0.1:9/jwks.json")
    answer = facade.post(SENSORS, token=issuer.token())
    assert (answer.status_code, answer.headers["Retry-After"]) == (401, "2")
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED", "retryAfter": 2.0}
    assert "FACADE_JWKS_URL" in error["message"]
    assert not stand_in.asked
    facade.stop()
