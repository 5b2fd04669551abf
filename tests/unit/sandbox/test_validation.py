from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade.sandbox import detections, reporting, stats
from facade.sandbox.auth import Refused
from facade.sandbox.construction import build_campus
from facade.sandbox.people import People
from facade.sandbox.report_query import parse_report
from facade.sandbox.validation import Invalid, format_time

START = {"start": "2025-10-15T10:00:00Z"}

REPORTS = {
    "filter": {},
    "filter.start": {"filter": {}},
    "nonsense": {"filter": START, "nonsense": 1},
    "filter.nonsense": {"filter": {**START, "nonsense": 1}},
    "filter.stop": {"filter": {**START, "stop": "now"}},
    "filter.measurements": {"filter": {**START, "measurements": ["warmth"]}},
    "filter.rooms": {"filter": {**START, "rooms": ["room_1"]}},
    "filter.rooms.eq": {"filter": {**START, "rooms": {"eq": "room_1"}}},
    "filter.sensors.in": {"filter": {**START, "sensors": {"in": ["sensor_1"]}}},
    "filter.value.gte": {"filter": {**START, "value": {"gte": "0"}}},
    "filter.value.equals": {"filter": {**START, "value": {"equals": 0}}},
    "filter.calibrated": {"filter": {**START, "calibrated": True}},
    "filter.time_constraints.time_ranges[0].stop": {
        "filter": {**START, "time_constraints": {"time_ranges": [{"start": "09:00", "stop": "25:00"}]}}
    },
    "filter.time_constraints.time_ranges[0]": {
        "filter": {**START, "time_constraints": {"time_ranges": [{"start": "09:00", "stop": "08:00"}]}}
    },
    "filter.time_constraints.exclude_days_of_week": {
        "filter": {**START, "time_constraints": {"exclude_days_of_week": ["someday"]}}
    },
    "window.every": {"filter": START, "window": {"every": "five minutes"}},
    "window.function": {"filter": START, "window": {"every": "5m", "function": "avg"}},
    "window.timezone": {"filter": START, "window": {"every": "5m", "timezone": "Mars/Olympus"}},
    "window.offset": {"filter": START, "window": {"every": "5m", "offset": "soon"}},
    "window.create_empty": {"filter": START, "window": {"every": "5m", "create_empty": "yes"}},
    "window.fill.use_previous": {"filter": START, "window": {"every": "5m", "fill": {"use_previous": 1}}},
    "window.nonsense": {"filter": START, "window": {"every": "5m", "nonsense": 1}},
    "group_by.order": {"filter": START, "group_by": {"order": ["colour"]}},
    "group_by.raw": {"filter": START, "group_by": {"raw": "true"}},
    "options.format": {"filter": START, "options": {"format": "xml"}},
    "options.precision": {"filter": START, "options": {"precision": "h"}},
    "options.timestamp": {"filter": START, "options": {"timestamp": "unix"}},
    "paginate.page": {"filter": START, "paginate": {"page": 0, "limit": 10}},
    "paginate.limit": {"filter": START, "paginate": {"page": 1, "limit": "10"}},
    "calibration_points": {"filter": START, "calibration_points": {}},
    "calibration_points[0].occupancy": {"filter": START, "calibration_points": [{"occupancy": "3"}]},
}
DETECTIONS = {
    "data_types": {"filter": START},
    "filter": {"data_types": ["detections_local"]},
    "filter.start": {"data_types": ["detections_local"], "filter": {"room_id": "room_1"}},
    "filter.stop": {"data_types": ["detections_local"], "filter": {**START, "stop": "now"}},
    "filter.room_id": {"data_types": ["detections_local"], "filter": {**START, "room_id": {"eq": ["room_1"]}}},
    "filter.rooms": {"data_types": ["detections_local"], "filter": {**START, "rooms": {"eq": ["room_1"]}}},
    "filter.mac_addresses": {"data_types": ["detections_local"], "filter": {**START, "mac_addresses": "m"}},
    "filter.omit_empty_value": {
        "data_types": ["detections_local"],
        "filter": {**START, "omit_empty_value": "true"},
    },
    "window.every": {"data_types": ["detections_local"], "filter": START, "window": {"every": "x"}},
    "window.heatmap_v2_options.grid_resolution": {
        "data_types": ["heatmap_v2"],
        "filter": START,
        "window": {"heatmap_v2_options": {"grid_resolution": 2}},
    },
    "group_by": {"data_types": ["detections_local"], "filter": START, "group_by": {}},
}
TWO_DAYS = {"start": "2025-10-01", "stop": "2025-10-02"}
STATS = {
    "measurements": {"items": [], "measurements": [], **TWO_DAYS},
    "items": {"measurements": ["occupancy_avg_presence"], "items": ["room_none"], **TWO_DAYS},
    "start": {"measurements": ["occupancy_avg_presence"], "items": [], "stop": "2025-10-02"},
    "stop": {"measurements": ["occupancy_avg_presence"], "items": [], "start": "-1d", "stop": "-1h"},
    "window": {"measurements": ["occupancy_avg_presence"], "items": [], "window": {}, **TWO_DAYS},
}


def fields(reply):
    assert reply.status_code == 400
    assert reply.json()["message"] == "Invalid request"
    assert all(error["message"] for error in reply.json()["errors"])
    return {error["field"] for error in reply.json()["errors"]}


@pytest.mark.parametrize("field", REPORTS)
async def test_a_report_is_refused_with_the_field_that_is_wrong(api, field):
    assert fields(await api.report(**REPORTS[field])) == {field}


@pytest.mark.parametrize("field", DETECTIONS)
async def test_detections_are_refused_with_the_field_that_is_wrong(api, field):
    assert fields(await api.detections(**DETECTIONS[field])) == {field}


@pytest.mark.parametrize("field", STATS)
async def test_stats_are_refused_with_the_field_that_is_wrong(api, field):
    assert field in fields(await api.stats(**STATS[field]))


@pytest.mark.parametrize(
    "start", ["yesterday", "2025-10-15", "2025-13-01T00:00:00Z", "2025-10-15T10:00:00", "1d", "-1x", 5]
)
async def test_a_start_that_is_no_time_is_refused(api, start):
    assert fields(await api.report(filter={"start": start})) == {"filter.start"}


@pytest.mark.parametrize("start", ["-1d", "-5m", "-1w", "-1M", "2025-10-15T10:00:00+02:00", "2025-10-15T10:00:00.123Z"])
async def test_rfc_3339_and_relative_starts_are_taken(api, start):
    reply = await api.report(filter={"start": start, "measurements": ["floor_occupancy"]}, window={"every": "1w"})

    assert reply.status_code == 200


async def test_a_stop_before_the_start_is_refused(api):
    assert fields(await api.report(filter={"start": "-1h", "stop": "-2h"})) == {"filter.stop"}


async def test_every_mistake_is_named_at_once(api):
    reply = await api.report(filter={"stop": "now"}, window={"every": "x", "function": "avg"})

    assert fields(reply) == {"filter.start", "filter.stop", "window.every", "window.function"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"filter=x"])
@pytest.mark.parametrize("path", ["/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"])
async def test_a_body_that_is_no_json_object_is_refused(api, path, body):
    assert fields(await api.http.post(path, content=body)) == {"body"}


PEOPLE = People(build_campus(3), 1)
NOW = datetime.fromisoformat("2025-10-15T20:00:00Z").timestamp()
JUNK = [None, True, 0, -1, 1.5, "", "x", [], {}, [1], ["x"], {"eq": []}, {"x": 1}]


def mostly(*values):
    """One of these values; now and then something else altogether."""
    return st.sampled_from([*values * (40 * len(JUNK) // len(values)), *JUNK])


TIMES = ("1970-01-01T00:00:00Z", "2025-10-15T00:00:00.001+05:30", "2025-11-02T09:00:00Z", "2099-12-31T23:59:59-14:00")
NO_TIMES = ("-999999999w", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "now", "-0s")
STARTS = mostly(*(("-1d", "-3M", "2025-10-14T10:00:01Z", *TIMES) * 5), *NO_TIMES)
STOPS = mostly(*(("-1h", *TIMES[1:]) * 5), *NO_TIMES)
WINDOW = {"function": mostly("first", "sum", "median", "last", "mean", "max")}
EVERY = {"every": mostly(*(("1s", "7s", "1d", "1w", "1M", "1M1s", "100M") * 5), "999999999M", "999999999w", "-1h")}
REPORT_WINDOW = {
    **WINDOW,
    "timezone": mostly(*(("UTC", "America/Los_Angeles", "Pacific/Kiritimati") * 5), "../etc/passwd", "\ud800"),
    "offset": mostly("1h", "-90s", "40w"),
    "create_empty": mostly(True, False),
    "fill": mostly({"value": 1}, {"use_previous": True}),
}
CONSTRAINTS = mostly(
    {"time_ranges": [{"start": "09:00", "stop": "24:00"}, {"start": "08:00", "stop": "10:00"}]},
    {"exclude_days_of_week": ["monday"]},
)
REPORT_FILTER = st.fixed_dictionaries(
    {"start": STARTS},
    optional={
        "stop": STOPS,
        "measurements": mostly(["traffic", "floor_presence_time_secs"], ["presence"]),
        "value": mostly({"gte": 0}, {"lt": 1e308}),
        "time_constraints": CONSTRAINTS,
    },
)
REPORT = {
    "window": st.fixed_dictionaries(EVERY, optional=REPORT_WINDOW),
    "group_by": mostly({"order": ["time", "tag_id"]}, {"order": []}, {"raw": True}, {"order": ["time"], "raw": True}),
    "options": mostly({"format": "csv"}, {"precision": "ns"}),
    "paginate": mostly({"page": 10**9, "limit": 1}, {}),
}
DETECTION = {
    "filter": st.fixed_dictionaries(
        {"start": STARTS}, optional={"stop": STOPS, "mac_addresses": mostly([]), "omit_empty_value": mostly(True)}
    ),
    "data_types": mostly(["detections_local"], ["heatmap", "detections_world"], ["heatmap_v2"]),
    "window": st.fixed_dictionaries(EVERY, optional=WINDOW),
}
STATISTICS = {
    "measurements": mostly(["occupancy_avg_presence", "occupancy_used_median_traffic"]),
    "items": mostly([PEOPLE.campus.rooms[0].id], [PEOPLE.campus.floors[0].id]),
    "start": STARTS | st.sampled_from(["1970-01-01", "2025-02-30", "0001-01-01", "9999-12-31"]),
    "stop": STOPS | st.sampled_from(["2025-10-10", "9999-12-31"]),
    "filters": CONSTRAINTS,
}
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answered_or_refused(answer):
    try:
        reply = answer()
    except Invalid as refusal:
        return bool(refusal.errors)
    except Refused as refusal:
        return refusal.status == 504
    return isinstance(reply, dict | str)


@FUZZ
@given(st.fixed_dictionaries({"filter": REPORT_FILTER}, optional=REPORT))
def test_any_report_is_either_answered_or_refused(body):
    def answer():
        query = parse_report(body, NOW)
        return reporting.answer(query, PEOPLE, max_points=5_000, max_ids=None, shallow=False)

    assert answered_or_refused(answer)


@FUZZ
@given(st.fixed_dictionaries(DETECTION))
def test_any_detections_are_either_answered_or_refused(body):
    def answer():
        return detections.answer(detections.parse_detections(body, NOW), PEOPLE, max_points=5_000)

    assert answered_or_refused(answer)


@FUZZ
@given(st.fixed_dictionaries(STATISTICS))
def test_any_stats_are_either_answered_or_refused(body):
    assert answered_or_refused(
        lambda: stats.answer(stats.parse_stats(body, PEOPLE.campus, NOW), PEOPLE, max_points=5_000)
    )


@given(st.integers(0, 4_000_000_000), st.integers(0, 999))
def test_a_formatted_time_reads_as_the_same_moment(seconds, millis):
    text = format_time(seconds + millis / 1000)

    assert text.endswith("Z")
    assert ("." in text) == bool(millis)
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == seconds * 1000 + millis
