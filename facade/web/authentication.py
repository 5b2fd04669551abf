"""From a request's headers to who asks."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from starlette.datastructures import Headers

from ..auth import Caller, Passthrough, Service
from ..auth.jwt_verifier import Verifier
from ..butlr import Unauthenticated


class Authentication:
    """Tells callers apart.

    With a `service` login every caller is that login, once an API key of theirs is good; `passthrough` lets a
    caller with a bearer token be themselves all the same, and a `verifier` only once their token is verified.
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
        """Return the caller; None where there is no token.

        Raises `Unauthenticated` for a wrong API key and for a token that is not verified where it has to be.
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
        """Which of the API keys it is, from 1; None for a wrong one."""
        digest = sha256(key.encode()).digest()
        # Every key is compared, so that the time taken says nothing of a wrong one.
        matches = [hmac.compare_digest(digest, known) for known in self._api_keys]
        return matches.index(True) + 1 if True in matches else None


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
