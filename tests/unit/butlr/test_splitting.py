"""The rows of a body that comes in chunks are those of the body."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import InvalidResponse, Splitter, split_rows

TEXT = st.text() | st.sampled_from(['},{"', "]}", '\\"},', "\\", '"', "[{", '"data":[', "é}, {"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(TEXT, VALUES, max_size=5) | VALUES, max_size=12)


@st.composite
def bodies(draw):
    """A body with rows as `data`, other keys around it, and space or none between."""
    rows = draw(ROWS)
    around = draw(st.dictionaries(TEXT.filter(lambda key: key != "data"), VALUES, max_size=3))
    keys = draw(st.permutations([*around, "data"]))
    indent = draw(st.none() | st.integers(0, 2))
    separators = draw(st.sampled_from([(",", ":"), (" , ", " : "), (",\r\n", ":\t")]))
    whole = {key: rows if key == "data" else around[key] for key in keys}
    return json.dumps(whole, indent=indent, separators=separators, ensure_ascii=draw(st.booleans())).encode(), rows


@st.composite
def cut(draw, bodies):
    body, rows = draw(bodies)
    borders = sorted(draw(st.lists(st.integers(0, len(body)), max_size=20)))
    return [body[a:b] for a, b in zip([0, *borders], [*borders, len(body)], strict=True)], rows


@given(cut(bodies()))
def test_items_are_those_of_the_body_wherever_it_is_cut(body):
    chunks, rows = body
    splitter = Splitter(json.loads)
    items = [item for chunk in chunks for item in splitter.feed(chunk)]

    assert splitter.is_array
    assert items + splitter.rest().data == rows


def row(number, name="Lobby"):
    return {"value": number, "room_name": name, "sensor_id": f"sensor_{number}"}


def test_a_row_is_given_before_the_next_has_begun():
    body = json.dumps({"page_info": {"page": 1, "data": [1]}, "data": [row(n) for n in range(50)]}).encode()
    splitter = split_rows()
    given = 0
    for at in range(len(body)):
        given += len(splitter.feed(body[at : at + 1]))
        # Each begins with its value; the one that begins last has not ended.
        assert given >= body[: at + 1].count(b'"value"') - 1
    assert given + len(splitter.rest().rows) == 50


@pytest.mark.parametrize("name", ["Lobby", '}, {"', "]},", '\\"},'])
def test_each_row_of_chunks_as_the_wire_has_them_is_given_with_its_chunk(name):
    rows = [row(n, name) for n in range(2000)]
    body = json.dumps({"data": rows}).encode()
    splitter = split_rows()
    given = 0
    for at in range(0, len(body), 16_384):
        given += len(splitter.feed(body[at : at + 16_384]))
        assert given >= body[: at + 16_384].count(b"sensor_id") - 2
    assert given + len(splitter.rest().rows) == 2000


@pytest.mark.parametrize(
    ("begin", "is_array"),
    [
        (b'{"data": [', True),
        (b'\n{\t"page_info": {"data": {}}, "n": [1, {}], "t": "\\"data\\": [", "data" : [', True),
        (b'{"data": {', False),
        (b'{"data": null', False),
        (b'{"data": nul', False),
        (b'{"data"', None),
        (b'{"da', None),
        (b'{"n": {"data": [', None),
        (b'{"n": 1}', False),
        (b"<html>", False),
        (b"", None),
    ],
)
def test_it_is_told_from_its_beginning_whether_rows_come(begin, is_array):
    splitter = split_rows()
    splitter.feed(begin)

    assert splitter.is_array is is_array


def test_what_has_no_rows_in_sight_is_not_searched_for_ever():
    splitter = split_rows()
    splitter.feed(b'{"note": "' + b"x" * 100_000)

    assert splitter.is_array is False


def test_a_body_that_is_broken_after_its_rows_is_no_answer():
    splitter = split_rows()
    splitter.feed(b'{"data": [{"value": 1}, {"value": 2}, {"value"')

    with pytest.raises(InvalidResponse):
        splitter.rest()
