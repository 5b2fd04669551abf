"""Searches all output of a run with many requests and faults for every secret that was used."""

import base64
import contextlib
import re
import time
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest

from facade.auth import Passthrough, Verified
from facade.butlr import HeldToken, Reply
from facade.settings import load

pytestmark = [pytest.mark.redis, pytest.mark.slow]

REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { value } } }"""
LOGIN = 'mutation ($password: String!) { login(username: "demo@example.com", password: $password) { access_token } }'
RENEW = """mutation ($token: String!) {
  refreshToken(client_id: "sandboxWebApp", refresh_token: $token) { access_token refresh_token } }"""
SECRETS = {
    "client secret": "demo-secret",
    "password": "demo-password",
    "wrong password": "wr0ng-pa55-w0rd",
    "API key": "an-api-key-5ec4e7",
    "wrong API key": "a-wrong-key-5ec4e7",
    "Redis password": "redis-pa55-w0rd",
    "usage key": "a-usage-key-5ec4e7",
    "made-up token": "made-up-t0ken.of-n0body.x",
}
# The header of a JWT: of the service's own token no more is known here.
JWT = re.compile(rb"eyJ[\w-]{10,}")


@dataclass
class Run:
    """What was written, by where; and the secrets by their names."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    written: dict[str, bytes] = field(default_factory=dict)

    def answered(self, what: str, answer: httpx.Response, *, is_login: bool = False) -> httpx.Response:
        """Keep an answer's headers and body; a good login's body is the tokens that its caller asked for."""
        self.written[f"headers of {what}"] = repr(answer.headers.multi_items()).encode()
        if not is_login:
            self.written[f"body of {what}"] = answer.content
        return answer

    def found(self) -> list[tuple[str, str]]:
        found = [
            (where, name)
            for where, text in self.written.items()
            for name, secret in self.secrets.items()
            if any(form in text for form in _forms(secret))
        ]
        return found + [(where, "a JWT") for where, text in self.written.items() if JWT.search(text)]


def _forms(secret):
    raw = secret.encode()
    return {raw, quote(secret, safe="").encode(), base64.b64encode(raw).rstrip(b"="), raw.hex().encode()}


@pytest.fixture(scope="module")
def redis(new_redis):
    redis = new_redis(SECRETS["Redis password"])
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture(scope="module")
def noisy(launch, redis, tmp_path_factory, at_work):
    """One run: a sandbox of its own, a facade of each kind, and all that can go wrong with them."""
    folder = tmp_path_factory.mktemp("audit")
    run = Run()
    sandbox = launch.sandbox(sensors=10)
    common = {"FACADE_CACHE_URL": redis.url, "FACADE_RATE_LIMIT": "10000/minute", "FACADE_UPSTREAM_RETRIES": "0"}
    facades = {
        "service": launch.facade(
            sandbox.url,
            **common,
            FACADE_AUTH="service",
            BUTLR_CLIENT_ID="demo-client",
            BUTLR_CLIENT_SECRET=SECRETS["client secret"],
            FACADE_API_KEYS=SECRETS["API key"],
            FACADE_USAGE_KEY=SECRETS["usage key"],
            FACADE_LOG_FORMAT="text",
            FACADE_AUDIT_LOG="stderr",
        ),
        "passthrough": launch.facade(
            sandbox.url, **common, FACADE_AUDIT_LOG=str(folder / "passthrough"), FACADE_FORWARD_UNKNOWN="true"
        ),
        "verifying": launch.facade(
            sandbox.url,
            **common,
            FACADE_AUDIT_LOG=str(folder / "verifying"),
            FACADE_JWKS_URL=f"{sandbox.url}/.well-known/jwks.json",
        ),
    }
    token = run.secrets["client's token"] = sandbox.login()
    user = {"username": "demo@example.com", "password": SECRETS["password"]}
    for name, facade in facades.items():
        key = SECRETS["API key"] if name == "service" else token
        _logins(run, name, facade, user)
        _reads(run, name, facade, key, at_work)
        _hostile(run, name, facade, key)
        # Of the upstream's words the message alone gets through, and no token in it.
        body = f'{{"message": "Token {token} is not good", "debug": "{SECRETS["client secret"]}"}}'
        for status in (401, 403, 422, 500):
            sandbox.fault("/api/v3/reporting", status=status, body=body)
            run.answered(f"{name}: a fault {status}", facade.post(REPORT, at_work(days=2), token=key))
        sandbox.no_faults()
    run.written["Redis"] = redis.everything()
    redis.kill()
    for name, facade in facades.items():
        key = SECRETS["API key"] if name == "service" else token
        run.answered(f"{name}: without Redis", facade.post(REPORT, at_work(days=3), token=key))
        run.answered(f"{name}: ready without Redis", facade.request("GET", "/readyz"))
    redis.start()
    time.sleep(1.1)
    for name, facade in facades.items():
        key = SECRETS["API key"] if name == "service" else token
        run.answered(f"{name}: with Redis again", facade.post(REPORT, at_work(days=4), token=key))
    run.written["Redis, once more"] = redis.everything()
    sandbox.stop()
    for name, facade in facades.items():
        key = SECRETS["API key"] if name == "service" else token
        run.answered(f"{name}: without the upstream", facade.post(REPORT, at_work(days=5), token=key))
        for path in ("/metrics", "/healthz", "/readyz"):
            run.answered(f"{name}: {path}", facade.request("GET", path))
        facade.stop()
        run.written[f"log of {name}"] = facade.log().encode()
    for name in ("passthrough", "verifying"):
        run.written[f"audit log of {name}"] = (folder / name).read_bytes()
    return run


def _logins(run, name, facade, user):
    session = run.answered(
        f"{name}: REST login", facade.request("POST", "/api/v2/login", json=user), is_login=True
    ).json()
    run.secrets |= {f"{kind} by {name}": session[kind] for kind in ("access_token", "refresh_token", "id_token")}
    keyed = {"headers": {"X-API-Key": SECRETS["API key"]}}
    answer = facade.post(LOGIN, {"password": SECRETS["password"]}, **keyed)
    run.secrets[f"mutation's token by {name}"] = run.answered(f"{name}: login", answer, is_login=True).json()["data"][
        "login"
    ]["access_token"]
    answer = facade.post(RENEW, {"token": session["refresh_token"]}, **keyed)
    renewed = run.answered(f"{name}: renewal", answer, is_login=True).json()["data"]["refreshToken"]
    run.secrets |= {f"renewed {kind} by {name}": value for kind, value in renewed.items()}
    run.answered(f"{name}: renewal, again", facade.post(RENEW, {"token": session["refresh_token"]}, **keyed))
    run.answered(f"{name}: wrong password", facade.post(LOGIN, {"password": SECRETS["wrong password"]}, **keyed))
    wrong = {**user, "password": SECRETS["wrong password"]}
    run.answered(f"{name}: wrong password by REST", facade.request("POST", "/api/v2/login", json=wrong))
    inline = LOGIN.replace("$password)", f'"{SECRETS["wrong password"]}", oops: 1)').replace("($password: String!)", "")
    run.answered(f"{name}: a login that is no valid operation", facade.post(inline, **keyed))
    client = {"client_id": "demo-client", "client_secret": SECRETS["client secret"], "audience": 1}
    run.answered(f"{name}: a client's login, wrong", facade.request("POST", "/api/v2/clients/login", json=client))


def _reads(run, name, facade, key, at_work):
    for number in range(2):
        run.answered(f"{name}: read {number}", facade.post(REPORT, at_work(), token=key))
    run.answered(f"{name}: v2", facade.request("GET", "/api/v2/sensors", headers={"Authorization": f"Bearer {key}"}))
    body = {"filter": {"measurements": ["presence"], **at_work()}}
    run.answered(
        f"{name}: REST",
        facade.request("POST", "/api/v3/reporting", json=body, headers={"Authorization": f"Bearer {key}"}),
    )
    page = run.answered(f"{name}: page", facade.request("GET", "/graphql", headers={"Accept": "text/html"}))
    assert page.headers["content-type"].startswith("text/html")


def _hostile(run, name, facade, key):
    token = SECRETS["made-up token"]
    bearer = {"Authorization": f"Bearer {key}"}
    run.answered(f"{name}: made-up token", facade.post("{ sensors { data { id } } }", token=token))
    run.answered(f"{name}: wrong key", facade.post("{ __typename }", headers={"X-API-Key": SECRETS["wrong API key"]}))
    asks = {
        "query string": ("GET", f"/graphql?access_token={token}&query={{__typename}}", {}),
        "unknown path": ("GET", f"/api/v9/things?token={token}", {}),
        "not found": ("GET", f"/nowhere?token={token}", {}),
        "no JSON": ("POST", "/graphql", {"content": f"password={SECRETS['password']}"}),
        "a cut body": ("POST", "/graphql", {"content": f'{{"query": "{SECRETS["password"]}'}),
        "no UTF-8": ("POST", "/graphql", {"content": SECRETS["password"].encode() + b"\xff\xfe"}),
        "REST, no JSON": ("POST", "/api/v3/reporting", {"content": SECRETS["password"]}),
        "two bearers": ("POST", "/graphql", {"headers": {"Authorization": f"Bearer {token} {token}"}}),
        "another scheme": ("POST", "/graphql", {"headers": {"Authorization": f"Basic {token}"}}),
        "usage": ("GET", "/usage", {"headers": {"Authorization": f"Bearer {SECRETS['usage key']}"}}),
    }
    for what, (method, path, options) in asks.items():
        headers = {**bearer, "Content-Type": "application/json", **options.pop("headers", {})}
        run.answered(f"{name}: {what}", facade.request(method, path, headers=headers, **options))
    with contextlib.suppress(httpx.HTTPError):
        # A header that is none.
        facade.request("GET", "/healthz", headers={"X-Request-Id": "x" * 70_000, **bearer})


def test_nothing_written_holds_a_secret(noisy):
    assert noisy.found() == []


def test_the_run_was_noisy_and_the_search_finds_what_is_there(noisy):
    logs = b"".join(text for where, text in noisy.written.items() if where.startswith("log of"))
    for event in (b"cache.down", b"cache.back", b"request", b"/api/v2/login", b'"type":"mutation"'):
        assert event in logs
    assert b"is not good" in b"".join(noisy.written.values())
    assert b"presence" in noisy.written["Redis"]
    assert b"facade:login:" in noisy.written["Redis"]
    assert len(noisy.secrets) > 20
    for name, secret in noisy.secrets.items():
        for form in _forms(secret):
            planted = Run(noisy.secrets, {"somewhere": b"before " + form + b" after"})
            assert ("somewhere", name) in planted.found()


def test_what_is_printed_of_an_object_holds_no_secret():
    settings = load(
        client_id="id",
        client_secret=SECRETS["client secret"],
        api_keys=[SECRETS["API key"]],
        cache_url=f"redis://:{SECRETS['Redis password']}@127.0.0.1/0",
    )
    token = SECRETS["made-up token"]
    objects = [
        settings,
        settings.model_dump(),
        Passthrough(token),
        Verified(token, {"exp": 1}, tenant_claim="tenant"),
        HeldToken(token, 1.0, 2.0),
        Reply(200, {"set-cookie": token}, token.encode()),
    ]
    text = "".join(f"{thing!r} {thing}" for thing in objects)
    assert [name for name, secret in SECRETS.items() if secret in text] == []
