import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import DetectionEntry, Detections, InvalidResponse, decode_detections, decode_stats

SEED = {
    "detections_local": [
        {
            "start_time": 1667888615000,
            "sample_time": 1667888615900,
            "mac_address": "00-17-0d-00-00-xx-xx-xx",
            "value": [[0.38, 0.42], [0.56, 0.93]],
        }
    ]
}


def answer(data):
    return decode_detections(orjson.dumps(data))


def test_an_entry_is_as_it_came():
    found = answer(SEED)
    assert found.entries("detections_local") == [DetectionEntry(**SEED["detections_local"][0])]
    assert found.entries("detections_world") is None
    assert found.raw("detections_local") == SEED["detections_local"]
    assert found.raw("heatmap") is None
    assert found.data_types == ("detections_local",)
    assert json.loads(found.body) == SEED


def test_a_wrapper_of_data_is_looked_through():
    assert answer({"data": SEED}).entries("detections_local") == answer(SEED).entries("detections_local")
    assert answer({"data": None}).data_types == ()
    assert answer({"data": {}}).entries("detections_local") is None


def test_a_heat_map_is_handed_on_whatever_it_is():
    heatmap = {"cells": [{"x": 0.5, "y": 1.5, "value": 3}], "n": None}
    assert answer({"heatmap_v2": heatmap}).raw("heatmap_v2") == heatmap


def test_dirt_costs_its_own_field_and_shifts_nothing():
    entries = answer(
        {
            "detections_local": [
                {
                    "start_time": "2025-10-14T15:04:43Z",
                    "mac_address": "",
                    "value": [[1, 2, 3], [4], ["5", "6"], "x", []],
                },
                7,
                {"sample_time": 1.5, "mac_address": 5, "value": None},
                {"start_time": True, "value": {"x": 1}},
            ]
        }
    ).entries("detections_local")
    assert entries == [
        DetectionEntry(start_time="2025-10-14T15:04:43Z", value=[[1.0, 2.0], [5.0, 6.0]]),
        DetectionEntry(),
        DetectionEntry(sample_time=1.5),
        DetectionEntry(),
    ]


def test_null_is_a_list_of_nothing():
    assert answer({"detections_local": None}).entries("detections_local") == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"a":', b'{"a":' + b"[" * 100_000])
def test_another_shape_is_an_invalid_response(body):
    with pytest.raises(InvalidResponse, match="/api/v3/detections"):
        decode_detections(body)


@pytest.mark.parametrize("value", [b'{"a":1}', b"3", b'["\xff"]'])
def test_a_data_type_that_is_no_list_is_an_invalid_response(value):
    found = decode_detections(b'{"detections_local":' + value + b"}")
    with pytest.raises(InvalidResponse):
        found.entries("detections_local")


def test_detections_of_data_equal_detections_of_bytes():
    made = Detections.from_data(SEED)
    assert made.entries("detections_local") == answer(SEED).entries("detections_local")
    assert made.raw("detections_local") == SEED["detections_local"]
    assert json.loads(made.body) == SEED


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(numbers, max_size=4), max_size=5), st.booleans())
def test_points_are_pairs(points, dirty):
    entry = {"value": [*points, "dirt"] if dirty else points}
    (found,) = answer({"detections_world": [entry]}).entries("detections_world")
    assert found.value == [[float(p[0]), float(p[1])] for p in points if len(p) >= 2]


def test_statistics_are_numbers_by_item_and_measurement():
    body = orjson.dumps(
        {
            "data": {
                "room_1": {"occupancy_avg_presence": 0.017, "a": "3", "b": None, "c": {"mean": 1}},
                "room_2": None,
            }
        }
    )
    assert decode_stats(body) == {
        "room_1": {"occupancy_avg_presence": 0.017, "a": 3.0, "b": None, "c": None},
        "room_2": {},
    }
    assert decode_stats(b'{"data":null}') == {}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data":[]}', b'{"data":3}'])
def test_statistics_of_another_shape_are_an_invalid_response(body):
    with pytest.raises(InvalidResponse, match="/api/v4/reporting/stats"):
        decode_stats(body)
