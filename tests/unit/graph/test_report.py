"""How one answer becomes rows, columns and groups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import Reporting, Row
from facade.cache import Entry
from facade.graph.report_records import ReportRecord, columns
from facade.loaders import Points
from facade.series import Label, ReportQuery, WindowTimes

ENTRY = Entry(body=b"", content_type="", as_of=1.0, fresh_until=2.0, settled_until=None, partial=True)


def record(data: Any, body: dict[str, Any] | None = None, page_info: Any = None) -> ReportRecord:
    query = ReportQuery(body or {"filter": {}}, None, None)
    return ReportRecord(Points(query, Label.STOP, ENTRY, Reporting.from_data(data, page_info)), query.body)


rows = st.lists(
    st.builds(
        Row,
        time=st.one_of(st.none(), st.sampled_from([f"2025-10-14T{h:02}:00:00Z" for h in range(24)])),
        field=st.sampled_from(["in", "out", None]),
        measurement=st.sampled_from(["traffic", "presence"]),
        sensor_id=st.sampled_from(["sensor_1", "sensor_2", None]),
        room_id=st.sampled_from(["room_1", None]),
        value=st.one_of(st.none(), st.floats(0, 9)),
    ),
    max_size=50,
)


@given(rows)
def test_columns_hold_every_point_that_has_a_time_once_and_in_order(rows):
    series = columns(rows, WindowTimes(ReportQuery({"filter": {}}, None, None), Label.STOP))
    points = sorted(
        (str((s.measurement, s.field, s.sensor_id, s.room_id)), time, str(value))
        for s in series
        for time, value in zip(s.times, s.values, strict=True)
    )
    assert points == sorted(
        (str((r.measurement, r.field, r.sensor_id, r.room_id)), r.time, str(r.value)) for r in rows if r.time
    )
    assert all(s.times == sorted(s.times) for s in series)
    keys = [(s.measurement, s.field, s.sensor_id, s.room_id) for s in series]
    assert len(keys) == len(set(keys))


def test_a_shallow_answer_names_its_one_level_by_the_last_of_the_order():
    [group] = record(
        {"occupancy": {"sum": 26, "stddev": 0.799}}, {"filter": {}, "group_by": {"order": ["space_id", "field"]}}
    ).groups
    assert [(key.name, key.value) for key in group.keys] == [("field", "occupancy")]
    assert (group.statistics.sum, group.statistics.stddev, group.statistics.first) == (26, 0.799, None)


def test_a_group_carries_the_asset_and_the_time_that_its_levels_name():
    body = {"filter": {}, "group_by": {"order": ["room_id", "time"]}, "window": {"every": "1h", "function": "max"}}
    [group] = record({"room_1": {"2025-10-14T15:00:00Z": {"max": 4, "mean": 2}}}, body).groups
    assert (group.room_id, group.time, group.value) == ("room_1", "2025-10-14T15:00:00Z", 4)


def test_without_a_function_a_groups_value_is_its_mean():
    [group] = record({"room_1": {"max": 4, "mean": 2}}, {"filter": {}, "group_by": {"order": ["room_id"]}}).groups
    assert group.value == 2


def test_grouped_statistics_have_no_rows_and_a_grouped_raw_answer_has_its_leaves():
    assert list(record({"room_1": {"sum": 1}}).rows) == []
    assert record({"room_1": {"sum": 1}}).series == []
    raw = record({"room_1": {"2025-10-14T15:04:43Z": [{"value": 3, "measurement": "aggregator_headcount"}]}})
    assert [(row.value, row.measurement) for row in raw.rows] == [(3.0, "aggregator_headcount")]


def test_a_flat_answer_has_no_groups():
    assert record([{"value": 1}]).groups == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [({"filter": {}}, None), ({"filter": {}, "paginate": {"page": 2, "limit": 1}}, 2)],
)
def test_page_info_is_null_unless_paginate_was_given(body, expected):
    info = record([], body, {"page": 2, "page_item_count": 1, "total_item_count": 9, "total_pages": 9}).page_info
    assert (info.page if info else None) == expected
