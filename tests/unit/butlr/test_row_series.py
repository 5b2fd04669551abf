"""Rows that are read by series are equal to rows that are read one by one, in any notation."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import Reporting, RowSeries, decode_reporting
from facade.butlr.row_series import ROWS_AT_ONCE, in_series
from facade.butlr.rows import Row, decode_rows

texts = st.one_of(
    st.sampled_from(["", "room_1", "R&D", 'a "quoted" {name}', '"time":"x","value":3', "},{", "é\\"]),
    st.text(max_size=4),
)
times = st.one_of(
    st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-01T00:05:00Z", "2026-11-01T01:00:00.5+01:00", "never", ""]),
    st.integers(1_700_000_000_000, 1_700_000_900_000),
    st.none(),
    st.just({"of": "day"}),
)
values = st.one_of(
    st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["3", "x", "1,5"]), st.none(),
    st.booleans(), st.just([1, 2]), st.just({"value": 1}),
)  # fmt: skip
row = st.fixed_dictionaries(
    {},
    optional={
        "time": times,
        "value": values,
        "room_id": texts,
        "room_name": texts,
        "field": st.sampled_from(["value", "time", "in"]),
        "preprocessed": st.booleans(),
        "meta": st.sampled_from([{"time": "2026-11-01T00:00:00Z"}, {"value": 1}, "time"]),
    },
)
usual = st.fixed_dictionaries(
    {"field": st.just("value"), "time": times, "value": values, "room_id": texts, "room_name": texts}
)


def unrolled(series: list[RowSeries]) -> list[tuple[Any, ...]]:
    """Each row with all that it says, in one order."""
    rows = []
    for one in series:
        said = tuple(getattr(one.row, name) for name in Row.__struct_fields__ if name not in ("time", "value"))
        for time, value in zip(one.times, one.values, strict=True):
            rows.append((time, None if math.isnan(value) else value, *said))
    return sorted(rows, key=repr)


def read(array: bytes) -> list[RowSeries]:
    return [one for some in in_series(array) for one in some]


@given(
    st.lists(st.one_of(usual, row, st.sampled_from([None, 3, []])), max_size=12), st.sampled_from([(",", ":"), None])
)
def test_they_are_the_rows_one_by_one(rows: list[Any], separators: tuple[str, str] | None) -> None:
    array = json.dumps(rows, separators=separators).encode()
    assert unrolled(read(array)) == unrolled(list(map(RowSeries.of, decode_rows(array))))


@pytest.mark.parametrize(
    "array",
    [
        # A name that comes twice, the second time as an escape: the last one counts.
        rb'[{"time":"a","value":1,"tim\u0065":"b"},{"time":"a","value":1,"tim\u0065":"c"}]',
        rb'[{"time":"a","value":1,"value":2},{"time":"a","value":5,"value":2}]',
        rb'[{"value":1,"time":"a"},{"value":2,"time":"b"}]',
        rb'[{"time":"2\u00301","value":1,"room_id":"x"},{"time":"b","value": 2 ,"room_id":"x"}]',
        rb'[ { "time" : "a" , "value" : 1 } , { "time" : "b" , "value" : 2 } ]',
        b"[]",
        b"null",
    ],
)
def test_whatever_way_they_are_written(array: bytes) -> None:
    assert unrolled(read(array)) == unrolled(list(map(RowSeries.of, decode_rows(array) if array != b"null" else [])))


def test_what_a_series_says_is_read_once_for_many_rows() -> None:
    rows = [{"time": f"2026-11-01T{at:04}", "value": at, "room_id": f"r{at % 3}"} for at in range(3 * ROWS_AT_ONCE)]
    parts = list(in_series(json.dumps(rows).encode()))
    assert [len(some) for some in parts] == [3, 3, 3]
    assert sum(len(one.values) for some in parts for one in some) == len(rows)


@pytest.mark.parametrize("array", [b"[", b'{"a":1}', b'[{"time":"\xff","value":1}]', b"[" * 5000])
def test_what_is_no_array_of_rows_is_refused(array: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- as of rows read one by one
        read(array)


def test_answers_of_any_shape_have_them() -> None:
    rows = [{"time": "2026-11-01T00:00:00Z", "value": at, "room_id": "r"} for at in range(3)]
    body = json.dumps({"data": rows}).encode()
    nested = json.dumps({"data": {"r": rows}}).encode()
    for answer in (decode_reporting(body), decode_reporting(nested), Reporting.from_data(rows)):
        assert [list(one.values) for some in answer.in_series() for one in some] in ([[0, 1, 2]], [[0], [1], [2]])
    assert list(decode_reporting(b'{"data": null}').in_series()) == []
