"""The service's token, shared by replicas through their shared cache, and encrypted there."""

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..butlr import HeldToken
from ..cache import Store

log = structlog.get_logger(__name__)

# Seconds that a login may take before another replica may log in.
TURN = 15.0
POLL = 0.05
_NONCE = 12


class SharedTokenStore:
    """Stores the token encrypted by a key derived from the client's secret, which never leaves the process.

    If the store is down, it is empty and its lock is free, so that each process logs in for itself.
    """

    def __init__(self, store: Store, *, base_url: str, client_id: str, client_secret: str, turn: float = TURN) -> None:
        whose = f"{base_url} {client_id}"
        # One for the cipher and one for the name, so that the name reveals neither the key nor the client.
        key = _derived(client_secret, f"service token of {whose}")
        self._name = "login:" + _derived(client_secret, f"name of {whose}").hex()[:32]
        self._cipher = AESGCM(key)
        self._store = store
        self._turn = turn

    async def get(self) -> HeldToken | None:
        sealed = await self._store.get_text(self._name)
        return self._opened(sealed) if sealed else None

    async def put(self, held: HeldToken, lifetime: float) -> None:
        nonce = os.urandom(_NONCE)
        plain = orjson.dumps([held.token, held.renew_at, held.expires_at])
        sealed = nonce + self._cipher.encrypt(nonce, plain, self._name.encode())
        await self._store.set_text(self._name, base64.b64encode(sealed).decode(), lifetime)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        lock, mine = f"{self._name}-turn", secrets.token_hex(8)
        try:
            async with asyncio.timeout(self._turn):
                while not await self._is_given(lock, mine):  # noqa: ASYNC110 -- of another process nothing wakes us
                    await asyncio.sleep(POLL)
        except TimeoutError:
            # One login too many is better than none.
            log.warning("login.turn_not_given_up", after_seconds=self._turn)
        try:
            yield
        finally:
            # The lock may have passed to another replica meanwhile.
            if await self._store.get_text(lock) == mine:
                await self._store.delete(lock)

    async def _is_given(self, lock: str, mine: str) -> bool:
        if await self._store.add_text(lock, mine, self._turn) is not False:
            return True
        # The text decides, not the reply: after a broken connection the command may have been sent twice.
        return await self._store.get_text(lock) == mine

    def _opened(self, sealed: str) -> HeldToken | None:
        try:
            data = base64.b64decode(sealed, validate=True)
            plain = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], self._name.encode())
            token, renew_at, expires_at = orjson.loads(plain)
        except (ValueError, InvalidTag):
            # Damaged, or written by someone who does not know the secret.
            return None
        return HeldToken(token, renew_at, expires_at)


def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"butlr-graphql-facade: {purpose}".encode()).derive(secret.encode())
