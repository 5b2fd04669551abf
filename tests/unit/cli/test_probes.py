import pytest

from facade.butlr import (
    BadInput,
    Forbidden,
    InvalidResponse,
    NotFound,
    RateLimited,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from facade.cli.probes import Credentials, mend


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Unauthenticated("no", status=401), "Check the password."),
        (BadInput("no", status=400), "Check the password. If they are right"),
        (Forbidden("no", status=403), "scopes read:spaces"),
        (RateLimited("no", status=429, retry_after=7), "Wait 7 seconds."),
        (UpstreamUnavailable("no", status=503), "try again later"),
        (UpstreamUnavailable("no"), "Check BUTLR_BASE_URL (http://here)"),
        (UpstreamTimeout("no"), "HTTPS_PROXY"),
        (InvalidResponse("no", status=200), "no Butlr API answers there"),
        (NotFound("no", status=404), "no Butlr API answers there"),
    ],
)
def test_each_class_of_error_has_its_mend(error, says):
    assert says in mend(error, "Check the password.", base_url="http://here")


def test_one_call_that_is_not_found_is_told_from_all():
    error = NotFound("no", status=404)
    assert "other calls answer" in mend(error, "", base_url="http://here", others_answer=True)


def test_a_server_that_is_not_butlr_is_not_said_to_be_butlr():
    said = mend(UpstreamUnavailable("no", status=501), "", base_url="http://here")
    assert "no Butlr API answers there" in said
    assert "Butlr itself" not in said


def test_credentials_do_not_show_their_secrets():
    shown = repr(Credentials("a-token", "me@example.com", "a-password"))

    assert "a-token" not in shown
    assert "a-password" not in shown
