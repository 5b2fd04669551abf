"""`facade cache purge`: delete entries of the cache that replicas share."""

import asyncio
import re
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured, settings_put_to_use
from .failures import Failure, WrongUsage

if TYPE_CHECKING:
    from ..settings import Settings

# A scope, as the audit log names it: see `docs/operating.md`.
_SCOPE = re.compile(r"t-[0-9a-f]{32}|j-[0-9a-f]{16}-[0-9a-f]{32}|service")


class Action(StrEnum):
    purge = "purge"


def cache(
    action: Annotated[Action, typer.Argument(help="What to do with the cache.")],  # noqa: ARG001 -- there is one
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="TENANT|SCOPE", help="Answers of a tenant (verified tokens), or of a `who` of the audit log."
        ),
    ] = None,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN|-", help="Answers of a token; - reads it from stdin.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All answers.")] = False,
) -> None:
    """Delete answers from the cache that replicas share."""
    if sum((tenant is not None, token is not None, all_)) != 1:
        raise WrongUsage("Give exactly one of --tenant, --token and --all.")
    settings = configured()
    if not settings.is_cache_shared:
        raise Failure("FACADE_CACHE_URL is memory://, so each process has its own cache. A restart empties it.")
    if token == "-":  # noqa: S105 -- where to read it from
        token = sys.stdin.read()
    starts = [""] if all_ else _scopes_of_token(token.strip(), settings) if token is not None else [_scopes(tenant)]
    deleted = asyncio.run(_purged(settings, starts))
    typer.echo(f"{deleted} {'answer' if deleted == 1 else 'answers'} deleted")


def _scopes(tenant: str | None) -> str:
    from ..auth import tenant_scopes

    if not tenant:
        raise WrongUsage("--tenant is empty: give a tenant, or a `who` of the audit log.")
    return tenant if _SCOPE.fullmatch(tenant) else tenant_scopes(tenant)


def _scopes_of_token(token: str, settings: "Settings") -> list[str]:
    """Return both scopes of a token, verified and unverified, since the replicas' settings decide which they use."""
    from ..auth import Passthrough, Verified
    from ..butlr import jwt_claims

    if not token:
        raise WrongUsage("--token is empty.")
    # The token is not used for reading, so its expiry and signature do not matter.
    claims = {**(jwt_claims(token) or {}), "exp": 0}
    return [Passthrough(token).scope, Verified(token, claims, tenant_claim=settings.jwt_tenant_claim).scope]


async def _purged(settings: "Settings", starts: list[str]) -> int:
    from ..cache import open_store
    from ..cache.tiered import TieredStore

    with settings_put_to_use():
        store = open_store(settings.cache_url.get_secret_value())
    if not isinstance(store, TieredStore):
        raise TypeError(f"{type(store).__name__} is not shared")
    try:
        return sum([await store.purge(start) for start in dict.fromkeys(starts)])
    except ConnectionError as exc:
        raise Failure(f"Redis does not answer ({exc}). Check FACADE_CACHE_URL.") from exc
    finally:
        await store.aclose()
