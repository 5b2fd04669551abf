"""Accounts, their tokens, and the permissions of a token."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from .validation import Invalid

ISSUER = "https://butlrtech.us.auth0.com/"
USER_AUDIENCE = ["https://users.butlr.io/", "https://butlrtech.us.auth0.com/userinfo"]
CLIENT_AUDIENCE = "https://butlrauth/"
CLAIM = "http://butlr.io/"
USER_SCOPE = "openid email profile offline_access"
CLIENT_SCOPE = " ".join(
    f"{verb}:{noun}" for noun in ("spaces", "rooms", "sensors", "hives") for verb in ("read", "write", "delete")
)
# The application that users log in through: the `azp` of their tokens.
WEB_APP = "sandboxWebApp"
KEY_ID = "sandbox"


class Refused(Exception):  # noqa: N818 - the caller is
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


@dataclass(frozen=True, slots=True)
class User:
    username: str
    password: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    client_secret: str
    tenant: str
    scope: str = CLIENT_SCOPE


DEMO_TENANT, OTHER_TENANT = "client_demo", "client_other"
USERS = {
    user.username: user
    for user in (
        User("demo@example.com", "demo-password", DEMO_TENANT),
        User("other@example.com", "other-password", OTHER_TENANT),
    )
}
CLIENTS = {
    client.client_id: client
    for client in (
        Client("demo-client", "demo-secret", DEMO_TENANT),
        Client("other-client", "other-secret", OTHER_TENANT),
        # May log in, and then read hives and nothing else.
        Client("limited-client", "limited-secret", DEMO_TENANT, scope="read:hives"),
    )
}


@dataclass(frozen=True, slots=True)
class Caller:
    tenant: str
    subject: str
    expires: float
    is_user: bool
    scopes: frozenset[str]

    def may_read(self, noun: str) -> bool:
        """Return whether a token may read. A user's token lists no permissions, and may read everything."""
        return self.is_user or f"read:{noun}" in self.scopes


class Auth:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refresh_tokens: dict[str, User] = {}
        self._callers: dict[str, Caller] = {}

    def login(self, body: dict[str, Any], ttl: int) -> dict[str, Any]:
        username, password = _required(body, "username", "password")
        user = USERS.get(username)
        if user is None or not secrets.compare_digest(user.password, password):
            raise Refused(401, "Wrong email or password.")
        return self._user_tokens(user, ttl)

    def refresh(self, body: dict[str, Any], ttl: int) -> dict[str, Any]:
        """Renew a session. A refresh token can be used once; the answer has the next one."""
        refresh_token, client_id = _required(body, "refresh_token", "client_id")
        if client_id != WEB_APP or refresh_token not in self._refresh_tokens:
            raise Refused(401, "Unknown or invalid refresh token.")
        return self._user_tokens(self._refresh_tokens.pop(refresh_token), ttl)

    def client_login(self, body: dict[str, Any], ttl: int) -> dict[str, Any]:
        client_id, client_secret, audience, grant_type = _required(
            body, "client_id", "client_secret", "audience", "grant_type"
        )
        wrong = {"audience": audience != CLIENT_AUDIENCE, "grant_type": grant_type != "client_credentials"}
        if any(wrong.values()):
            values = {"audience": CLIENT_AUDIENCE, "grant_type": "client_credentials"}
            raise Invalid([{"field": name, "message": f"must be {values[name]!r}"} for name in wrong if wrong[name]])
        client = CLIENTS.get(client_id)
        if client is None or not secrets.compare_digest(client.client_secret, client_secret):
            raise Refused(401, "Unknown client id or wrong client secret.")
        token = self._sign(
            {
                f"{CLAIM}client_id": client.tenant,
                "sub": f"{client_id}@clients",
                "aud": CLIENT_AUDIENCE,
                "scope": client.scope,
                "gty": "client-credentials",
                "azp": client_id,
                "permissions": client.scope.split(),
            },
            ttl,
        )
        return {"access_token": token, "scope": client.scope, "expires_in": ttl, "token_type": "Bearer"}

    def caller(self, authorization: str | None) -> Caller:
        """Return the caller. Raises Refused (401) for a token that is missing, foreign or expired."""
        caller = self.known_caller(authorization)
        if caller is None:
            raise Refused(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        if caller.expires <= self._clock():
            raise Refused(401, "Token is expired", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return caller

    def known_caller(self, authorization: str | None) -> Caller | None:
        """Return the owner of a token, expired or not; None if it was not signed here."""
        token = bearer_token(authorization)
        if token is None:
            return None
        if token not in self._callers:
            try:
                # Expiry is checked with the sandbox's clock, not with the library's.
                claims = jwt.decode(
                    token,
                    signing_key().public_key(),
                    algorithms=["RS256"],
                    options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
                    issuer=ISSUER,
                )
            except jwt.InvalidTokenError:
                return None
            self._callers[token] = Caller(
                tenant=claims[f"{CLAIM}client_id"],
                subject=claims["sub"],
                expires=claims["exp"],
                is_user=claims["gty"] == "password",
                scopes=frozenset(claims["permissions"]),
            )
        return self._callers[token]

    def _user_tokens(self, user: User, ttl: int) -> dict[str, Any]:
        subject = f"auth0|user_{hashlib.sha256(user.username.encode()).hexdigest()[:24]}"
        access_token = self._sign(
            {
                f"{CLAIM}client_id": user.tenant,
                f"{CLAIM}email": user.username,
                f"{CLAIM}roles": [],
                "sub": subject,
                "aud": USER_AUDIENCE,
                "scope": USER_SCOPE,
                "gty": "password",
                "azp": WEB_APP,
                "permissions": [],
            },
            ttl,
        )
        id_token = self._sign({"sub": subject, "aud": WEB_APP, "email": user.username}, ttl)
        refresh_token = f"v1.{secrets.token_urlsafe(48)}"
        self._refresh_tokens[refresh_token] = user
        return {
            "access_token": access_token,
            "refresh_token": refresh_token,
            "id_token": id_token,
            "scope": USER_SCOPE,
            "expires_in": ttl,
            "token_type": "Bearer",
        }

    def _sign(self, claims: dict[str, Any], ttl: int) -> str:
        now = int(self._clock())
        # So that two tokens of the same second differ.
        claims = {**claims, "iss": ISSUER, "iat": now, "exp": now + ttl, "jti": secrets.token_hex(8)}
        return jwt.encode(claims, signing_key(), algorithm="RS256", headers={"kid": KEY_ID})


@cache
def signing_key() -> RSAPrivateKey:
    """Return the key of the process. It is made once, since that takes a tenth of a second."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def jwks() -> dict[str, Any]:
    key = RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
    return {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}


def bearer_token(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _required(body: dict[str, Any], *names: str) -> list[str]:
    missing = [name for name in names if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        raise Invalid([{"field": name, "message": "is required"} for name in missing])
    return [body[name] for name in names]
