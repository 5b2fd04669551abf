"""Whose data an export is: told beside its files without a secret, so that no run mixes two accounts."""

from typing import TYPE_CHECKING

from .failures import WrongUsage

if TYPE_CHECKING:
    from ..settings import Settings

Account = dict[str, str]


def account_of(settings: "Settings", token: str | None, *, sandbox: bool) -> Account:
    """The upstream's address, and who asks it: the token's organisation or else its subject, or the client id.

    Of an opaque token nothing is known but the address. A sandbox has another port each time.
    """
    from ..butlr import jwt_claims

    account = {"upstream": "sandbox" if sandbox else settings.base_url}
    if token is None:
        return account | ({"client_id": settings.client_id} if settings.client_id else {})
    claims = jwt_claims(token) or {}
    for name, claim in (("organization", settings.jwt_tenant_claim), ("subject", "sub")):
        if isinstance(said := claims.get(claim), str) and said:
            return account | {name: said}
    return account


def refuse_another(recorded: object, account: Account, *, place: str, instead: str) -> None:
    """Raises `WrongUsage` where what is recorded at a place is not of the account. None is taken as it is."""
    if recorded is not None and recorded != account:
        raise WrongUsage(
            f"{place} holds data of another account ({_told(recorded)}; this is {_told(account)}). {instead}"
        )


def _told(account: object) -> str:
    """On one line, whatever was found in a file."""
    if not isinstance(account, dict):
        return "it does not say which"
    return " ".join(", ".join(f"{name} {value}" for name, value in account.items()).split())
