"""REST bodies as variables, and the replies that Butlr's docs and recordings show."""

import json
from datetime import datetime, timedelta

import pytest

from facade.butlr import is_rfc3339

REPORTING, DETECTIONS = "/api/v3/reporting", "/api/v3/detections"

# The sample of Butlr's REST reference.
SEED = {
    "filter": {"start": "-1d", "value": {"gte": 0}},
    "group_by": {"order": ["space_id", "field"]},
    "window": {"every": "1h", "function": "sum"},
}
REPORT = """
query ($filter: ReportFilter!, $group_by: ReportGroupBy, $window: ReportWindow, $options: ReportOptions,
       $paginate: Paginate, $calibration_points: [CalibrationPoint!]) {
  report(filter: $filter, group_by: $group_by, window: $window, options: $options, paginate: $paginate,
         calibration_points: $calibration_points) {
    data
    rows { time start stop field measurement value preprocessed timezone_offset tag_id building_id building_name
           hive_id hive_serial sensor_id space_id space_name room_id room_name zone_id zone_name mac_address }
    series { measurement field sensor_id room_id zone_id space_id times values }
    groups { keys { name value } value time
             statistics { sum min max count mean median stddev first last } }
    page_info { page page_item_count total_item_count total_pages }
  }
}
"""
STATISTICS = {
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
NO_PAGES = {"page": 1, "page_item_count": 0, "total_item_count": 0, "total_pages": 1}
FLAT = {"filter": {"start": "2025-10-14T14:24:45Z", "stop": "2025-10-14T15:24:45Z", "measurements": ["traffic"]}}


def grouped(*order, raw=None, **rest):
    return {**FLAT, "group_by": {"order": list(order), **({} if raw is None else {"raw": raw})}, **rest}


class TestForwarding:
    def test_the_seed_body_goes_up_unchanged_and_comes_back_in_every_shape(self, facade, sandbox, token):
        report = facade.data(REPORT, SEED, token=token)["report"]
        (call,) = sandbox.calls(token)
        assert call["path"] == REPORTING
        # The seed's `-1d` is a 400 since August 2026: the same, but absolute.
        span = {name: call["body"]["filter"].pop(name) for name in ("start", "stop")}
        assert all(is_rfc3339(moment) for moment in span.values())
        seed = json.loads(json.dumps(SEED))
        assert seed["filter"].pop("start") == "-1d"
        assert call["body"] == seed

        assert report["rows"] == []
        assert report["groups"]
        for group in report["groups"]:
            space, field = group["keys"]
            assert (space["name"], field["name"]) == ("space_id", "field")
            statistics = report["data"][space["value"]][field["value"]]
            assert group["statistics"] == statistics
            assert group["value"] == statistics["sum"]

    @pytest.mark.parametrize(
        "body",
        [
            {
                "filter": {
                    "start": "2025-10-07T00:00:00Z",
                    "stop": "2025-10-14T00:00:00Z",
                    "measurements": ["room_occupancy"],
                    "value": {"gt": 0.5, "lte": 20},
                }
            },
            {
                "filter": {
                    "start": "2025-10-14T00:00:00+02:00",
                    "stop": "2025-10-15T00:00:00.500Z",
                    "measurements": ["traffic", "presence"],
                    "spaces": {"eq": ["space_1", "space_2"]},
                    "rooms": {"eq": ["room_1"]},
                    "zones": {"eq": ["zone_1"]},
                    "buildings": {"eq": ["building_1"]},
                    "clients": {"eq": ["site_1"]},
                    "tags": {"eq": ["tag_1"]},
                    "sensors": {"eq": ["sensor_1"]},
                    "hives": {"eq": ["hive_1"]},
                    "mac_addresses": {"eq": ["00-17-0D-00-00-aa-bb-cc"]},
                    "calibrated": "true",
                    "time_constraints": {
                        "time_ranges": [{"start": "09:00", "stop": "17:00"}],
                        "exclude_days_of_week": ["saturday", "sunday"],
                    },
                },
                "window": {
                    "every": "1h30m",
                    "function": "median",
                    "offset": "15m",
                    "timezone": "Europe/Berlin",
                    "create_empty": True,
                    "fill": {"use_previous": False},
                },
                "group_by": {"order": ["room_id", "time"], "raw": False},
                "options": {
                    "format": "json",
                    "precision": "ms",
                    "timestamp": "RFC3339",
                    "includeCalibrationPoints": True,
                },
                "paginate": {"page": 2, "limit": 50},
                "calibration_points": [{"timestamp": "2025-10-14T12:00:00Z", "occupancy": 3, "type": "manual_count"}],
            },
        ],
        ids=["little", "everything"],
    )
    def test_nothing_of_a_body_is_added_renamed_or_dropped(self, stand_in, ask, body):
        stand_in.answers(REPORTING, {"data": [ROW], "page_info": NO_PAGES})
        assert "errors" not in ask(REPORT, body)
        (asked,) = stand_in.asked
        assert asked.body == body

    def test_zero_is_written_as_it_was_sent(self, stand_in_server, facade_of_stand_in, stand_in, ask, http):
        stand_in.answers(REPORTING, {"data": [ROW]})
        ask(REPORT, SEED)
        assert isinstance(stand_in.asked[0].body["filter"]["value"]["gte"], int)

    def test_stop_now_is_the_last_whole_minute(self, stand_in, ask):
        stand_in.answers(REPORTING, {"data": [ROW]})
        ask(REPORT, {"filter": {"start": "-1d", "stop": "now"}})
        span = stand_in.asked[0].body["filter"]
        start, stop = (datetime.fromisoformat(span[name]) for name in ("start", "stop"))
        assert stop - start == timedelta(days=1)
        assert (stop.second, stop.microsecond) == (0, 0)

    def test_the_fields_of_detections_decide_the_data_types(self, stand_in, ask):
        stand_in.answers(DETECTIONS, {"detections_local": [], "heatmap": []})
        body = {
            "filter": {
                "start": "2025-10-14T14:00:00Z",
                "stop": "2025-10-14T15:00:00Z",
                "space_id": "space_1",
                "room_id": "room_1",
                "mac_addresses": ["m"],
                "omit_empty_value": False,
            },
            "window": {"every": "1m", "function": "max"},
        }
        document = """query ($filter: DetectionFilter!, $window: DetectionWindow) {
          detections(filter: $filter, window: $window) { detections_local { value } heatmap } }"""
        assert "errors" not in ask(document, body)
        (asked,) = stand_in.asked
        assert asked.body == {"data_types": ["detections_local", "heatmap"], **body}


class TestReportReplies:
    def test_nested_statistics(self, stand_in, ask):
        data = {"room_1": {"in": STATISTICS, "out": {**STATISTICS, "sum": 12}}}
        stand_in.answers(REPORTING, {"data": data})
        report = ask(REPORT, grouped("room_id", "field", window={"every": "1h", "function": "max"}))["data"]["report"]
        assert report["data"] == data
        assert report["rows"] == report["series"] == []
        assert report["groups"] == [
            {
                "keys": [{"name": "room_id", "value": "room_1"}, {"name": "field", "value": field}],
                "value": 6,
                "time": None,
                "statistics": {**STATISTICS, "sum": total},
            }
            for field, total in (("in", 10), ("out", 12))
        ]

    def test_a_reply_shallower_than_asked(self, stand_in, ask):
        leaf = {"sum": 26, "min": 0, "max": 3, "count": 24, "mean": 1.083, "median": 1, "stddev": 0.799}
        stand_in.answers(REPORTING, {"data": {"occupancy": leaf}})
        report = ask(REPORT, SEED)["data"]["report"]
        assert report["data"] == {"occupancy": leaf}
        (group,) = report["groups"]
        assert group["keys"] == [{"name": "field", "value": "occupancy"}]
        assert group["statistics"] == {**leaf, "first": None, "last": None}
        assert group["value"] == 26

    def test_times_as_the_outer_level(self, stand_in, ask):
        data = {"2025-10-14T15:00:00Z": {"in": STATISTICS}}
        stand_in.answers(REPORTING, {"data": data})
        (group,) = ask(REPORT, grouped("time", "field"))["data"]["report"]["groups"]
        assert [key["name"] for key in group["keys"]] == ["time", "field"]
        assert group["time"] == "2025-10-14T15:00:00Z"

    def test_stdev_is_read_as_stddev(self, stand_in, ask):
        leaf = {name: value for name, value in STATISTICS.items() if name != "stddev"}
        stand_in.answers(REPORTING, {"data": {"room_1": {**leaf, "stdev": 1.5}}})
        (group,) = ask(REPORT, grouped("room_id"))["data"]["report"]["groups"]
        assert group["statistics"] == {**STATISTICS, "stddev": 1.5}

    def test_flat_rows_whose_absent_ids_are_empty(self, stand_in, ask):
        stand_in.answers(REPORTING, {"data": [ROW], "page_info": NO_PAGES})
        report = ask(REPORT, FLAT)["data"]["report"]
        assert report["data"] == [ROW]
        assert report["rows"] == [{**ROW, "tag_id": None, "zone_id": None, "zone_name": None}]
        assert report["groups"] == []
        assert report["series"] == [
            {
                "measurement": "traffic",
                "field": "out",
                "sensor_id": "sensor_1",
                "room_id": "room_1",
                "zone_id": None,
                "space_id": "space_1",
                "times": ["2025-10-14T15:00:00Z"],
                "values": [1],
            }
        ]

    def test_page_info_means_something_only_where_pages_were_asked(self, stand_in, ask):
        pages = {"page": 2, "page_item_count": 1, "total_item_count": 51, "total_pages": 2}
        stand_in.answers(REPORTING, {"data": [ROW], "page_info": pages})
        assert ask(REPORT, FLAT)["data"]["report"]["page_info"] is None
        paged = {**FLAT, "paginate": {"page": 2, "limit": 50}}
        assert ask(REPORT, paged)["data"]["report"]["page_info"] == pages

    def test_calibrated_raw_rows_under_another_measurement(self, stand_in, ask):
        row = {
            **ROW,
            "time": "2025-10-14T15:04:43Z",
            "field": "aggregator_occupancy",
            "measurement": "aggregator_headcount",
            "preprocessed": True,
            "value": 0,
            "timezone_offset": "",
        }
        data = {"room_1": {"2025-10-14T15:04:43Z": [row]}}
        stand_in.answers(REPORTING, {"data": data})
        body = {
            "filter": {**FLAT["filter"], "measurements": ["traffic_room_occupancy"], "calibrated": "true"},
            "window": {"every": "1m", "function": "median", "timezone": "America/Los_Angeles"},
            "group_by": {"order": ["room_id", "time"], "raw": True},
        }
        report = ask(REPORT, body)["data"]["report"]
        assert stand_in.asked[0].body == body
        assert report["data"] == data
        assert [
            (one["measurement"], one["value"], one["preprocessed"], one["timezone_offset"]) for one in report["rows"]
        ] in (
            [("aggregator_headcount", 0, True, None)],
            [("aggregator_headcount", 0, True, "")],
        )
        (group,) = report["groups"]
        assert group["keys"] == [
            {"name": "room_id", "value": "room_1"},
            {"name": "time", "value": "2025-10-14T15:04:43Z"},
        ]
        assert (group["value"], group["time"], group["statistics"]) == (0, "2025-10-14T15:04:43Z", None)
        assert report["series"][0]["values"] == [0]

    def test_numbers_may_be_text_and_unknown_fields_may_stand_anywhere(self, stand_in, ask):
        row = {**ROW, "value": "1.5", "firmware": {"new": [1]}}
        stand_in.answers(REPORTING, {"data": [row], "took_ms": 12})
        report = ask(REPORT, FLAT)["data"]["report"]
        assert report["data"] == [row]
        assert report["rows"][0]["value"] == 1.5

        leaf = {name: str(value) for name, value in STATISTICS.items()} | {"p95": 6}
        stand_in.answers(REPORTING, {"data": {"room_1": leaf}})
        (group,) = ask(REPORT, grouped("room_id"))["data"]["report"]["groups"]
        assert group["statistics"] == STATISTICS

    def test_a_row_that_lacks_nearly_all_costs_nothing_of_its_neighbours(self, stand_in, ask):
        stand_in.answers(
            REPORTING,
            {"data": [{"value": None}, {"time": None, "sensor_id": 5, "value": True}, {"value": 2}, ROW]},
        )
        answer = ask(REPORT, FLAT)
        assert "errors" not in answer
        rows = answer["data"]["report"]["rows"]
        assert [row["value"] for row in rows] == [None, None, 2, 1]
        assert [row["time"] for row in rows] == [None, None, None, ROW["time"]]
        assert rows[1]["sensor_id"] is None
        assert answer["data"]["report"]["series"][-1]["times"] == [ROW["time"]]

    def test_no_rows_are_an_empty_list(self, stand_in, ask):
        stand_in.answers(REPORTING, {"data": [], "page_info": NO_PAGES})
        report = ask(REPORT, FLAT)["data"]["report"]
        assert report == {"data": [], "rows": [], "series": [], "groups": [], "page_info": None}

    def test_an_empty_object_for_a_flat_ask_is_told_as_too_much(self, stand_in, ask):
        stand_in.answers(REPORTING, {"data": {}, "page_info": {**NO_PAGES, "page": 0, "total_pages": 0}})
        answer = ask(REPORT, {"filter": {**FLAT["filter"], "rooms": {"eq": ["room_1"]}}})
        assert answer["data"] == {"report": None}
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UPSTREAM_TIMEOUT"
        assert "shorter span" in error["message"]
        assert "`facade export report`" in error["message"]


class TestDetectionReplies:
    DOCUMENT = """{ detections(filter: {start: "2022-11-08T06:20:00Z", stop: "2022-11-08T06:25:00Z"}) {
      detections_local { start_time sample_time mac_address value points { x y } } } }"""

    def test_epoch_milliseconds_are_rfc3339(self, stand_in, ask):
        stand_in.answers(
            DETECTIONS,
            {
                "detections_local": [
                    {
                        "start_time": 1667888615000,
                        "sample_time": 1667888615900,
                        "mac_address": "00-17-0d-00-00-xx-xx-xx",
                        "value": [[0.38, 0.42], [0.56, 0.93]],
                    }
                ]
            },
        )
        answer = ask(self.DOCUMENT)
        assert answer == {
            "data": {
                "detections": {
                    "detections_local": [
                        {
                            "start_time": "2022-11-08T06:23:35Z",
                            "sample_time": "2022-11-08T06:23:35.900Z",
                            "mac_address": "00-17-0d-00-00-xx-xx-xx",
                            "value": [[0.38, 0.42], [0.56, 0.93]],
                            "points": [{"x": 0.38, "y": 0.42}, {"x": 0.56, "y": 0.93}],
                        }
                    ]
                }
            }
        }

    def test_entries_that_lack_parts_cost_nothing_of_their_neighbours(self, stand_in, ask):
        stand_in.answers(
            DETECTIONS,
            {
                "detections_local": [
                    {"mac_address": "", "value": None, "extra": 1},
                    {"start_time": "2022-11-08T06:23:35Z", "mac_address": "m", "value": [["0.5", 1]]},
                    {"start_time": 1667888615000.0, "mac_address": "m", "value": []},
                ]
            },
        )
        answer = ask(self.DOCUMENT)
        assert "errors" not in answer
        bare, text, empty = answer["data"]["detections"]["detections_local"]
        assert bare == dict.fromkeys(("start_time", "sample_time", "mac_address", "value", "points"))
        assert (text["start_time"], text["value"]) == ("2022-11-08T06:23:35Z", [[0.5, 1]])
        assert (empty["start_time"], empty["value"]) == ("2022-11-08T06:23:35Z", [])

    def test_a_data_type_missing_from_the_reply_is_null(self, stand_in, ask):
        stand_in.answers(DETECTIONS, {"detections_world": []})
        assert ask(self.DOCUMENT) == {"data": {"detections": {"detections_local": None}}}


class TestStatistics:
    """Stats v4, keyed by item and then by measurement."""

    DOCUMENT = """{ stats(measurements: [occupancy_avg_presence, occupancy_median_presence], items: ["room_1"],
                          start: "2025-04-01", stop: "2025-04-02") { item values { measurement value } } }"""

    def test_the_recorded_reply(self, stand_in, ask):
        stand_in.answers(
            "/api/v4/reporting/stats",
            {"data": {"room_1": {"occupancy_avg_presence": 0.017, "occupancy_median_presence": 0}}},
        )
        answer = ask(self.DOCUMENT)
        assert answer == {
            "data": {
                "stats": [
                    {
                        "item": "room_1",
                        "values": [
                            {"measurement": "occupancy_avg_presence", "value": 0.017},
                            {"measurement": "occupancy_median_presence", "value": 0},
                        ],
                    }
                ]
            }
        }
        assert stand_in.asked[0].body["items"] == ["room_1"]
