import copy
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade import butlr
from facade.butlr import ButlrError, RateLimited, Reply, error_for
from facade.butlr.errors import MESSAGE_LIMIT, clean, error_for_status, parse_retry_after, undecodable, upstream_message

PATH = "/api/v3/reporting"


def error(status, body=b"", content_type="application/json", **headers):
    return error_for(Reply(status, {"content-type": content_type, **headers}, body), PATH, now=0)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_USER_INPUT"),
        (422, "BAD_USER_INPUT"),
        (405, "BAD_USER_INPUT"),
        (413, "BAD_USER_INPUT"),
        (401, "UNAUTHENTICATED"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (408, "UPSTREAM_TIMEOUT"),
        (429, "RATE_LIMITED"),
        (500, "UPSTREAM_UNAVAILABLE"),
        (502, "UPSTREAM_UNAVAILABLE"),
        (503, "UPSTREAM_UNAVAILABLE"),
        (504, "UPSTREAM_TIMEOUT"),
        (302, "UPSTREAM_INVALID_RESPONSE"),
        (600, "UPSTREAM_INVALID_RESPONSE"),
    ],
)
def test_each_status_has_its_code_and_a_message_that_names_it(status, code):
    found = error(status, b"oops")
    assert found.extensions["code"] == found.code == code
    assert (found.status, found.path, found.body, found.sent) == (status, PATH, b"oops", True)
    assert f"({status} on {PATH})" in str(found)
    assert str(found) == found.message


def test_a_refused_token_says_what_to_do():
    assert str(error(401)) == f"Butlr refused the token (401 on {PATH}). Log in again for a fresh one."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message":"start after stop"}', "start after stop"),
        (
            b'{"error":"Invalid time range","code":400,"details":"start after stop"}',
            "Invalid time range: start after stop",
        ),
        (b'{"error":"invalid_request","error_description":"no audience"}', "invalid_request: no audience"),
        (b'{"error":{"message":"inner"}}', "inner"),
        (b'{"message":"same","error":"same"}', "same"),
        (
            b'{"message":"Invalid","errors":[{"field":"start","message":"required"},{"message":"x"},"y",7]}',
            "Invalid: start: required; x; y",
        ),
        (b'{"errors":[{"message":"only here"}]}', "only here"),
        (b'{"message":7,"error":null,"details":["a"],"errors":{"a":1}}', ""),
        (b"[]", ""),
        (b"<html><h1>400</h1></html>", ""),
        (b"", ""),
    ],
)
def test_the_upstreams_own_words_are_found(body, message):
    assert upstream_message(body, "application/json") == message


def test_plain_text_is_a_message_only_where_it_says_so():
    assert upstream_message(b"invalid filter\n", "text/plain; charset=utf-8") == "invalid filter"
    assert upstream_message(b"invalid filter\n", "text/html") == ""


def test_a_server_error_keeps_its_inner_words_to_itself():
    found = error(500, b'{"message":"pq: relation tenants does not exist"}')
    assert "pq" not in str(found)
    assert b"pq" in found.body


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\r\n\tb\x00\x1b[31mc", "a b [31mc"),
        ("<p>no <b>such</b> room</p><script src=x>", "no such room"),
        ("<script<b> src=x>alert(1)</script</b>>", "alert(1)"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("left\u202egnihsif", "left gnihsif"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln is old", "token [token] is old"),
    ],
)
def test_words_are_cleaned(dirty, cleaned):
    assert clean(dirty) == cleaned


@given(st.text(max_size=2000))
def test_cleaned_words_are_one_short_printable_line_and_stay_so(text):
    once = clean(text)
    assert len(once) <= MESSAGE_LIMIT
    assert once.isprintable()
    assert clean(once) == once


def test_long_words_are_cut_and_the_advice_stays():
    message = str(error(400, b'{"message":"' + b"x" * 10_000 + b'"}'))
    assert "…" in message
    assert message.endswith("Check its arguments.")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7.5 ", 7.5),
        ("Thu, 01 Jan 1970 00:01:30 GMT", 80),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("99999999999", 86_400),
        ("-1", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert parse_retry_after(header, now=10) == seconds


def test_any_status_may_say_when_to_return_and_429_always_does():
    assert error(503, **{"retry-after": "9"}).extensions["retryAfter"] == 9
    assert "retryAfter" not in error(503).extensions
    assert error(429).extensions["retryAfter"] == 60
    assert RateLimited("slow down").retry_after == 60


def test_neither_repr_nor_str_holds_the_body():
    found = error(400, b'{"hidden":"tenant-secret"}')
    assert "tenant-secret" not in repr(found) + str(found)


def test_a_copy_and_a_pickle_are_the_same_error():
    found = error(429, b"body", **{"retry-after": "9"})
    for other in (copy.copy(found), pickle.loads(pickle.dumps(found))):
        assert type(other) is type(found)
        assert (str(other), vars(other)) == (str(found), vars(found))
        assert other.__traceback__ is None


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"  <html>", "web page"), (b"", "nothing"), (b"{]", "something other"), (b"\n ", "nothing")],
)
def test_a_body_that_cannot_be_read_is_told_by_what_it_is(body, words):
    assert words in str(undecodable(body, PATH, "a report"))


def test_every_error_has_a_code_of_its_own():
    kinds = [kind for kind in ButlrError.__subclasses__() if kind.__module__.startswith("facade.butlr.")]
    assert len(kinds) == 8
    assert len({kind.code for kind in kinds}) == 8
    assert all(kind.__name__ in butlr.__all__ for kind in kinds)


def test_what_is_exported_exists_and_is_sorted_as_ruff_sorts():
    assert all(hasattr(butlr, name) for name in butlr.__all__)
    assert len(set(butlr.__all__)) == len(butlr.__all__)


def test_an_asctime_date_is_in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert parse_retry_after("Thu Jan  1 00:01:39 1970", now=10) == 89
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_proxy_that_asks_for_a_login_is_no_fault_of_the_caller():
    error = error_for_status(407, "/api/v3/reporting", body=b'{"message": "who are you"}')
    assert error.code == "UPSTREAM_UNAVAILABLE"
    assert "HTTPS_PROXY" in str(error)
