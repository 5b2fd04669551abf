"""The account of an export, as far as it can be recorded without secrets."""

import jwt
import pytest

from facade.cli.export_account import account_of, refuse_another
from facade.cli.failures import WrongUsage
from facade.settings import Settings

URL = "https://api.butlr.io"


def token(**claims: object) -> str:
    return jwt.encode(claims, "k" * 32)


@pytest.mark.parametrize(
    ("claims", "who"),
    [
        ({"http://butlr.io/client_id": "client_a", "sub": "auth0|user_1"}, {"organization": "client_a"}),
        ({"sub": "auth0|user_1", "http://butlr.io/email": "a@example.com"}, {"subject": "auth0|user_1"}),
        ({"http://butlr.io/client_id": ["client_a"], "sub": ""}, {}),
    ],
    ids=["organization", "subject", "neither"],
)
def test_a_token_says_its_organization_or_its_subject(claims: dict[str, object], who: dict[str, str]) -> None:
    assert account_of(Settings(), token(**claims), sandbox=False) == {"upstream": URL, **who}


def test_of_an_opaque_token_nothing_is_told() -> None:
    assert account_of(Settings(BUTLR_CLIENT_ID="unused"), "opaque", sandbox=False) == {"upstream": URL}


def test_a_login_is_told_by_its_client_id() -> None:
    settings = Settings(BUTLR_CLIENT_ID="a", BUTLR_CLIENT_SECRET="secret")
    assert account_of(settings, None, sandbox=False) == {"upstream": URL, "client_id": "a"}
    assert account_of(settings, None, sandbox=True) == {"upstream": "sandbox", "client_id": "a"}


@pytest.mark.parametrize("recorded", [{"upstream": "x\ny"}, [], "client_a"])
def test_whatever_is_recorded_the_error_is_one_line(recorded: object) -> None:
    with pytest.raises(WrongUsage) as refused:
        refuse_another(recorded, {"upstream": URL}, place="days", instead="Give another folder.")
    assert len(str(refused.value).splitlines()) == 1
    refuse_another(None, {"upstream": URL}, place="days", instead="")
