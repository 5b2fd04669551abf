"""Errors grouped by cause: one line each, with the number of places."""

import pytest
from graphql import GraphQLError

from facade.causes import TIMES, grouped, plainly


def error(message, *path, code="UPSTREAM_UNAVAILABLE"):
    return GraphQLError(message, path=list(path) or None, extensions={"code": code})


def test_errors_of_one_code_and_message_are_one_cause_with_the_number_of_its_places():
    errors = [error("Butlr is down.", "rooms", "data", at, "report") for at in range(205)]
    [cause] = grouped(errors)
    assert cause.line() == f"205 {TIMES} rooms.data[*].report: Butlr is down. (UPSTREAM_UNAVAILABLE)"
    assert cause.count == 205


def test_another_code_or_message_is_another_cause_and_the_most_frequent_comes_first():
    errors = [
        error("Down.", "a"),
        error("Slow.", "b", 0),
        error("Slow.", "b", 1),
        error("Slow.", "b", 2, code="UPSTREAM_TIMEOUT"),
    ]
    assert [(cause.code, cause.message, cause.count) for cause in grouped(errors)] == [
        ("UPSTREAM_UNAVAILABLE", "Slow.", 2),
        ("UPSTREAM_UNAVAILABLE", "Down.", 1),
        ("UPSTREAM_TIMEOUT", "Slow.", 1),
    ]


def test_an_error_that_is_alone_says_its_exact_place():
    [cause] = grouped([error("Down.", "rooms", "data", 3, "report")])
    assert cause.line() == "rooms.data[3].report: Down. (UPSTREAM_UNAVAILABLE)"


def test_an_error_without_a_path_has_no_place():
    [cause] = grouped([error("No such field.", code="GRAPHQL_VALIDATION_FAILED")])
    assert cause.line() == "No such field. (GRAPHQL_VALIDATION_FAILED)"


def test_one_cause_in_many_kinds_of_places_names_the_most_frequent():
    errors = [error("Down.", f"field{kind}", at) for kind in range(5) for at in range(9 - kind)]
    [cause] = grouped(errors)
    assert cause.where == f"9 {TIMES} field0[*], 8 {TIMES} field1[*], 7 {TIMES} field2[*] and 2 more"


def test_no_message_breaks_its_line_or_colours_it():
    [cause] = grouped([error("one\ntwo\x1b[31m\u202e\u2028\x9b1mred", "a")])
    line = cause.line()
    assert line.isprintable()
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Value error, write it with a unit", "write it with a unit"),
        ("List should have at least 1 item after validation, not 0", "List should have at least 1 item, not 0"),
        ("Input should be greater than 0", "Input should be greater than 0"),
    ],
)
def test_no_word_of_the_framework_reaches_a_user(message, said):
    assert plainly(message) == said
