"""Read an issuer's public keys from its JWKS URL, and keep them."""

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

# Seconds between reads for unknown key ids, so that made-up ids do not cause a read at each request.
UNKNOWN_KEY_PAUSE = 30.0
# Seconds between reads while there are no keys. It is short, since no caller can be served without keys.
NO_KEYS_PAUSE = 2.0
# Age in seconds after which keys are read again in the background, so that a withdrawn key is dropped.
REFRESH_AFTER = 600.0
TIMEOUT = 5.0
MAX_BYTES = 1024 * 1024
# An issuer that rotates its keys uses two or three at a time.
MOST_KEYS = 100

_RSA: tuple[str, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: dict[str, tuple[str, ...]] = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}


class KeysUnavailable(Exception):  # noqa: N818 - named for what happened
    """There is no key, since no read of the issuer's keys has succeeded."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the algorithms that a token signed by it may name. None of them uses a shared secret."""

    key: Any
    algorithms: tuple[str, ...]


class Keys:
    """The keys of one JWKS URL. While reads fail, the keys read before stay in use."""

    def __init__(self, url: str, *, http: Http | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the JWKS URL. Raises ValueError for one that cannot be called."""
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
        """Return the keys with an id (None: all keys) that may be used with an algorithm (RFC 7517, 4.5).

        Raises `KeysUnavailable`.
        """
        found = self._find(kid, algorithm)
        now = self._clock()
        if not found:
            if self._reading or now - self._asked_at >= (UNKNOWN_KEY_PAUSE if self._keys else NO_KEYS_PAUSE):
                # Shielded, so that the cancellation of one caller does not end the read for the others.
                await asyncio.shield(self._read())
                found = self._find(kid, algorithm)
        elif now - self._read_at >= REFRESH_AFTER and now - self._asked_at >= UNKNOWN_KEY_PAUSE:
            self._read()
        if not found and not self._keys:
            raise KeysUnavailable
        return found

    def has(self, kid: str | None) -> bool:
        """Return whether the issuer has a key with an id, for any algorithm."""
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
            # The code only: the error's message is about Butlr.
            log.warning("jwks.unread", reason=getattr(error, "code", None) or str(error), keys_kept=len(self._keys))
            return
        self._keys = keys
        self._read_at = self._clock()


def _parsed(body: bytes) -> dict[str, list[SigningKey]]:
    """Return usable keys by id, with "" for keys without one. Raises ValueError if there is none."""
    if nests_too_deep(body):
        raise ValueError("a JWKS that nests too deep")
    answer = json.loads(body)
    listed = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JWKS")  # noqa: TRY004 -- what came over the wire has no types
    # Keys of different types may share one id.
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
    # Only the public members of a key are used, since a JWKS should have no private ones.
    public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        key = PyJWK.from_dict(public, algorithms[0]).key
    except PyJWTError:
        return None
    # NIST SP 800-131A: shorter RSA keys are not secure.
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
            # `oct` is a shared secret: anyone who reads it in the JWKS could sign with it.
            return ()
    named = jwk.get("alg")
    return fit if named is None else tuple(name for name in fit if name == named)
