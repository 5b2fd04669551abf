"""Reading JWTs without verifying them: for when a token ends and whose it says it is, never for trust."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from ._loose import number


def jwt_claims(token: str) -> Mapping[str, Any] | None:
    """The claims of a JWT; None for an opaque token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        claims = orjson.loads(payload)
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def jwt_expiry(token: str) -> float | None:
    """`exp` in epoch seconds; None for an opaque token or one that does not say."""
    claims = jwt_claims(token)
    return None if claims is None else number(claims.get("exp"))
