"""Tokens verified by their issuer's keys, before anything else is done for whoever sent them."""

import math
from collections.abc import Sequence
from typing import Any

import jwt

from ..butlr import Unauthenticated
from .callers import Verified
from .jwks import NO_KEYS_PAUSE, Keys, KeysUnavailable, SigningKey

# Seconds by which clocks may differ.
LEEWAY = 10.0
TENANT_CLAIM = "http://butlr.io/client_id"
# A token of hundreds of kilobytes is nobody's, and its signature would be summed all the same.
LONGEST = 16_384
# Keys that are tried for one token: under one id, or without any.
MOST_TRIED = 5


class Verifier:
    """Verifies the signature, `exp`, `nbf` and, where they are given, `iss` and `aud`."""

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str | None = None,
        audience: Sequence[str] = (),
        tenant_claim: str = TENANT_CLAIM,
    ) -> None:
        """A token for any one of `audience` is good."""
        self._keys = keys
        self._issuer = issuer
        self._audience = list(audience)
        self._tenant_claim = tenant_claim

    async def verified(self, token: str) -> Verified:
        """Return the caller whose token it is.

        Raises `Unauthenticated` for a token that is not good, and, with `retry_after`, for any token while there is
        no key: to let it pass unverified would lend it what only verified tokens may read.
        """
        if len(token) > LONGEST:
            raise _refused("it is too long")
        try:
            # `kid` and `alg` choose among the issuer's keys, and nothing else is believed of the header.
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), str(header.get("alg"))
            signing = await self._keys.fitting(kid, algorithm)
            if not signing:
                known = self._keys.has(kid)
                raise _refused("it is not signed as its issuer signs" if known else "its issuer has no such key")
            claims = self._claims(token, signing[:MOST_TRIED], algorithm)
            # Within the leeway past `exp` it goes upstream, which judges by its own clock, and reads nothing kept.
            caller = Verified(token, claims, tenant_claim=self._tenant_claim)
        except KeysUnavailable:
            raise Unauthenticated(
                "The token cannot be verified now, for its issuer's keys cannot be read (FACADE_JWKS_URL). Try again.",
                sent=False,
                retry_after=float(math.ceil(NO_KEYS_PAUSE)),
            ) from None
        except jwt.InvalidTokenError as error:
            raise _refused(_reason(error)) from None
        except (OverflowError, RecursionError, TypeError, ValueError):
            # Signed by the issuer, and yet: numbers that are no time, or claims nested hundreds deep.
            raise _refused("its claims cannot be read") from None
        return caller

    def _claims(self, token: str, signing: Sequence[SigningKey], algorithm: str) -> Any:
        """The claims, by the first of several keys that verifies them. Raises `jwt.InvalidTokenError`."""
        for key in signing:
            try:
                return jwt.decode(
                    token,
                    key.key,
                    algorithms=[algorithm],
                    issuer=self._issuer,
                    audience=self._audience or None,
                    leeway=LEEWAY,
                    options={"require": ["exp"], "verify_aud": bool(self._audience), "verify_iat": False},
                )
            except jwt.InvalidSignatureError:
                continue
        raise jwt.InvalidSignatureError

    async def aclose(self) -> None:
        await self._keys.aclose()


# By type, the narrower first: a library's message may quote the token.
_REASONS: tuple[tuple[type[jwt.InvalidTokenError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "it is of another issuer"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "it lacks a claim that is needed: exp, and iss and aud where they are checked"),
    (jwt.InvalidAlgorithmError, "it is not signed as its issuer signs"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


def _reason(error: jwt.InvalidTokenError) -> str:
    return next((reason for type_, reason in _REASONS if isinstance(error, type_)), "it is no JWT")


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The token is refused: {reason}. Log in again for a fresh one.", sent=False)
