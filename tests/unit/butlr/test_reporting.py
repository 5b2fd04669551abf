import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import InvalidResponse, ReplyStatistics, Reporting, Row, decode_reporting, flatten, unflatten
from facade.butlr.rows import _READERS, decode_rows, rows_from

ROW = {
    "field": "out",
    "measurement": "traffic",
    "time": "2025-10-14T15:00:00Z",
    "start": "2025-10-14T14:24:45Z",
    "stop": "2025-10-14T15:24:45Z",
    "value": 1,
    "preprocessed": False,
    "timezone_offset": "-7h",
    "tag_id": "",
    "building_id": "building_1",
    "building_name": "B",
    "hive_id": "hive_1",
    "hive_serial": "S",
    "sensor_id": "sensor_1",
    "space_id": "space_1",
    "space_name": "F",
    "room_id": "room_1",
    "room_name": "K",
    "zone_id": "",
    "zone_name": "",
    "mac_address": "m",
}
PAGE_INFO = {"page": 1, "page_item_count": 0, "total_item_count": 0, "total_pages": 1}
RAW_ROW = {
    **ROW,
    "field": "aggregator_occupancy",
    "measurement": "aggregator_headcount",
    "timezone_offset": "",
}


def answer(data, **rest):
    return decode_reporting(orjson.dumps({"data": data, **rest}))


def test_a_flat_answer_is_rows():
    report = answer([ROW, ROW], page_info=PAGE_INFO)
    assert report.is_flat
    assert not report.is_empty_object
    assert report.data == [ROW, ROW]
    assert report.page_info == PAGE_INFO
    assert report.leaves == []
    first, second = report.rows
    assert first == second
    assert (first.value, type(first.value), first.preprocessed) == (1.0, float, False)
    assert (first.room_id, first.tag_id, first.zone_id, first.zone_name) == ("room_1", None, None, None)
    assert first.floor_custom_id is None


def test_only_ids_names_and_addresses_read_blank_as_absent():
    texts = [name for name in Row.__struct_fields__ if name not in {"value", "preprocessed"}]
    (row,) = answer([dict.fromkeys(texts, "")]).rows
    kept = {name for name in texts if getattr(row, name) == ""}
    assert kept == {"time", "field", "measurement", "timezone_offset", "start", "stop"}


def test_grouped_statistics_are_leaves():
    stats = {
        "sum": 10,
        "min": 4,
        "max": 6,
        "count": 2,
        "mean": 5,
        "median": 6,
        "stddev": 1,
        "first": 4,
        "last": 6,
    }
    report = answer({"room_1": {"in": stats, "out": {**stats, "sum": "11"}}, "room_2": {"in": stats}})
    assert not report.is_flat
    assert report.rows == []
    assert [leaf.path for leaf in report.leaves] == [("room_1", "in"), ("room_1", "out"), ("room_2", "in")]
    leaf = report.leaves[0]
    assert leaf.statistics == ReplyStatistics(
        sum=10, min=4, max=6, count=2, mean=5, median=6, stddev=1, first=4, last=6
    )
    assert type(leaf.statistics.count) is int
    assert (leaf.raw, leaf.rows, leaf.value) == (stats, None, None)
    assert report.leaves[1].statistics.sum == 11


def test_fewer_levels_than_asked_and_none_at_all_are_leaves_too():
    seed = answer({"occupancy": {"sum": 26, "stddev": 0.799}})
    assert [(leaf.path, leaf.statistics.stddev) for leaf in seed.leaves] == [(("occupancy",), 0.799)]
    root = answer({"sum": 1, "stdev": 2})
    assert [(leaf.path, leaf.statistics) for leaf in root.leaves] == [((), ReplyStatistics(sum=1, stddev=2))]


def test_a_grouped_raw_answer_has_the_rows_of_its_leaves_in_order():
    data = {
        "room_1": {"2025-10-14T15:04:43Z": [{**RAW_ROW, "value": 1}, {**RAW_ROW, "value": 2}]},
        "room_2": {"2025-10-14T15:04:43Z": [{**RAW_ROW, "value": 3}], "2025-10-14T15:05:43Z": []},
    }
    report = answer(data)
    assert [row.value for row in report.rows] == [1, 2, 3]
    assert {row.measurement for row in report.rows} == {"aggregator_headcount"}
    assert {(row.timezone_offset, row.zone_id) for row in report.rows} == {("", None)}
    assert report.leaves[2].rows == []
    assert report.data == data


def test_bare_numbers_nulls_and_empty_maps_are_leaves():
    report = answer({"a": 3, "b": "4.5", "c": None, "d": {}, "e": "text", "f": True})
    assert [(leaf.path, leaf.value, leaf.raw) for leaf in report.leaves] == [
        (("a",), 3.0, 3),
        (("b",), 4.5, "4.5"),
        (("c",), None, None),
        (("d",), None, {}),
        (("e",), None, "text"),
        (("f",), None, True),
    ]


@pytest.mark.parametrize("blank", [b'{"data":{}}', b'{ "data" : { \n } , "page_info":{}}'])
def test_the_answer_of_overload_is_told(blank):
    report = decode_reporting(blank)
    assert report.is_empty_object
    assert not report.is_flat
    assert (report.data, report.rows, report.leaves) == ({}, [], [])


def test_null_is_a_flat_answer_without_rows():
    report = decode_reporting(b'{"data":null}')
    assert (report.is_flat, report.is_empty_object, report.data, report.rows, report.leaves) == (
        True,
        False,
        None,
        [],
        [],
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"rows":[]}',
        b'{"data":"x"}',
        b'{"data":3}',
        b'{"data":true}',
        b'{"data":[1,]}',
        b'{"data":[NaN]}',
        b'{"data":[{}]',
        b'{"data":["\\ud800"]}',
        b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_another_shape_is_an_invalid_response(body):
    with pytest.raises(InvalidResponse, match="/api/v3/reporting"):
        decode_reporting(body)


@pytest.mark.parametrize("data", [b'[{"room_id":"\xff"}]', b'{"a":"\xff"}'])
def test_bytes_that_are_no_text_are_an_invalid_response_where_they_are_read(data):
    report = decode_reporting(b'{"data":' + data + b"}")
    with pytest.raises(InvalidResponse):
        _ = (report.rows, report.data)


def test_dirt_costs_its_own_field_and_shifts_nothing():
    rows = answer(
        [
            {"value": "3", "room_id": 7, "sensor_id": "sensor_1", "unknown": {"deep": [1]}},
            "not a row",
            {"value": "nan", "time": 1667888615000, "preprocessed": "true"},
            {"value": {"a": 1}, "time": 1.5, "zone_id": "", "start": 12.0},
            None,
            {"value": " 4.5 "},
            {"value": ""},
            {"value": True},
        ]
    ).rows
    assert rows == [
        Row(value=3.0, sensor_id="sensor_1"),
        Row(),
        Row(time=1667888615000, preprocessed=True),
        Row(start=12),
        Row(),
        Row(value=4.5),
        Row(),
        Row(),
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "NaN"])
def test_no_number_is_infinite_or_not_a_number(value):
    assert answer([{"value": value}]).rows == [Row()]
    assert answer({"a": {"b": [{"value": value}]}}).rows == [Row()]


def test_a_report_of_data_equals_a_report_of_bytes():
    for data in ([ROW], {"room_1": {"in": {"sum": 1}}}, {"r": [ROW]}, {}, [], None):
        parsed, decoded = Reporting.from_data(data, PAGE_INFO), answer(data, page_info=PAGE_INFO)
        for name in ("data", "rows", "leaves", "is_flat", "is_empty_object", "page_info"):
            assert getattr(parsed, name) == getattr(decoded, name), name
        assert json.loads(parsed.body) == json.loads(decoded.body)


def test_depth_is_no_danger():
    depth = 300
    report = decode_reporting(b'{"data":' + b'{"k":' * depth + b"1" + b"}" * depth + b"}")
    assert report.leaves[0].path == ("k",) * depth

    data = 1
    for _ in range(3000):
        data = {"k": data}
    (leaf,) = flatten(data)
    assert (len(leaf.path), leaf.value) == (3000, 1.0)
    unflattened = unflatten([leaf])
    while unflattened != 1:
        (unflattened,) = unflattened.values()


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=8)
row_like = st.dictionaries(st.sampled_from(["value", "time", "room_id", "zone_id", "other"]), scalars, max_size=4)
keys = st.text(max_size=6) | st.sampled_from(["sum", "stdev", "room_1", "in"])
nested = st.recursive(
    scalars | st.lists(row_like | scalars, max_size=3) | st.dictionaries(st.sampled_from(["sum", "mean"]), scalars),
    lambda inner: st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


wire_rows = st.lists(
    st.dictionaries(
        st.sampled_from(["value", "time", "room_id", "zone_id", "field", "preprocessed"]),
        st.sampled_from(["", "x", "2025-10-14T15:00:00Z", None]) | scalars,
        max_size=5,
    )
    | scalars,
    max_size=4,
)


@given(wire_rows, st.frozensets(st.sampled_from(Row.__struct_fields__)))
def test_rows_of_some_fields_say_what_whole_rows_say(items, fields):
    narrow, whole = answer(items).rows_with(fields), answer(items).rows
    assert len(narrow) == len(whole)
    for some, row in zip(narrow, whole, strict=True):
        assert [getattr(some, name) for name in fields] == [getattr(row, name) for name in fields]


def test_clean_rows_of_some_fields_have_no_others_and_blanks_are_absent():
    (row,) = answer([ROW]).rows_with(frozenset({"value", "zone_id", "timezone_offset"}))
    assert (row.value, row.zone_id, row.timezone_offset) == (1.0, None, "-7h")
    assert not hasattr(row, "room_id")


def test_rows_of_some_fields_are_decoded_once_and_asked_for_more_they_are_whole():
    report = answer([ROW])
    first = report.rows_with(frozenset({"value", "time"}))
    assert report.rows_with(frozenset({"time"})) is first
    assert report.rows_with(frozenset({"time", "room_id"})) is report.rows
    assert report.rows_with(frozenset({"time"})) is report.rows


@given(wire_rows)
def test_an_answer_put_together_of_its_items_is_the_same_answer(items):
    for whole in (answer(items), Reporting.from_data(items)):
        parted = Reporting.of_items(whole.items)
        assert len(whole.items) == len(items)
        assert (parted.data, parted.rows, parted.is_flat) == (items, whole.rows, True)
        assert decode_reporting(parted.body).data == items


def test_null_has_no_items():
    assert decode_reporting(b'{"data":null}').items == Reporting.from_data(None).items == []


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        (b"null", True),
        (b"[ ]", True),
        (b"{\n}", True),
        (b"[{}]", False),
        (b"[null]", False),
        (b'{"a":{}}', False),
    ],
)
def test_an_answer_without_points_is_told_before_it_is_decoded(data, empty):
    report = decode_reporting(b'{"data": ' + data + b" }")
    assert report.is_empty is empty
    assert Reporting.from_data(report.data).is_empty is empty


@given(nested)
def test_what_is_flattened_and_put_back_is_what_came(data):
    assert unflatten(flatten(data)) == data


@given(nested)
def test_a_leaf_is_of_one_kind_and_paths_are_distinct(data):
    leaves = flatten(data)
    assert len({leaf.path for leaf in leaves}) == len(leaves)
    for leaf in leaves:
        assert [leaf.statistics, leaf.value, leaf.rows].count(None) >= 2


dirty_values = {
    name: st.none()
    | st.booleans()
    | numbers
    | st.sampled_from(["", "3", "-1.5e3", "nan", "inf", "x", "true", "null", "0"])
    for name in _READERS
}
clean_values = {name: st.sampled_from(["", "x", "sensor_1"]) | st.none() for name in _READERS} | {
    "value": numbers | st.none() | st.sampled_from(["3", "-1.5e3", "0.25"]),
    "preprocessed": st.booleans() | st.none(),
    "time": st.integers(-(2**63), 2**63) | st.just("2025-10-14T15:00:00Z"),
}


@given(
    st.lists(
        st.fixed_dictionaries({}, optional=clean_values) | st.fixed_dictionaries({}, optional=dirty_values),
        max_size=4,
    )
)
def test_the_typed_and_the_tolerant_decode_agree(rows):
    body = orjson.dumps(rows)
    assert decode_rows(body) == rows_from(orjson.loads(body))


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: b'{"data":' + text.encode() + b"}"))
def test_any_bytes_are_a_report_or_an_invalid_response(body):
    try:
        report = decode_reporting(body)
        _ = (report.data, report.rows, report.leaves)
    except InvalidResponse:
        pass
    else:
        assert isinstance(json.loads(body)["data"], dict | list | None)


wire_rows = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"value": st.one_of(st.integers(0, 9), st.just("3"), st.none())}, optional={"room_id": st.text(max_size=3)}
        ),
        st.none(),
        st.integers(),
    ),
    max_size=4,
)
nested = st.recursive(
    st.one_of(
        wire_rows,
        st.integers(),
        st.none(),
        st.fixed_dictionaries({"mean": st.sampled_from([1, None, "2", "x", {}, []])}),
    ),
    lambda below: st.dictionaries(st.sampled_from(["room_1", "in", "sum", "count", 'ü"', "x"]), below, max_size=3),
    max_leaves=12,
)


@given(
    data=st.dictionaries(st.sampled_from(["room_1", "room_2", "max"]), nested, max_size=3),
    indent=st.sampled_from([None, 1]),
)
def test_rows_of_a_grouped_answer_are_the_same_decoded_in_part(data, indent):
    body = json.dumps({"data": data}, indent=indent).encode()
    fields = frozenset({"value", "room_id"})
    expected = [(row.value, row.room_id) for row in decode_reporting(body).rows]
    assert [(row.value, row.room_id) for row in decode_reporting(body).rows_with(fields)] == expected


@pytest.mark.parametrize("data", [b'{"room_1":[{"value":1}', b'{"room_1":[{"room_id":"\xff"}]}'])
def test_rows_of_a_grouped_answer_that_cannot_be_decoded_are_an_error(data):
    with pytest.raises(InvalidResponse):
        decode_reporting(b'{"data":' + data + b"}").rows_with(frozenset({"room_id"}))
