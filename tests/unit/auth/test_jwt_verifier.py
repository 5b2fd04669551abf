"""Which tokens are valid, by which keys, and which callers share answers."""

from __future__ import annotations

import base64
import hmac
import json
import time
from hashlib import sha256

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from facade.auth import Verified, tenant_scopes
from facade.auth.jwks import Keys
from facade.auth.jwt_verifier import Verifier
from facade.butlr import Http, Unauthenticated

TENANT = "http://butlr.io/client_id"
ISSUER, AUDIENCE = "https://issuer.test/", "https://butlrauth/"


@pytest.fixture(scope="session")
def signers():
    """Private keys by their ids. The RSA keys are 2048 bits long, which takes a while to find."""
    return {
        "one": rsa.generate_private_key(65537, 2048),
        "two": rsa.generate_private_key(65537, 2048),
        "curve": ec.generate_private_key(ec.SECP256R1()),
        "edwards": ed25519.Ed25519PrivateKey.generate(),
        "foreign": rsa.generate_private_key(65537, 2048),
    }


def jwk(kid, private, **more):
    algorithms = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm = next((found for type_, found in algorithms.items() if isinstance(private, type_)), OKPAlgorithm)
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, **more}


class Issuer:
    """Serves keys, and counts how often it is asked for them."""

    def __init__(self, signers):
        self.signers = signers
        self.asked = 0
        self.now = 1000.0
        self.down = False
        self.body = None
        self.publishes("one")
        http = Http("https://issuer.test", transport=httpx.MockTransport(self._answer))
        self.keys = Keys("https://issuer.test/keys.json", http=http, clock=lambda: self.now)

    def publishes(self, *kids, **more):
        self.body = json.dumps({"keys": [jwk(kid, self.signers[kid], **more) for kid in kids]})

    def verifier(self, **options):
        return Verifier(self.keys, **{"issuer": ISSUER, "audience": [AUDIENCE, "https://other/"], **options})

    def token(self, kid="one", *, alg="RS256", signed_by=None, headers=None, **claims):
        now = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 600, "sub": "me", TENANT: "acme", **claims}
        whole = {name: value for name, value in whole.items() if value is not None}
        named = {"kid": kid} if kid else {}
        return jwt.encode(whole, self.signers[signed_by or kid], alg, headers={**named, **(headers or {})})

    def _answer(self, request):
        assert request.url.path == "/keys.json"
        self.asked += 1
        return httpx.Response(503) if self.down else httpx.Response(200, text=self.body)


@pytest.fixture
async def issuer(signers):
    issuer = Issuer(signers)
    yield issuer
    await issuer.keys.aclose()


async def refusal(verifier, token):
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verified(token)
    assert token not in str(caught.value)
    return caught.value


async def test_a_good_token_is_verified_and_goes_upstream_as_it_is(issuer):
    token = issuer.token(permissions=["read:sensors"])
    caller = await issuer.verifier().verified(token)
    assert (caller.verified, await caller.token(), caller.renew(token)) == (True, token, False)
    assert caller.expires == jwt.decode(token, options={"verify_signature": False})["exp"]
    assert caller.tenant == "acme"
    assert token not in repr(caller)


@pytest.mark.parametrize(("kid", "alg"), [("one", "RS256"), ("one", "PS384"), ("curve", "ES256"), ("edwards", "EdDSA")])
async def test_the_usual_algorithms_of_key_pairs_are_taken(issuer, kid, alg):
    issuer.publishes("one", "curve", "edwards")
    assert (await issuer.verifier().verified(issuer.token(kid, alg=alg))).verified


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "lacks"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iss": "https://elsewhere.test/"}, "another issuer"),
        ({"iss": None}, "lacks"),
        ({"aud": "https://elsewhere/"}, "another audience"),
        ({"aud": None}, "lacks"),
        ({"signed_by": "foreign"}, "signature"),
        ({"kid": "unknown", "signed_by": "foreign"}, "no such key"),
    ],
)
async def test_a_token_that_is_not_good_is_refused_and_told_why(issuer, wrong, reason):
    assert reason in str(await refusal(issuer.verifier(), issuer.token(**wrong)))


async def test_clocks_may_differ_by_seconds(issuer):
    now = int(time.time())
    caller = await issuer.verifier().verified(issuer.token(nbf=now + 5, exp=now - 5))
    # It goes upstream, and reads nothing kept.
    assert caller.expires < now


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_token_that_nobody_signed_is_refused(issuer):
    claims = issuer.token().split(".")[1]
    for alg in ("none", "None", "NONE", ""):
        await refusal(issuer.verifier(), f"{part({'alg': alg, 'kid': 'one'})}.{claims}.")


async def test_a_public_key_is_no_shared_secret(issuer):
    """Who knows the public key could otherwise sign with it, as with a secret."""
    public = issuer.signers["one"].public_key()
    claims = issuer.token().split(".")[1]
    spellings = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk("one", issuer.signers["one"])).encode(),
    ]
    for secret in spellings:
        signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{claims}"
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), sha256)).rstrip(b"=").decode()
        assert "not signed as" in str(await refusal(issuer.verifier(), f"{signed}.{signature}"))


async def test_a_shared_secret_among_the_keys_is_not_used(issuer):
    secret = b"0" * 32
    oct_ = {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(secret).decode()}
    issuer.body = json.dumps({"keys": [oct_, jwk("one", issuer.signers["one"])]})
    token = jwt.encode({"exp": int(time.time()) + 600}, secret, "HS256", headers={"kid": "shared"})
    await refusal(issuer.verifier(issuer=None, audience=[]), token)


async def test_a_key_is_used_for_what_it_is_published_for(issuer):
    issuer.publishes("one", alg="RS256")
    await refusal(issuer.verifier(), issuer.token(alg="RS512"))
    issuer.publishes("two", use="enc")
    issuer.now += 60
    await refusal(issuer.verifier(), issuer.token("two"))


@pytest.mark.parametrize("made_up", ["nonsense", "a.b.c", "..", "\N{SNOWMAN}", "eyJhbGciOiJSUzI1NiJ9." + "x" * 100_000])
async def test_what_is_no_jwt_is_refused(issuer, made_up):
    await refusal(issuer.verifier(), made_up)


async def test_without_a_key_id_each_key_is_tried(issuer):
    issuer.publishes("one", "two")
    for kid in ("one", "two"):
        assert await issuer.verifier().verified(issuer.token(None, signed_by=kid))
    await refusal(issuer.verifier(), issuer.token(None, signed_by="foreign"))


@pytest.mark.parametrize("order", [("one", "curve"), ("curve", "one")])
async def test_an_rsa_and_an_ec_key_may_share_an_id(issuer, order):
    issuer.body = json.dumps({"keys": [jwk("shared", issuer.signers[kid]) for kid in order]})
    assert await issuer.verifier().verified(issuer.token("shared", signed_by="one"))
    assert await issuer.verifier().verified(issuer.token("shared", signed_by="curve", alg="ES256"))
    await refusal(issuer.verifier(), issuer.token("shared", signed_by="foreign"))


async def test_two_keys_without_an_id_are_both_tried(issuer):
    keys = [jwk("", issuer.signers[kid]) for kid in ("one", "two")]
    for key in keys:
        del key["kid"]
    issuer.body = json.dumps({"keys": keys})
    for kid in ("one", "two"):
        assert await issuer.verifier().verified(issuer.token(None, signed_by=kid))


class TestKeys:
    async def test_they_are_read_once_for_many_tokens(self, issuer):
        for _ in range(20):
            await issuer.verifier().verified(issuer.token())
        assert issuer.asked == 1

    async def test_a_rotated_key_is_found_when_a_token_names_it(self, issuer):
        await issuer.verifier().verified(issuer.token())
        issuer.publishes("two")
        issuer.now += 31
        assert await issuer.verifier().verified(issuer.token("two"))
        # What was withdrawn is good for nothing any more.
        await refusal(issuer.verifier(), issuer.token("one"))

    async def test_made_up_key_ids_cost_one_ask_in_30_seconds(self, issuer):
        await issuer.verifier().verified(issuer.token())
        issuer.now += 31
        for number in range(50):
            await refusal(issuer.verifier(), issuer.token(f"made-up-{number}", signed_by="foreign"))
        assert issuer.asked == 2

    async def test_keys_are_read_anew_behind_a_request_after_ten_minutes(self, issuer):
        await issuer.verifier().verified(issuer.token())
        issuer.publishes("two")
        issuer.now += 601
        assert await issuer.verifier().verified(issuer.token("one"))
        await issuer.keys._reading
        await refusal(issuer.verifier(), issuer.token("one"))

    @pytest.mark.parametrize("fault", ["down", "web page", "other JSON", "no keys"])
    async def test_while_they_cannot_be_read_the_old_ones_stay(self, issuer, fault):
        await issuer.verifier().verified(issuer.token())
        issuer.down = fault == "down"
        issuer.body = {"web page": "<html>", "other JSON": "[]", "no keys": '{"keys": []}'}.get(fault, "")
        issuer.now += 700
        await refusal(issuer.verifier(), issuer.token("two"))
        assert issuer.asked == 2
        assert await issuer.verifier().verified(issuer.token("one"))

    async def test_without_any_key_every_token_is_refused_and_told_when_to_come_back(self, issuer):
        issuer.down = True
        error = await refusal(issuer.verifier(), issuer.token())
        assert "FACADE_JWKS_URL" in str(error)
        assert error.extensions == {"code": "UNAUTHENTICATED", "retryAfter": 2.0}
        await refusal(issuer.verifier(), issuer.token())
        assert issuer.asked == 1
        issuer.down = False
        issuer.now += 3
        assert await issuer.verifier().verified(issuer.token())

    async def test_a_short_key_is_not_used(self, issuer):
        issuer.signers = {**issuer.signers, "short": rsa.generate_private_key(65537, 1024)}
        issuer.publishes("short", "one")
        await issuer.verifier().verified(issuer.token())
        assert await issuer.keys.fitting("short", "RS256") == []


def scope(token="t", **claims):
    whole = {"exp": 1.0, "iss": ISSUER, "sub": "me", TENANT: "acme", **claims}
    return Verified(token, whole, tenant_claim=TENANT).scope


class TestScopes:
    def test_a_successor_of_a_token_shares_whatever_order_its_permissions_have(self):
        assert scope("a", permissions=["x", "y"], jti="1") == scope("b", permissions=["y", "x", "x"], jti="2")
        assert scope("a", scope="x y") == scope("b", scope="y x")
        assert scope("a", permissions=["x"], sub="me") == scope("b", permissions=["x"], sub="another")

    @pytest.mark.parametrize(
        "other",
        [
            {"permissions": ["x"]},
            {"permissions": ["x", "y", "z"]},
            {"permissions": ["x y"]},
            {"permissions": []},
            {"permissions": ["x", "y"], TENANT: "another"},
            {"permissions": ["x", "y"], "iss": "https://elsewhere.test/"},
            {"permissions": ["x", "y"], TENANT: None},
        ],
    )
    def test_who_differs_in_issuer_tenant_or_permissions_shares_nothing(self, other):
        assert scope(permissions=["x", "y"]) != scope(**other)

    @pytest.mark.parametrize(
        "silent", [{}, {"permissions": []}, {"scope": "openid profile email"}, {"permissions": "x"}]
    )
    def test_where_nothing_is_said_of_rights_only_the_subject_shares(self, silent):
        assert scope("a", **silent) == scope("b", **silent)
        assert scope("a", **silent) != scope("a", **silent, sub="another")

    def test_without_a_subject_or_a_tenant_a_token_shares_with_none(self):
        assert scope("a", sub=None, jti="1") != scope("b", sub=None, jti="2")
        assert scope("a", **{TENANT: None}) != scope("b", **{TENANT: None})

    def test_the_scopes_of_a_tenant_are_told_by_how_they_start(self):
        assert scope(permissions=["x"]).startswith(tenant_scopes("acme"))
        assert scope(sub="another").startswith(tenant_scopes("acme"))
        assert not scope(**{TENANT: "acme2"}).startswith(tenant_scopes("acme"))

    def test_calls_are_joined_by_the_token_alone(self):
        first, second = (
            Verified(token, {"exp": 1, TENANT: "acme", "sub": "me"}, tenant_claim=TENANT) for token in "ab"
        )
        assert first.scope == second.scope
        assert first.flight != second.flight
