"""From a request's headers to who asks."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from starlette.datastructures import Headers

from ..butlr import Unauthenticated
from ..upstream import Caller, Passthrough, Service


class Callers:
    """Tells callers apart.

    With a `service` login every caller is that login, once an API key of theirs is good; `passthrough` lets a
    caller with a bearer token be themselves all the same.
    """

    def __init__(
        self, *, service: Service | None = None, api_keys: Sequence[str] = (), passthrough: bool = True
    ) -> None:
        self._service = service
        self._api_keys = [sha256(key.encode()).digest() for key in api_keys]
        self._passthrough = passthrough

    def of(self, headers: Headers) -> Caller | None:
        """Return the caller; None where there is no token. Raises `Unauthenticated` for a wrong API key."""
        bearer = _bearer(headers.get("authorization", ""))
        if self._passthrough and bearer:
            return Passthrough(bearer)
        if self._service and self._api_keys and not self._has_key(headers.get("x-api-key") or bearer or ""):
            raise Unauthenticated("Send one of this facade's API keys, as `X-API-Key` or as the bearer token.")
        return self._service

    def _has_key(self, key: str) -> bool:
        digest = sha256(key.encode()).digest()
        # Every key is compared, so that the time taken says nothing.
        return any([hmac.compare_digest(digest, known) for known in self._api_keys])  # noqa: C419


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
