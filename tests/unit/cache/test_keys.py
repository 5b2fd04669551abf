import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.cache import canonical, key, scope_prefix, token_scope
from facade.cache.keys import prefix_of

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
finite = json_values.filter(lambda value: "Infinity" not in json.dumps(value))
words = st.text(st.characters(exclude_characters=":", codec="utf-8"), min_size=1, max_size=12)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(item) for name, item in reversed(value.items())}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(finite)
def test_the_order_of_keys_does_not_tell_asks_apart(value):
    assert canonical(shuffled(value)) == canonical(value)


@given(finite)
def test_canonical_bytes_read_back_as_the_same_value(value):
    assert json.loads(canonical(value)) == value


@given(finite, finite)
def test_equal_bytes_mean_equal_values(one, other):
    assert (canonical(one) == canonical(other)) == (_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    """Equality of JSON: as in Python, except that true is not 1."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"gte": 0}, {"gte": 0.0}, True),
        ({"gte": 0}, {"gte": -0.0}, True),
        ({"gte": 1e18}, {"gte": 10**18}, True),
        ({"gte": 1e300}, {"gte": 1e300}, True),
        ({"gte": 0}, {"gte": 0.5}, False),
        ({"gte": 1}, {"gte": True}, False),
        ({"gte": 1}, {"gte": "1"}, False),
        ({"rooms": ["a", "b"]}, {"rooms": ["b", "a"]}, False),
        ({"omit_empty_value": False}, {}, False),
        ({"omit_empty_value": None}, {}, False),
    ],
)
def test_what_counts_as_the_same_ask(one, other, same):
    assert (canonical(one) == canonical(other)) is same


def test_canonical_json_has_no_whitespace():
    assert canonical({"b": [1, 2.5], "a": {"d": None, "c": "x y"}}) == b'{"a":{"c":"x y","d":null},"b":[1,2.5]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_without_a_json_spelling_are_refused(number):
    with pytest.raises(ValueError, match="is not JSON"):
        canonical({"filter": [number]})


def test_a_key_names_scope_call_and_body():
    assert key("t-0af3", "reporting", b"{}") == (
        "v1:t-0af3:reporting:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


@given(words, words, st.binary(max_size=20), words, words, st.binary(max_size=20))
def test_asks_that_differ_never_share_a_key(scope, call, body, other_scope, other_call, other_body):
    same = (scope, call, body) == (other_scope, other_call, other_body)
    assert (key(scope, call, body) == key(other_scope, other_call, other_body)) is same


@given(words, words, words)
def test_a_scope_prefix_covers_its_own_keys_and_no_others(scope, other, call):
    made = key(scope, call, b"")
    assert prefix_of(made) == scope_prefix(scope)
    assert made.startswith(scope_prefix(other)) is (scope == other)


@pytest.mark.parametrize("word", ["", "a:b", ":"])
def test_a_word_that_would_blur_the_borders_of_a_key_is_refused(word):
    with pytest.raises(ValueError, match="without a colon"):
        key(word, "reporting", b"")
    with pytest.raises(ValueError, match="without a colon"):
        key("t-0af3", word, b"")
    with pytest.raises(ValueError, match="without a colon"):
        scope_prefix(word)


def test_a_token_does_not_show_in_its_scope_and_has_a_scope_of_its_own():
    scope = token_scope("header.payload.signature")
    assert scope == token_scope("header.payload.signature")
    assert scope != token_scope("header.payload.signaturf")
    assert scope.startswith("t-")
    assert len(scope) == 34
    assert "payload" not in key(scope, "reporting", b"{}")
