"""Log lines: logfmt, columns for a terminal, and no effect of callers' texts."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade import logs

REQUEST = {
    "timestamp": "2026-11-28T07:12:33.123456Z",
    "level": "info",
    "event": "request",
    "method": "POST",
    "path": "/graphql",
    "status": 200,
    "ms": 145.2,
    "request_id": "a" * 32,
    "type": "query",
    "operation": "RoomsToday",
    "outcome": "partial",
    "cost": 120,
    "codes": {"UPSTREAM_UNAVAILABLE": 205},
    "cache": "MISS",
    "calls": 2,
}


def test_logfmt_says_each_field_once_and_quotes_what_needs_it():
    line = logs.logfmt({**REQUEST, "operation": 'Say "hi" to\nall'})
    assert line.startswith("timestamp=2026-11-28T07:12:33.123456Z level=info event=request method=POST path=/graphql ")
    assert ' operation="Say \\"hi\\" to\\nall" ' in line
    assert " codes=UPSTREAM_UNAVAILABLE:205 " in line
    assert line.count("status=") == 1


@given(st.text())
def test_no_text_breaks_a_line_of_logfmt_or_colours_it(text):
    line = logs.logfmt({**REQUEST, "path": text})
    assert line.isascii()
    assert line.isprintable()


@given(st.text())
def test_no_text_makes_a_line_in_columns_wider_than_the_terminal_or_colours_it(text):
    line = logs.columns({**REQUEST, "operation": text, "path": text})
    assert len(line) <= 80
    assert line.removesuffix("…").isascii()
    assert line.isprintable()


def test_a_request_in_columns_says_its_status_time_cache_calls_operation_and_codes():
    line = logs.columns(REQUEST)
    assert line.split() == [
        "07:12:33", "200", "145.2ms", "MISS", "2", "calls", "UPSTREAM_UNAVAILABLE:205", "RoomsToday",
    ]  # fmt: skip


FAILED = {
    "timestamp": "2026-11-28T07:12:33.123456Z",
    "level": "warning",
    "event": "upstream failed",
    "code": "UPSTREAM_UNAVAILABLE",
    "count": 205,
    "where": "205 x rooms.data[*].report",
    "error": "Cannot reach Butlr at api.butlr.io: check the base URL and the network.",
    "request_id": "a" * 32,
}


def test_a_failure_of_the_upstream_reads_as_a_sentence_within_80_columns():
    assert logs.columns(FAILED).replace("\x1b[33m", "").replace("\x1b[0m", "").splitlines() == [
        "07:12:33 warning: upstream failed: UPSTREAM_UNAVAILABLE:205 (205 x",
        "         rooms.data[*].report): Cannot reach Butlr at api.butlr.io: check the",
        "         base URL and the network.",
    ]


@given(st.text())
def test_no_text_colours_a_failure_or_makes_it_wider_than_the_terminal(text):
    said = logs.columns({**FAILED, "where": text, "error": text})
    lines = [line.removeprefix("\x1b[33m").removesuffix("\x1b[0m") for line in said.splitlines()]
    assert all(len(line) <= 80 and line.isascii() and line.isprintable() for line in lines)


def test_an_operation_without_a_name_is_shown_by_its_documents_hash():
    line = logs.columns({**REQUEST, "operation": None, "document": "0123456789ab", "codes": {"BAD_USER_INPUT": 1}})
    assert line.split()[-2:] == ["BAD_USER_INPUT", "0123456789ab"]


@given(st.text())
def test_no_text_colours_a_line_of_json_or_turns_it(text):
    line = logs._json({**REQUEST, "operation": text})
    assert json.loads(line)["operation"] == text
    assert not set(line) & {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u2028\u2029\u202e\u2066"}


def test_json_keeps_every_field():
    assert json.loads(logs._json(REQUEST)) == REQUEST


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_the_line_of_an_answer_given_again_is_as_that_of_any_other(log_format, capsys, monkeypatch):
    monkeypatch.setattr(logs, "_now", lambda: REQUEST["timestamp"])
    access = logs.AccessLog(log_format)
    said = {"type": "query", "operation": 'two words, a "quote"\n', "outcome": "ok", "cost": 1}
    given = {"method": "POST", "path": "/graphql", "status": 200, "ms": 0.1, "request_id": "a.b"}
    access(**given, cache="HIT", calls=0, **said)
    access.cache_hit(*given.values(), said, access.prepared(said))
    await asyncio.sleep(0)
    made_anew, given_again = capsys.readouterr().err.splitlines()
    assert given_again == made_anew


def test_what_json_cannot_hold_costs_no_line():
    text = logs._json({**REQUEST, "operation": "\ud800", "cost": 2**70})
    assert json.loads(text)["cost"] == 2**70


def test_a_process_without_stderr_logs_nothing(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    logs.configure("text")
    logs.write_line("a line")
    assert logs.STDERR.isatty() is False
