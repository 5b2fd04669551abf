"""The account of an export, recorded without secrets beside its files, so that no run mixes two accounts."""

from typing import TYPE_CHECKING

from .failures import WrongUsage

if TYPE_CHECKING:
    from ..settings import Settings

Account = dict[str, str]


def account_of(settings: "Settings", token: str | None, *, sandbox: bool) -> Account:
    """Return the upstream's address, and the token's organisation, else its subject, or the client id.

    An opaque token gives only the address. All sandboxes count as one address, since their ports vary.
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
    """Raise `WrongUsage` if another account is recorded at a place. None means that none is recorded."""
    if recorded is not None and recorded != account:
        raise WrongUsage(
            f"{place} holds data of another account ({_told(recorded)}; this is {_told(account)}). {instead}"
        )


def _told(account: object) -> str:
    """Describe an account on one line. It comes from a file, so it may be any JSON."""
    if not isinstance(account, dict):
        return "it does not say which"
    return " ".join(", ".join(f"{name} {value}" for name, value in account.items()).split())
