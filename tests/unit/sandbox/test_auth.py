import jwt
import pytest

USER = {"username": "demo@example.com", "password": "demo-password"}
CLIENT = {
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "audience": "https://butlrauth/",
    "grant_type": "client_credentials",
}
PATHS = ["/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"]


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
async def anonymous(sandbox):
    return await sandbox(log_in=False)


async def test_a_user_gets_six_fields_and_a_token_with_butlrs_claims(anonymous, clock):
    reply = (await anonymous.http.post("/api/v2/login", json=USER)).json()

    assert set(reply) == {*("access_token", "refresh_token", "id_token", "scope", "expires_in", "token_type")}
    assert reply["refresh_token"].startswith("v1.")
    assert (reply["token_type"], reply["expires_in"]) == ("Bearer", 86_400)
    token = claims(reply["access_token"])
    assert token["http://butlr.io/client_id"].startswith("client_")
    assert token["exp"] == int(clock.now) + 86_400
    assert (token["gty"], token["permissions"]) == ("password", [])
    assert {"iss", "sub", "aud", "iat", "scope", "azp"} <= set(token)


async def test_a_client_gets_no_refresh_token(anonymous):
    reply = (await anonymous.http.post("/api/v2/clients/login", json=CLIENT)).json()

    assert set(reply) == {"access_token", "scope", "expires_in", "token_type"}
    assert "read:sensors" in claims(reply["access_token"])["permissions"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v2/login", {**USER, "password": "wrong"}),
        ("/api/v2/login", {**USER, "username": "nobody@example.com"}),
        ("/api/v2/clients/login", {**CLIENT, "client_secret": "wrong"}),
        ("/api/v2/clients/login", {**CLIENT, "client_id": "nobody"}),
        ("/api/v2/login/refresh", {"refresh_token": "v1.none", "client_id": "sandboxWebApp"}),
    ],
)
async def test_wrong_credentials_are_401_with_a_message(anonymous, path, body):
    reply = await anonymous.http.post(path, json=body)

    assert reply.status_code == 401
    assert list(reply.json()) == ["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v2/login", {"username": "demo@example.com"}, "password"),
        ("/api/v2/clients/login", {**CLIENT, "audience": "https://elsewhere/"}, "audience"),
        ("/api/v2/clients/login", {**CLIENT, "grant_type": "password"}, "grant_type"),
        ("/api/v2/login/refresh", {"client_id": "x"}, "refresh_token"),
    ],
)
async def test_a_malformed_login_is_400_with_the_field(anonymous, path, body, field):
    reply = await anonymous.http.post(path, json=body)

    assert reply.status_code == 400
    assert [error["field"] for error in reply.json()["errors"]] == [field]


async def test_a_refresh_token_is_good_once_and_brings_all_new_tokens(anonymous):
    first = (await anonymous.http.post("/api/v2/login", json=USER)).json()
    ask = {"refresh_token": first["refresh_token"], "client_id": claims(first["access_token"])["azp"]}

    second = await anonymous.http.post("/api/v2/login/refresh", json=ask)
    again = await anonymous.http.post("/api/v2/login/refresh", json=ask)

    assert set(second.json()) == set(first)
    assert all(second.json()[name] != first[name] for name in ("access_token", "refresh_token", "id_token"))
    assert again.status_code == 401
    ask["refresh_token"] = second.json()["refresh_token"]
    assert (await anonymous.http.post("/api/v2/login/refresh", json=ask)).status_code == 200


async def test_a_refresh_needs_the_tokens_own_client_id(anonymous):
    first = (await anonymous.http.post("/api/v2/login", json=USER)).json()

    reply = await anonymous.http.post(
        "/api/v2/login/refresh", json={"refresh_token": first["refresh_token"], "client_id": "demo-client"}
    )

    assert reply.status_code == 401


async def test_the_refresh_path_is_a_setting(sandbox):
    api = await sandbox(log_in=False, refresh_path="/api/v2/refresh")
    tokens = (await api.http.post("/api/v2/login", json=USER)).json()
    ask = {"refresh_token": tokens["refresh_token"], "client_id": claims(tokens["access_token"])["azp"]}

    assert (await api.http.post("/api/v2/login/refresh", json=ask)).status_code == 404
    assert (await api.http.post("/api/v2/refresh", json=ask)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer garbage", "Basic ZGVtbzpkZW1v"])
async def test_no_call_is_answered_without_a_token(anonymous, path, header):
    reply = await anonymous.http.post(path, json={}, headers={"Authorization": header} if header else {})

    assert reply.status_code == 401
    assert reply.json()["message"]


async def test_a_token_signed_elsewhere_is_refused(api):
    own = api.http.headers["Authorization"].removeprefix("Bearer ")
    forged = jwt.encode(claims(own), "a key of one's own, long enough for HS256", algorithm="HS256")

    reply = await api.http.post(PATHS[0], json={}, headers={"Authorization": f"Bearer {forged}"})

    assert reply.status_code == 401


async def test_a_token_ends_by_the_sandboxs_clock(sandbox, clock):
    api = await sandbox(token_ttl=60)
    ask = {"start": "2025-10-15T19:00:00Z", "stop": "2025-10-15T19:01:00Z"}

    clock.now += 59
    assert (await api.report(filter=ask)).status_code == 200
    clock.now += 1
    assert (await api.report(filter=ask)).status_code == 401
    await api.log_in()
    assert (await api.report(filter=ask)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_without_the_scope_is_403(api, path):
    await api.log_in(client_id="limited-client", client_secret="limited-secret")

    assert (await api.http.post(path, json={})).status_code == 403


async def test_tenants_have_campuses_of_their_own(api):
    ask = {"start": "-1h", "value": {"gte": 0}, "measurements": ["presence"]}
    mine = {row["sensor_id"] for row in await api.rows(**ask)}
    await api.log_in(client_id="other-client", client_secret="other-secret")
    theirs = {row["sensor_id"] for row in await api.rows(**ask)}

    assert mine
    assert theirs
    assert mine.isdisjoint(theirs)
    assert await api.rows(**ask, sensors={"eq": list(mine)}) == []


async def test_a_user_and_a_client_of_one_tenant_see_the_same(api):
    rows = await api.rows(start="-1h")
    user = (await api.http.post("/api/v2/login", json=USER)).json()
    api.http.headers["Authorization"] = f"Bearer {user['access_token']}"

    assert await api.rows(start="-1h") == rows


async def test_tokens_verify_against_the_published_keys(api):
    token = api.http.headers["Authorization"].removeprefix("Bearer ")
    keys = jwt.PyJWKSet.from_dict((await api.http.get("/.well-known/jwks.json")).json())

    verified = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience="https://butlrauth/",
        options={"verify_exp": False, "verify_iat": False},
    )

    assert verified["http://butlr.io/client_id"]
