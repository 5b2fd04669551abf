"""An issuer's public keys, read from its JWKS address and kept."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from ..butlr import ButlrError, Http, nests_too_deep

log = structlog.get_logger(__name__)

# Seconds. Whoever makes up key ids must not make the facade ask the issuer at each request.
UNKNOWN_KEY_PAUSE = 30.0
# Without any key nobody is served: sooner.
NO_KEYS_PAUSE = 2.0
# How old keys may be before they are read anew behind a request: what an issuer withdrew must end.
REFRESH_AFTER = 600.0
TIMEOUT = 5.0
MAX_BYTES = 1024 * 1024
# Of the keys of an issuer that rotates them, two or three are ever in use.
MOST_KEYS = 100

_RSA: tuple[str, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: dict[str, tuple[str, ...]] = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}


class KeysUnavailable(Exception):  # noqa: N818 - named for what happened
    """There is no key, for the issuer has never answered with one."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the algorithms that a token signed by it may name: never one of shared secrets."""

    key: Any
    algorithms: tuple[str, ...]


class Keys:
    """The keys at one address. While it fails to answer, those that were read before stay in use."""

    def __init__(self, url: str, *, http: Http | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ValueError for an address that cannot be called."""
        parts = urlsplit(url)
        self._http = http or Http(
            f"{parts.scheme}://{parts.netloc}", timeout=TIMEOUT, connections=2, max_body_bytes=MAX_BYTES
        )
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._clock = clock
        self._keys: dict[str, list[SigningKey]] = {}
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def fitting(self, kid: str | None, algorithm: str) -> list[SigningKey]:
        """The keys of an id, or of none where it is None, that an algorithm may be used with (RFC 7517, 4.5).

        Raises `KeysUnavailable`.
        """
        found = self._find(kid, algorithm)
        now = self._clock()
        if not found:
            if self._reading or now - self._asked_at >= (UNKNOWN_KEY_PAUSE if self._keys else NO_KEYS_PAUSE):
                # Shielded: a caller who leaves must not take the keys from the others.
                await asyncio.shield(self._read())
                found = self._find(kid, algorithm)
        elif now - self._read_at >= REFRESH_AFTER and now - self._asked_at >= UNKNOWN_KEY_PAUSE:
            self._read()
        if not found and not self._keys:
            raise KeysUnavailable
        return found

    def has(self, kid: str | None) -> bool:
        """Whether the issuer has a key of an id, for whatever algorithm."""
        return kid in self._keys if kid is not None else bool(self._keys)

    async def aclose(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._http.aclose()

    def _find(self, kid: str | None, algorithm: str) -> list[SigningKey]:
        some = self._keys.get(kid, []) if kid is not None else [key for keys in self._keys.values() for key in keys]
        return [key for key in some if algorithm in key.algorithms]

    def _read(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._asked_at = self._clock()
            self._reading = asyncio.create_task(self._read_keys(), name="jwks")
            self._reading.add_done_callback(self._done)
        return self._reading

    def _done(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    async def _read_keys(self) -> None:
        try:
            keys = _parsed((await self._http.call("GET", self._path)).body)
        except (ButlrError, ValueError) as error:
            # The error's own words speak of Butlr.
            log.warning("jwks.unread", reason=getattr(error, "code", None) or str(error), keys_kept=len(self._keys))
            return
        self._keys = keys
        self._read_at = self._clock()


def _parsed(body: bytes) -> dict[str, list[SigningKey]]:
    """Keys by id, those without one by "". Raises ValueError where there is none that can be used."""
    if nests_too_deep(body):
        raise ValueError("a JWKS that nests too deep")
    answer = json.loads(body)
    listed = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JWKS")  # noqa: TRY004 -- what came over the wire has no types
    # An id may be that of a key of each kind.
    keys: dict[str, list[SigningKey]] = {}
    for jwk in listed[:MOST_KEYS]:
        if isinstance(jwk, dict) and (key := _signing_key(jwk)):
            keys.setdefault(str(jwk.get("kid", "")), []).append(key)
    if not keys:
        raise ValueError("no key in it that tokens can be verified with")
    return keys


def _signing_key(jwk: Mapping[str, Any]) -> SigningKey | None:
    algorithms = _algorithms(jwk)
    if not algorithms or jwk.get("use", "sig") != "sig":
        return None
    # A JWKS is public: a private key in it is used for what it tells the public.
    public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        key = PyJWK.from_dict(public, algorithms[0]).key
    except PyJWTError:
        return None
    # NIST SP 800-131A: shorter ones can be broken.
    return SigningKey(key, algorithms) if jwk["kty"] != "RSA" or key.key_size >= 2048 else None


def _algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    fit: tuple[str, ...]
    match jwk.get("kty"):
        case "RSA":
            fit = _RSA
        case "EC":
            fit = _CURVES.get(str(jwk.get("crv")), ())
        case "OKP":
            fit = ("EdDSA",)
        case _:
            # `oct` is a shared secret: who can read it here could sign with it.
            return ()
    named = jwk.get("alg")
    return fit if named is None else tuple(name for name in fit if name == named)
