"""Where two answers differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.legacy.differences import NAMES, differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "value", "room_1", "id"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"data": []}, {"data": []}, []),
        ({"data": [{"value": 1}]}, {"data": [{"value": 1.0}]}, []),
        ({"data": [{"value": 1}]}, {"data": [{"value": 2}]}, ["data[].value"]),
        ({"data": [{"value": 1}, {"value": 3}]}, {"data": [{"value": 2}, {"value": 4}]}, ["data[].value"]),
        ({"data": [1]}, {"data": [1, 2]}, ["data"]),
        ({"data": {"room_1": {"in": {"sum": 1}}}}, {"data": {"room_1": {"in": {"sum": 2}}}}, ["data.*.in.sum"]),
        ({"data": {"room_1": 1}}, {"data": {"room_2": 1}}, ["data.*"]),
        ({"data": {"a name of theirs": 1}}, {"data": {}}, ["data.*"]),
        (
            {"detections_local": [{"value": [[0, 1]]}]},
            {"detections_local": [{"value": [[0, 2]]}]},
            ["detections_local[].value[][]"],
        ),
        ({"data": 1}, {"data": True}, ["data"]),
        ({"data": None}, {"data": ""}, ["data"]),
        ({"data": 1}, None, ["answer"]),
        ({"data": [{"id": "a"}, {"id": "b"}]}, {"data": [{"id": "b"}, {"id": "a"}]}, []),
        ({"data": [{"id": "a", "mode": 1}, {"id": "b"}]}, {"data": [{"id": "a", "mode": 2}]}, ["data", "data[].mode"]),
        ({"data": [{"id": "a"}, {"id": "a"}]}, {"data": [{"id": "a"}]}, ["data"]),
        ({"data": [{"room": {"name": "x"}}]}, {"data": [{"room": {"name": None}}]}, ["data[].room.name"]),
    ],
)
def test_a_difference_is_named_by_its_field_once(one, other, found):
    assert sorted(differences(one, other)) == sorted(differences(other, one)) == found


def ordered(value):
    """The value with its assets in one order."""
    if isinstance(value, dict):
        return {name: ordered(part) for name, part in value.items()}
    if isinstance(value, list):
        parts = [ordered(part) for part in value]
        named = all(isinstance(part, dict) and isinstance(part.get("id"), str) for part in parts)
        return sorted(parts, key=lambda part: part["id"]) if named else parts
    return value


@given(JSON, JSON)
def test_only_what_is_equal_has_no_difference_and_no_key_of_a_tenant_is_named(one, other):
    found = differences(one, other)
    assert differences(one, one) == []
    if not found:
        assert ordered(one) == ordered(other)
    steps = {step.rstrip("[]") for path in found for step in path.split(".")}
    assert steps <= {*NAMES, "*", "answer", ""}
