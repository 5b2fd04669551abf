from graphql import get_operation_ast, parse

from facade.cli.selections import selection_of, times_of
from facade.graph import build_schema


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


def test_times_are_known_by_the_schema_wherever_they_are_selected():
    document = parse("""
      query A {
        unknown { time }
        report(filter: {start: "-1d"}) { freshness { as: as_of } ... { rows { t: time value } } ...S }
      }
      query B { __typename node(id: "room_1") { ... on Room { name report(start: "-1d") { rows { window_stop } } } } }
      fragment S on Report { series { times values } }
    """)
    times = {name: times_of(document, get_operation_ast(document, name), build_schema()) for name in "AB"}
    assert times == {
        "A": {("report", "freshness", "as"), ("report", "rows", "t"), ("report", "series", "times")},
        "B": {("node", "report", "rows", "window_stop")},
    }
