"""Verify tokens by their issuer's keys, before anything else is done for the caller."""

import math
from collections.abc import Sequence
from typing import Any

import jwt

from ..butlr import Unauthenticated
from .callers import Verified
from .jwks import NO_KEYS_PAUSE, Keys, KeysUnavailable, SigningKey

# Seconds by which the issuer's clock may differ from ours.
LEEWAY = 10.0
TENANT_CLAIM = "http://butlr.io/client_id"
# Characters. No real token is longer, and verifying a huge one costs time.
LONGEST = 16_384
# Most keys that are tried for one token, if several have its key id or it names none.
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
        """Accept tokens for any one of `audience`."""
        self._keys = keys
        self._issuer = issuer
        self._audience = list(audience)
        self._tenant_claim = tenant_claim

    async def verified(self, token: str) -> Verified:
        """Return the caller of a token.

        Raises `Unauthenticated` for an invalid token, and, with `retry_after`, for any token while there is no key: an
        unverified token must not read what only verified ones may.
        """
        if len(token) > LONGEST:
            raise _refused("it is too long")
        try:
            # Only `kid` and `alg` of the unverified header are used, to choose among the issuer's keys.
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), str(header.get("alg"))
            signing = await self._keys.fitting(kid, algorithm)
            if not signing:
                known = self._keys.has(kid)
                raise _refused("it is not signed as its issuer signs" if known else "its issuer has no such key")
            claims = self._claims(token, signing[:MOST_TRIED], algorithm)
            # Within the leeway after `exp` the token may go upstream, which has its own clock, but reads no cache.
            caller = Verified(token, claims, tenant_claim=self._tenant_claim)
        except KeysUnavailable:
            raise Unauthenticated(
                "The token cannot be verified now: its issuer's keys cannot be read (FACADE_JWKS_URL). Try again.",
                sent=False,
                retry_after=float(math.ceil(NO_KEYS_PAUSE)),
            ) from None
        except jwt.InvalidTokenError as error:
            raise _refused(_reason(error)) from None
        except (OverflowError, RecursionError, TypeError, ValueError):
            # Signed by the issuer, but with invalid claims: times out of range, or hundreds of levels.
            raise _refused("its claims cannot be read") from None
        return caller

    def _claims(self, token: str, signing: Sequence[SigningKey], algorithm: str) -> Any:
        """Return the claims, verified by the first key that fits. Raises `jwt.InvalidTokenError`."""
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


# Reasons by exception type, subclasses first. The library's own messages are not used, since they may quote the token.
_REASONS: tuple[tuple[type[jwt.InvalidTokenError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "it has another issuer"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "it lacks a required claim: exp, and iss and aud if they are checked"),
    (jwt.InvalidAlgorithmError, "it is not signed as its issuer signs"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


def _reason(error: jwt.InvalidTokenError) -> str:
    return next((reason for type_, reason in _REASONS if isinstance(error, type_)), "it is not a JWT")


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The token is refused: {reason}. Log in again for a fresh one.", sent=False)
