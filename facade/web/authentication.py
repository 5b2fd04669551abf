"""Authenticate a request's caller by its headers."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from starlette.datastructures import Headers

from ..auth import Caller, Passthrough, Service
from ..auth.jwt_verifier import Verifier
from ..butlr import Unauthenticated


class Authentication:
    """Authenticates callers.

    With a `service` login every caller with a valid API key (if keys are set) is that login. With `passthrough` as
    well, a caller with a bearer token uses that token instead. With a `verifier`, tokens must be verified.
    """

    def __init__(
        self,
        *,
        service: Service | None = None,
        api_keys: Sequence[str] = (),
        passthrough: bool = True,
        verifier: Verifier | None = None,
    ) -> None:
        self._service = service
        self._api_keys = [sha256(key.encode()).digest() for key in api_keys]
        self._passthrough = passthrough
        self._verifier = verifier

    async def of(self, headers: Headers) -> Caller | None:
        """Return the caller; None without a token.

        Raises `Unauthenticated` for a wrong API key, and for a token that must be verified and is not valid.
        """
        bearer = _bearer(headers.get("authorization", ""))
        if self._passthrough and bearer:
            return await self._verifier.verified(bearer) if self._verifier else Passthrough(bearer)
        if self._service and self._api_keys:
            number = self._number_of(headers.get("x-api-key") or bearer or "")
            if number is None:
                raise Unauthenticated("Send one of this facade's API keys, as `X-API-Key` or as the bearer token.")
            return self._service.with_key(number)
        return self._service

    def _number_of(self, key: str) -> int | None:
        """Return the number of an API key, from 1; None for a wrong one."""
        digest = sha256(key.encode()).digest()
        # Every key is compared, so that the time taken does not reveal anything about the keys.
        matches = [hmac.compare_digest(digest, known) for known in self._api_keys]
        return matches.index(True) + 1 if True in matches else None


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
