"""Malicious documents are refused before anything runs; normal ones pass."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.execution import Engine, Limits
from facade.execution.documents import BYTES_A_DOCUMENT, Documents, ParsedDocument
from facade.execution.limits import exceeded
from facade.graph import Context, build_schema
from facade.upstream import ReadLog

EXAMPLES = sorted((Path(__file__).parents[3] / "facade/web/examples").glob("*.graphql"))
# Lines of Python that are run to read an honest document of as many tokens as there may be, most of them the parser's.
ENOUGH = 1_200_000


def fragments(count, body, last="id", on="Sensor"):
    """A chain of fragments; `body` says how each opens the next, `{}`."""
    chain = " ".join(f"fragment F{at} on {on} {{ {body.replace('{}', f'...F{at + 1}')} }}" for at in range(count))
    return f"{{ sensors {{ data {{ ...F0 }} }} }} {chain} fragment F{count} on {on} {{ {last} }}"


def repeated(text, times, separator=" "):
    return separator.join(text.replace("%", str(at)) for at in range(times))


DEEP = "room { sensors { " * 10 + "id" + " } }" * 10
HOSTILE = {
    "deep": f"{{ sensors {{ data {{ {DEEP} }} }} }}",
    "deeper than the parser goes": "{ a" * 1000 + " }" * 1000,
    "deep lists": "{ a(b: " + "[" * 1500 + "]" * 1500 + ") }",
    "deep input objects": "{ a(b: " + "{ a: " * 1000 + "1" + "}" * 1000 + ") }",
    "deep types": "query ($a: " + "[" * 1500 + "Int" + "]" * 1500 + ") { a }",
    "deep inline fragments": "{" + "... {" * 900 + "__typename" + "}" * 900 + "}",
    "wide": f"{{ sensors {{ data {{ {'id ' * 3900} }} }} }}",
    "wide with selections": f"{{ sensors {{ data {{ {'room { id } ' * 900} }} }} }}",
    "wide with arguments": "{ " + 'sensors(ids: ["a"]) { data { id } } ' * 250 + "}",
    "wide inline fragments": "{" + "... { __typename } " * 700 + "}",
    "wide fragments": f"{{ sensors {{ data {{ {repeated('...F%', 300)} }} }} }} "
    + repeated("fragment F% on Sensor { id }", 300),
    "aliases": f"{{ {repeated('a%: sensors { data { id } }', 400)} }}",
    "aliases in a fragment opened often": "{ "
    + repeated("a%: sensors { data { ...F } }", 20)
    + " } fragment F on Sensor { "
    + repeated("b%: id", 20)
    + " }",
    "fragment bomb at one place": fragments(200, "{} {}"),
    "fragment bomb by aliases": fragments(100, "a: room { sensors { {} } } b: floor { sensors { {} } }"),
    "fragment bomb by fields": fragments(
        6, "room { sensors { {} } } floor { sensors { {} } } hive { sensors { {} } } zones { sensors { {} } }"
    ),
    "long chain of fragments": fragments(400, "{}"),
    "long circle of fragments": "{ sensors { data { ...F0 } } } "
    + " ".join(f"fragment F{at} on Sensor {{ ...F{(at + 1) % 400} }}" for at in range(400)),
    "circles of all fragments": "{ sensors { data { ...F0 } } } "
    + " ".join(f"fragment F{at} on Sensor {{ {repeated('...F%', 60)} }}" for at in range(30)),
    "circles of all fragments, a field deeper each": "{ sensors { data { ...F0 } } } "
    + " ".join(
        f"fragment F{at} on Sensor {{ {' '.join(f'a{to}: room {{ sensors {{ ...F{to} }} }}' for to in range(12))} }}"
        for at in range(12)
    ),
    "unused fragments": "{ __typename } " + fragments(80, "{} {}").partition("} } }")[2],
    "directives at one place": "{ sensors" + " @skip(if: false)" * 500 + " { data { id } } }",
    "unknown directives": "{ sensors" + " @a" * 1900 + " { data { id } } }",
    "directives everywhere": "{ sensors { data { "
    + " ".join(f"{name} @include(if: true)" for name in ["id", "name", "mode"] * 40)
    + " } } }",
    "too many tokens": "{ __typename }" + repeated(" query Q% { __typename }", 1000),
    "too many comments": "{ __typename }" + "#\n" * 100_000,
    "introspection over and over": "{ " + repeated("a%: __schema { types { name } }", 90) + " }",
    "introspection lists in lists": "{ __schema { types { fields { type { fields { type { name } } } } } } }",
    "introspection without an end": "{ __schema { types { " + "ofType { " * 30 + "name" + " }" * 30 + " } } }",
}


@pytest.fixture(scope="module")
def engine():
    return Engine(build_schema())


@pytest.fixture(scope="module")
def closed():
    return Engine(build_schema(), introspection=False)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused(engine, text):
    document = engine.document(text)
    (error,) = document.errors
    assert error.extensions["code"] == "QUERY_TOO_COMPLEX"
    assert error.extensions["found"] > error.extensions["limit"]
    assert str(error.extensions["limit"]) in error.message


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_refusing_costs_no_more_than_reading(engine, steps, text):
    with steps() as taken:
        engine._document(text)
    assert taken.lines < ENOUGH


CIRCLES = {
    "of one": "{ sensors { data { ...A } } } fragment A on Sensor { ...A }",
    "of two": "{ sensors { data { ...A } } } fragment A on Sensor { ...B id } fragment B on Sensor { ...A }",
    "through a field": "{ sensors { data { ...A } } } fragment A on Sensor { room { sensors { ...A } } }",
    "unused": "{ __typename } fragment A on Sensor { ...B } fragment B on Sensor { ...A }",
}


@pytest.mark.parametrize("text", CIRCLES.values(), ids=CIRCLES)
def test_a_small_circle_of_fragments_is_told_as_one(engine, text):
    errors = engine.document(text).errors
    assert {error.extensions["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert any("within itself" in error.message for error in errors)


HONEST = {
    **{path.stem: path.read_text() for path in EXAMPLES},
    "introspection": get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    ),
    "one type": '{ __type(name: "Sensor") { fields { name type { name fields { name } } } } }',
    "a fragment in itself by another way": """{ sensors { data { ...F room { sensors { ...F } } } } }
        fragment F on Sensor { id name }""",
    "a component's fragments": f"{{ sensors {{ data {{ {repeated('...F%', 30)} }} }} }} "
    + repeated("fragment F% on Sensor { id __typename room { id name } }", 30),
    "a hundred aliases": "{ " + repeated('a%: sensor(id: "s") { id }', 100) + " }",
    "fifteen deep": "{ sensors { data { " + "room { sensors { " * 6 + "id" + " } }" * 6 + " } } }",
}


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_an_honest_document_passes(engine, text):
    assert engine.document(text).errors == ()


@pytest.mark.parametrize(
    ("limits", "text", "found"),
    [
        (Limits(depth=2), "{ sensors { data { id } } }", 3),
        (Limits(depth=2), "{ sensors { ...on Sensors { ...F } } } fragment F on Sensors { data { id } }", 3),
        (Limits(depth=2), "{ sensors { data @skip(if: true) { id } } }", 3),
        (Limits(depth=2), "query ($no: Boolean = false) { sensors { data @include(if: $no) { id } } }", 3),
        (Limits(aliases=1), "{ a: __typename b: __typename }", 2),
        (Limits(aliases=1), "{ a: __typename ...F } fragment F on Query { b: __typename }", 2),
        (Limits(aliases=2), "{ a: sensors { ...F } b: sensors { ...F } } fragment F on Sensors { data { c: id } }", 3),
        (Limits(aliases=0), "query A { __typename } query B { a: __typename }", 1),
        (Limits(tokens=4), "{ sensors { data } }", 5),
    ],
)
def test_what_is_found_and_the_limit_are_in_the_error(limits, text, found):
    (error,) = Engine(build_schema(), limits=limits).document(text).errors
    assert error.extensions["code"] == "QUERY_TOO_COMPLEX"
    assert error.extensions["found"] == found
    assert error.extensions["limit"] == found - 1


LOGIN = 'login(username: "u", password: "p") { access_token }'


@pytest.mark.parametrize(
    "text",
    [
        f"mutation {{ a: {LOGIN} b: {LOGIN} }}",
        f"mutation {{ {LOGIN} ...F }} fragment F on Mutation {{ b: {LOGIN} }}",
        f'mutation {{ {LOGIN} refreshToken(client_id: "c", refresh_token: "r") {{ expires_in }} }}',
        f"mutation {{ {LOGIN} ... on Mutation {{ b: {LOGIN} }} }}",
    ],
)
def test_an_operation_holds_one_login(engine, text):
    (error,) = engine.document(text).errors
    assert error.extensions == {"code": "QUERY_TOO_COMPLEX", "limit": 1, "found": 2}


def test_a_document_may_have_a_login_in_each_operation(engine):
    assert engine.document(f"mutation A {{ {LOGIN} }} mutation B {{ b: {LOGIN} __typename }}").errors == ()


def test_an_alias_of_a_field_selected_twice_counts_once():
    text = "{ a: sensors { data { id } } a: sensors { data { name } } }"
    assert exceeded(parse(text), Limits(aliases=1)) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.integers(0, 7) | st.sampled_from(["id", "b: id", "room { %s }", "floor { %s id }"]), max_size=5),
        min_size=8,
        max_size=8,
    )
)
def test_whatever_fragments_open_each_other_the_walk_ends(steps, bodies):
    def selection(body):
        parts = [f"...F{part}" if isinstance(part, int) else part.replace("%s", "...F0") for part in body]
        return " ".join(parts) or "id"

    text = "{ ...F0 } " + " ".join(f"fragment F{at} on T {{ {selection(body)} }}" for at, body in enumerate(bodies))
    document = parse(text)
    with steps() as taken:
        exceeded(document, Limits())
    assert taken.lines < ENOUGH


# A name that is nearly one of the schema's: of a field, an argument, a type, an input's field, an enum's value.
GUESSES = [
    "{ sensor { id } sensrs { id } }",
    "{ sensors(idz: 1) { data { id } } }",
    "query ($a: Sensr) { sensors(ids: $a) { data { id } } }",
    "{ sensors { data { ... on Sensr { id } } } }",
    '{ report(filter: {start: "-1h", strat: "-1h"}) { rows { value } } }',
    '{ report(filter: {start: "-1h", measurements: [presense]}) { rows { value } } }',
    "{ sensors @include(iff: true) { data { id } } }",
    '{ node(id: "x") { nmae id } sensors { data { nmae } } }',
]


class TestWithoutIntrospection:
    @pytest.mark.parametrize(
        "text",
        ["{ __schema { queryType { name } } }", '{ a: __type(name: "Sensor") { name } }', "{ _service { sdl } }"],
    )
    def test_the_schema_is_not_told(self, closed, text):
        errors = closed.document(text).errors
        assert errors[0].extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "disabled" in errors[0].message

    @pytest.mark.parametrize("text", GUESSES)
    def test_nor_guessed_at(self, closed, engine, text):
        assert "Did you mean" in str(engine.document(text).errors)
        assert closed.document(text).errors
        assert "Did you mean" not in str(closed.document(text).errors)

    async def test_nor_guessed_at_in_variables(self, closed, engine):
        text = "query ($f: ReportFilter!) { report(filter: $f) { rows { value } } }"
        for variables in ({"strat": "-1h"}, {"start": "-1h", "measurements": ["presense"]}):
            told = []
            for served in (engine, closed):
                upstream: Any = SimpleNamespace(now=lambda: datetime.now(UTC))
                services: Any = SimpleNamespace(upstream=upstream)
                context = Context(services, None, ReadLog(), "id")
                outcome = await served.run(served.document(text), {"f": variables}, None, context)
                assert {error.extensions["code"] for error in outcome.errors} == {"BAD_USER_INPUT"}
                told.append("Did you mean" in str(outcome.errors))
            assert told == [True, False]

    def test_typename_is_no_secret(self, closed):
        assert closed.document("{ __typename sensors { __typename } }").errors == ()


class TestDocumentsKept:
    def test_a_text_is_read_once(self, engine):
        assert engine.document("{ __typename }") is engine.document("{ __typename }")

    def test_they_do_not_outgrow_their_bound(self):
        read = []

        def parse_and_note(text):
            read.append(text)
            return ParsedDocument(None)

        documents = Documents(parse_and_note, kept=10 * (4_100 + BYTES_A_DOCUMENT))
        texts = [f"{at:01000d}" for at in range(10)]
        for text in [*texts, *texts]:
            documents(text)
        assert read == texts
        documents("x" * 1000)
        documents(texts[-1])
        assert len(read) == 11
        documents(texts[0])
        assert read[11:] == [texts[0]]
