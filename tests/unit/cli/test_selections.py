from graphql import get_operation_ast, parse

from facade.cli.selections import selection_of


def selected(text: str, name: str | None = None):
    document = parse(text)
    return selection_of(document, get_operation_ast(document, name))


def test_names_are_response_names_and_a_field_selected_twice_is_one():
    assert selected("{ mine: sensors { data { id } } mine: sensors { data { mode } } }") == {
        "mine": {"data": {"id": None, "mode": None}}
    }


def test_fragments_are_opened():
    text = "{ node { ...N ... on Sensor { mode } } } fragment N on Node { id }"

    assert selected(text) == {"node": {"id": None, "mode": None}}


def test_only_the_operation_named_counts():
    assert selected("query A { a } query B { b }", "B") == {"b": None}
