import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import (
    CLIENT_LOGIN_PATH,
    DETECTIONS_PATH,
    LOGIN_PATH,
    NATIVE_PATH,
    REPORTING_PATH,
    STATS_PATH,
    BadInput,
    Butlr,
    InvalidResponse,
    TokenSet,
    Unauthenticated,
    UpstreamUnavailable,
    jwt_claims,
    jwt_expiry,
)

SESSION = {
    "access_token": "a.b.c",
    "refresh_token": "v1.r",
    "id_token": "i.d.t",
    "scope": "openid email",
    "expires_in": 86400,
    "token_type": "Bearer",
}


def jwt(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{payload}.c2ln"


async def test_each_login_posts_its_own_body_to_its_own_path(upstream):
    upstream.replies = [(200, SESSION)]

    assert await upstream.butlr.login("a@b.c", "pw") == TokenSet(**SESSION)
    await upstream.butlr.refresh("azp", "v1.r")
    await upstream.butlr.client_login("id", "secret")
    await upstream.butlr.client_login("id", "secret", "aud", "grant")

    assert [request.url.path for request in upstream.requests] == [
        LOGIN_PATH,
        "/api/v2/login/refresh",
        CLIENT_LOGIN_PATH,
        CLIENT_LOGIN_PATH,
    ]
    assert upstream.bodies == [
        {"username": "a@b.c", "password": "pw"},
        {"client_id": "azp", "refresh_token": "v1.r"},
        {
            "client_id": "id",
            "client_secret": "secret",
            "audience": "https://butlrauth/",
            "grant_type": "client_credentials",
        },
        {"client_id": "id", "client_secret": "secret", "audience": "aud", "grant_type": "grant"},
    ]
    assert not any("authorization" in request.headers for request in upstream.requests)


async def test_the_refresh_path_may_be_set(upstream):
    upstream.replies = [(200, SESSION)]
    await Butlr(upstream.http, refresh_path="/api/v2/refresh").refresh("azp", "v1.r")
    assert upstream.requests[0].url.path == "/api/v2/refresh"


@pytest.mark.parametrize("status", [401, 500, 503])
async def test_a_login_is_never_repeated(upstream, status):
    upstream.replies = [(status, b"")]
    for call in (
        upstream.butlr.login("u", "p"),
        upstream.butlr.refresh("c", "r"),
        upstream.butlr.client_login("i", "s"),
    ):
        with pytest.raises((Unauthenticated, UpstreamUnavailable)):
            await call
    assert len(upstream.requests) == 3


async def test_refused_credentials_are_not_called_a_token(upstream):
    upstream.replies = [(401, {"message": "wrong email or password"})]
    with pytest.raises(Unauthenticated, match="refused the credentials") as caught:
        await upstream.butlr.login("u", "hunter2")
    assert "token" not in str(caught.value)
    assert b"wrong email" in caught.value.body


async def test_a_400_passes_the_upstreams_reason_on(upstream):
    upstream.replies = [(400, {"message": "username must be an email"})]
    with pytest.raises(BadInput, match="username must be an email"):
        await upstream.butlr.login("u", "p")


@pytest.mark.parametrize("expires_in", [1000, 1000.0, "1000", "1000.0"])
async def test_expires_in_is_a_number_however_written(upstream, expires_in):
    upstream.replies = [(200, {"access_token": "t", "expires_in": expires_in})]
    session = await upstream.butlr.client_login("i", "s")
    assert (session.expires_in, type(session.expires_in)) == (1000, int)
    assert (session.token_type, session.refresh_token, session.id_token, session.scope) == (
        "Bearer",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("said", [{}, {"expires_in": None}, {"expires_in": 0}, {"expires_in": "soon"}])
async def test_a_lifetime_not_said_is_the_tokens_own_or_an_hour(upstream, said):
    butlr = Butlr(upstream.http, clock=lambda: 1000.0)
    upstream.replies = [
        (200, {"access_token": jwt(exp=1500), **said}),
        (200, {"access_token": jwt(exp=900), **said}),
        (200, {"access_token": "opaque", **said}),
    ]
    assert [(await butlr.client_login("i", "s")).expires_in for _ in range(3)] == [500, 3600, 3600]


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"null", b"{}", b'{"access_token":""}', b'{"access_token":7}', b"\xff"]
)
async def test_a_session_without_an_access_token_is_an_invalid_response(upstream, body):
    upstream.replies = [(200, body)]
    with pytest.raises(InvalidResponse, match=CLIENT_LOGIN_PATH):
        await upstream.butlr.client_login("i", "s")


def test_no_secret_shows_in_a_session():
    shown = repr(TokenSet(**SESSION))
    assert not any(SESSION[name] in shown for name in ("access_token", "refresh_token", "id_token"))
    assert "86400" in shown


async def test_the_time_series_calls_send_bytes_and_token_as_given(upstream):
    upstream.replies = [(200, b'{"data":[]}')]
    butlr = upstream.butlr
    for call in (butlr.reporting, butlr.detections, butlr.stats, butlr.native):
        assert (await call(b'{"a": 1}', "tok")).body == b'{"data":[]}'
    assert [request.url.path for request in upstream.requests] == [
        REPORTING_PATH,
        DETECTIONS_PATH,
        STATS_PATH,
        NATIVE_PATH,
    ]
    assert {request.content for request in upstream.requests} == {b'{"a": 1}'}
    assert {request.headers["authorization"] for request in upstream.requests} == {"Bearer tok"}


def test_claims_are_read_without_a_key():
    token = jwt(exp=5, azp="client", name="Zoë")
    assert jwt_claims(token) == {"exp": 5, "azp": "client", "name": "Zoë"}
    assert jwt_expiry(token) == 5.0
    assert jwt_expiry(jwt(azp="client")) is None
    assert jwt_expiry(jwt(exp="never")) is None


@given(st.text() | st.lists(st.text(alphabet="abcXYZ019-_=+/é"), min_size=3, max_size=3).map(".".join))
def test_an_opaque_token_has_no_claims(token):
    assert jwt_claims(token) is None
    assert jwt_expiry(token) is None
