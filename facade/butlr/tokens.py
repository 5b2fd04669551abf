"""Read JWTs without verifying them, for their expiry and subject. The claims must not be trusted."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from ._loose import number


def jwt_claims(token: str) -> Mapping[str, Any] | None:
    """Return the claims of a JWT; None for an opaque token."""
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
    """Return `exp` in epoch seconds; None for an opaque token or one without `exp`."""
    claims = jwt_claims(token)
    return None if claims is None else number(claims.get("exp"))
