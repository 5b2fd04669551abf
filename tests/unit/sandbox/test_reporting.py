import csv
import io
from collections import Counter, defaultdict

import pytest

ROW_KEYS = [
    *("field", "measurement", "time", "start", "stop", "value", "preprocessed", "timezone_offset", "tag_id"),
    *("building_id", "building_name", "hive_id", "hive_serial", "sensor_id", "space_id", "space_name"),
    *("room_id", "room_name", "zone_id", "zone_name", "mac_address"),
]
CUSTOM_KEYS = {"floor_custom_id", "room_custom_id", "zone_custom_id"}
LEAF_KEYS = ["sum", "min", "max", "count", "mean", "median", "stddev", "first", "last"]
UNPAGED = {"page": 1, "page_item_count": 0, "total_item_count": 0, "total_pages": 1}
OVERLOADED = {
    "data": {},
    "page_info": {"page": 0, "page_item_count": 0, "total_item_count": 0, "total_pages": 0},
}
# Nine in the morning to one in the afternoon on the campus.
MORNING = {"start": "2025-10-15T16:00:00Z", "stop": "2025-10-15T20:00:00Z"}
ALL = {"value": {"gte": 0}}


async def test_a_flat_reply_is_a_list_of_rows_with_every_key(api):
    reply = await api.report(filter={**MORNING, "measurements": ["presence", "room_occupancy"]})

    body = reply.json()
    assert list(body) == ["data", "page_info"]
    assert body["page_info"] == UNPAGED
    for row in body["data"]:
        assert [key for key in row if key not in CUSTOM_KEYS] == ROW_KEYS
        assert all(isinstance(row[key], str) for key in row if key not in ("value", "preprocessed"))
        assert (row["start"], row["stop"]) == (MORNING["start"], MORNING["stop"])
        assert row["timezone_offset"] == "-7h"
        assert (row["sensor_id"] == row["mac_address"] == row["hive_id"] == "") == (
            row["measurement"] == "room_occupancy"
        )


async def test_custom_ids_are_echoed_only_where_they_are_set(api):
    custom = {room["id"]: room["customID"] for room in (await api.campus())["rooms"]}

    rows = await api.rows(**MORNING, **ALL, measurements=["room_occupancy"], window={"every": "1d"})

    assert {row["room_id"]: row.get("room_custom_id") for row in rows} == {
        row["room_id"]: custom[row["room_id"]] for row in rows
    }
    assert None in custom.values()


async def test_rows_agree_with_each_other_across_measurements(api):
    window = {"every": "5m", "function": "last"}
    presence = await api.rows(**MORNING, **ALL, measurements=["presence"], window=window)
    rooms = await api.rows(**MORNING, **ALL, measurements=["room_occupancy"], window=window)
    floors = await api.rows(**MORNING, **ALL, measurements=["floor_occupancy"], window=window)

    def totals(rows, key):
        found = Counter()
        for row in rows:
            found[row[key], row["time"]] += row["value"]
        return found

    assert totals(presence, "room_id") == totals(rooms, "room_id")
    assert totals(rooms, "space_id") == totals(floors, "space_id")
    assert floors


async def test_a_days_traffic_leaves_as_many_inside_as_the_floor_counts(api, clock):
    start = "2025-10-15T07:00:00Z"  # midnight on the campus
    entrances = {s["id"] for s in (await api.campus())["sensors"] if s["is_entrance"]}
    traffic = await api.rows(start=start, measurements=["traffic"], window={"every": "15m", "function": "sum"})
    occupancy = await api.rows(
        start="2025-10-15T19:59:00Z",
        measurements=["floor_occupancy", "traffic_floor_occupancy"],
        window={"every": "1m", "function": "last"},
        **ALL,
    )

    inside = defaultdict(int)
    for row in traffic:
        if row["sensor_id"] in entrances:
            inside[row["space_id"]] += row["value"] if row["field"] == "in" else -row["value"]
    # Whoever crosses during the very last minute is counted, but not yet sampled.
    late = await api.rows(
        start="2025-10-15T19:59:00Z", measurements=["traffic"], window={"every": "1m", "function": "sum"}
    )
    for row in late:
        if row["sensor_id"] in entrances:
            inside[row["space_id"]] -= row["value"] if row["field"] == "in" else -row["value"]
    assert occupancy
    assert all(row["value"] == inside[row["space_id"]] for row in occupancy)
    assert sum(inside.values()) > 10


async def test_traffic_is_a_row_for_each_sensor_direction_and_window(api):
    rows = await api.rows(**MORNING, **ALL, measurements=["traffic"], window={"every": "1h", "function": "sum"})

    sensors = [s for s in (await api.campus())["sensors"] if s["mode"] == "traffic"]
    assert Counter(row["field"] for row in rows) == {"in": 4 * len(sensors), "out": 4 * len(sensors)}
    assert len({(row["sensor_id"], row["field"], row["time"]) for row in rows}) == len(rows)


async def test_a_week_with_last_is_one_row_a_sensor_and_field(api):
    span = {"start": "2025-10-08T20:00:00Z", "stop": "2025-10-15T20:00:00Z"}
    rows = await api.rows(
        **span, **ALL, measurements=["presence", "traffic"], window={"every": "1w", "function": "last"}
    )

    modes = Counter(sensor["mode"] for sensor in (await api.campus())["sensors"])
    assert Counter(row["field"] for row in rows) == {
        "occupancy": modes["presence"],
        "in": modes["traffic"],
        "out": modes["traffic"],
    }
    last_minute = await api.rows(start="2025-10-15T19:59:00Z", **ALL, measurements=["presence"], window={"every": "1m"})
    assert {row["sensor_id"]: row["value"] for row in last_minute} == {
        row["sensor_id"]: row["value"] for row in rows if row["measurement"] == "presence"
    }


async def test_a_grouped_reply_is_nested_by_the_keys_asked_for_with_nine_statistics(api):
    reply = await api.report(
        filter={**MORNING, "measurements": ["traffic"]},
        window={"every": "1h", "function": "sum"},
        group_by={"order": ["room_id", "field"]},
    )

    data = reply.json()["data"]
    rooms = {room["id"] for room in (await api.campus())["rooms"]}
    # A floor's entrances have no room: their rows stand under "".
    assert set(data) <= rooms | {""}
    assert "" in data
    for fields in data.values():
        assert set(fields) <= {"in", "out"}
        assert all(list(leaf) == LEAF_KEYS for leaf in fields.values())


async def test_statistics_are_those_of_the_rows(api):
    ask = {"filter": {**MORNING, "measurements": ["room_occupancy"], **ALL}, "window": {"every": "1h"}}
    rows = (await api.report(**ask)).json()["data"]
    grouped = (await api.report(**ask, group_by={"order": ["room_id"]})).json()["data"]

    values = defaultdict(list)
    for row in rows:
        values[row["room_id"]].append(row["value"])
    assert set(grouped) == set(values)
    for room_id, leaf in grouped.items():
        expected = values[room_id]
        mean = sum(expected) / len(expected)
        assert leaf["count"] == len(expected)
        assert (leaf["first"], leaf["last"]) == (expected[0], expected[-1])
        assert (leaf["min"], leaf["max"]) == (min(expected), max(expected))
        assert leaf["sum"] == pytest.approx(sum(expected))
        assert leaf["mean"] == pytest.approx(mean)
        assert leaf["median"] == sorted(expected)[len(expected) // 2]
        assert leaf["stddev"] == pytest.approx((sum((value - mean) ** 2 for value in expected) / len(expected)) ** 0.5)


@pytest.mark.parametrize(
    "order", [["time", "field"], ["field", "time"], ["building_id", "space_id", "mac_address"], ["zone_id"]]
)
async def test_any_order_of_keys_groups_the_same_rows(api, order):
    ask = {"filter": {**MORNING, "measurements": ["presence"]}, "window": {"every": "1h"}}
    rows = (await api.report(**ask)).json()["data"]
    data = (await api.report(**ask, group_by={"order": order})).json()["data"]

    def leaves(nested, path=()):
        if len(path) == len(order):
            yield path, nested
            return
        for key, below in nested.items():
            yield from leaves(below, (*path, key))

    counts = Counter(tuple(row[key] for key in order) for row in rows)
    assert {path: leaf["count"] for path, leaf in leaves(data)} == counts


async def test_raw_groups_end_in_lists_of_the_same_rows(api):
    ask = {"filter": {**MORNING, "measurements": ["room_occupancy"]}, "window": {"every": "1h"}}
    rows = (await api.report(**ask)).json()["data"]
    data = (await api.report(**ask, group_by={"order": ["room_id", "time"], "raw": True})).json()["data"]

    assert rows
    assert [row for times in data.values() for leaf in times.values() for row in leaf] == rows
    for room_id, times in data.items():
        for time, leaf in times.items():
            assert {(row["room_id"], row["time"]) for row in leaf} == {(room_id, time)}


async def test_raw_without_an_order_nests_by_asset_and_time(api):
    reply = await api.report(
        filter={**MORNING, "measurements": ["presence"]}, window={"every": "1h"}, group_by={"raw": True}
    )

    for sensor_id, times in reply.json()["data"].items():
        for time, leaf in times.items():
            assert [(row["sensor_id"], row["time"]) for row in leaf] == [(sensor_id, time)]


async def test_calibrated_traffic_comes_under_another_measurements_name_as_recorded(api):
    reply = await api.report(
        filter={
            "measurements": ["traffic_room_occupancy"],
            "calibrated": "true",
            "start": "2025-10-15T18:04:43Z",
            "stop": "2025-10-15T18:07:00Z",
            **ALL,
        },
        window={"every": "1m", "function": "max"},
        group_by={"order": ["room_id", "time"], "raw": True},
    )

    data = reply.json()["data"]
    times = {time for room in data.values() for time in room}
    (row,) = next(iter(next(iter(data.values())).values()))
    assert times == {"2025-10-15T18:04:43Z", "2025-10-15T18:05:43Z", "2025-10-15T18:06:43Z"}
    assert row["measurement"] == "aggregator_headcount"
    assert row["field"] == "aggregator_occupancy"
    assert row["preprocessed"] is True
    assert row["timezone_offset"] == ""


async def test_shallow_replies_lack_the_level_of_a_single_id(sandbox):
    api = await sandbox(shallow_groups=True)
    floor = next(s["floor_id"] for s in (await api.campus())["sensors"] if s["mode"] == "presence")
    ask = {"window": {"every": "1h"}, "group_by": {"order": ["space_id", "field"]}}

    one = await api.report(filter={**MORNING, **ALL, "measurements": ["presence"], "spaces": {"eq": [floor]}}, **ask)
    many = await api.report(filter={**MORNING, **ALL, "measurements": ["presence", "traffic"]}, **ask)

    assert list(one.json()["data"]["occupancy"]) == LEAF_KEYS
    assert all(space.startswith("space_") for space in many.json()["data"])


async def test_zeros_are_dropped_unless_the_value_filter_lets_them_through(api):
    ask = {"measurements": ["room_occupancy"], "window": {"every": "1h", "function": "max"}, **MORNING}
    positive = await api.rows(**ask)
    everything = await api.rows(**ask, value={"gte": 0})

    assert all(row["value"] > 0 for row in positive)
    assert [row for row in everything if row["value"]] == positive
    assert len(everything) > len(positive)
    assert {row["value"] for row in await api.rows(**ask, value={"gt": 1, "lte": 3})} == {2, 3}


async def test_create_empty_with_zeros_kept_gives_a_row_for_every_window(api):
    night = {"time_ranges": [{"start": "02:00", "stop": "03:00"}]}
    ask = {"measurements": ["floor_occupancy"], **MORNING, **ALL, "time_constraints": night}

    assert await api.rows(**ask, window={"every": "1h"}) == []
    rows = await api.rows(**ask, window={"every": "1h", "create_empty": True})
    filled = await api.rows(**ask, window={"every": "1h", "create_empty": True, "fill": {"value": 7}})

    assert {row["value"] for row in rows} == {0}
    assert {row["value"] for row in filled} == {7}
    assert len({row["time"] for row in rows}) == 4


async def test_use_previous_fills_a_gap_with_the_value_before_it(api):
    room = (await api.rows(**MORNING, measurements=["room_occupancy"]))[0]["room_id"]
    ask = {
        "measurements": ["room_occupancy"],
        "rooms": {"eq": [room]},
        **MORNING,
        **ALL,
        "time_constraints": {"time_ranges": [{"start": "09:00", "stop": "11:00"}]},
    }
    rows = await api.rows(
        **ask,
        window={"every": "1h", "function": "sum", "create_empty": True, "fill": {"use_previous": True}},
    )

    values = [row["value"] for row in rows]
    assert len(values) == 4
    assert values[2] == values[3] == values[1]


async def test_time_constraints_leave_out_hours_and_days(api):
    week = {"start": "2025-10-10T07:00:00Z", "stop": "2025-10-14T07:00:00Z"}
    rows = await api.rows(
        **week,
        **ALL,
        measurements=["floor_occupancy"],
        window={"every": "1h"},
        time_constraints={
            "time_ranges": [{"start": "09:00", "stop": "11:00"}],
            "exclude_days_of_week": ["saturday", "Sunday"],
        },
    )

    assert {row["time"] for row in rows} == {
        "2025-10-10T16:00:00Z",
        "2025-10-10T17:00:00Z",
        "2025-10-13T16:00:00Z",
        "2025-10-13T17:00:00Z",
    }


async def test_each_filter_finds_its_own(api):
    campus = await api.campus()
    sensor = next(s for s in campus["sensors"] if s["zone_ids"])
    floor = next(f for f in campus["floors"] if f["id"] == sensor["floor_id"])
    room = next(r for r in campus["rooms"] if r["id"] == sensor["room_id"])
    zone_tags = [z["tag_ids"] for z in campus["zones"] if z["id"] in sensor["zone_ids"]]
    tags = {*room["tag_ids"], *zone_tags[0]}
    presence = [s for s in campus["sensors"] if s["mode"] == "presence"]
    rooms = {r["id"]: r for r in campus["rooms"]}
    zones = {z["id"]: z for z in campus["zones"]}

    def tags_of(s):
        return {
            *rooms[s["room_id"]]["tag_ids"],
            *(tag for zone_id in s["zone_ids"] for tag in zones[zone_id]["tag_ids"]),
        }

    buildings = {f["id"]: f["building_id"] for f in campus["floors"]}
    cases = {
        "spaces": (floor["id"], lambda s: s["floor_id"] == floor["id"]),
        "rooms": (room["id"], lambda s: s["room_id"] == room["id"]),
        "zones": (sensor["zone_ids"][0], lambda s: sensor["zone_ids"][0] in s["zone_ids"]),
        "buildings": (floor["building_id"], lambda s: buildings[s["floor_id"]] == floor["building_id"]),
        "clients": (campus["sites"][0]["id"], lambda s: True),
        "tags": (min(tags), lambda s: min(tags) in tags_of(s)),
        "sensors": (sensor["id"], lambda s: s["id"] == sensor["id"]),
        "hives": (sensor["hive_id"], lambda s: s["hive_id"] == sensor["hive_id"]),
        "mac_addresses": (sensor["mac_address"].upper().replace("-", ":"), lambda s: s["id"] == sensor["id"]),
    }
    for name, (id_, matches) in cases.items():
        rows = await api.rows(
            **MORNING, **ALL, measurements=["presence"], window={"every": "1w"}, **{name: {"eq": [id_]}}
        )
        assert {row["sensor_id"] for row in rows} == {s["id"] for s in presence if matches(s)}, name
        if name == "tags":
            assert {row["tag_id"] for row in rows} == {id_}
        else:
            assert {row["tag_id"] for row in rows} == {""}


async def test_an_unknown_id_finds_nothing_and_that_is_no_error(api):
    assert await api.rows(**MORNING, measurements=["presence"], rooms={"eq": ["room_none"]}) == []


async def test_grouped_by_tag_a_row_stands_under_each_of_its_tags(api):
    campus = await api.campus()
    reply = await api.report(
        filter={**MORNING, **ALL, "measurements": ["room_occupancy"]},
        window={"every": "1w"},
        group_by={"order": ["tag_id", "room_id"]},
    )

    data = reply.json()["data"]
    seen = {room["id"] for room in campus["rooms"] if room["roomType"] != "auditorium"}
    for tag in campus["tags"]:
        tagged = {room["id"] for room in campus["rooms"] if tag["id"] in room["tag_ids"]} & seen
        assert set(data.get(tag["id"], {})) == tagged


async def test_what_has_no_presence_sensors_is_silent_on_presence_and_heard_by_traffic(api):
    lobby = next(floor for floor in (await api.campus())["floors"] if "Lobby" in floor["name"])
    ask = {**MORNING, **ALL, "spaces": {"eq": [lobby["id"]]}, "window": {"every": "1h", "function": "max"}}

    assert await api.rows(**ask, measurements=["floor_occupancy"]) == []
    assert max(row["value"] for row in await api.rows(**ask, measurements=["traffic_floor_occupancy"])) > 0


async def test_presence_time_is_the_seconds_with_anybody_on_the_floor(api):
    rows = await api.rows(
        **MORNING, measurements=["floor_presence_time_secs"], window={"every": "1h", "function": "sum"}
    )

    assert rows
    assert all(0 < row["value"] <= 3600 for row in rows)


async def test_there_is_no_data_after_now(api):
    rows = await api.rows(
        start="2025-10-15T19:00:00Z",
        stop="2025-10-15T23:00:00Z",
        **ALL,
        measurements=["floor_occupancy"],
        window={"every": "30m", "create_empty": True},
    )

    assert {row["time"] for row in rows} == {"2025-10-15T19:00:00Z", "2025-10-15T19:30:00Z"}
    assert {row["stop"] for row in rows} == {"2025-10-15T23:00:00Z"}
    assert await api.rows(start="2025-10-16T00:00:00Z", stop="2025-10-17T00:00:00Z") == []


async def test_a_span_answers_the_same_later_and_from_another_start(api, clock):
    ask = {"measurements": ["presence", "traffic"], "window": {"every": "15m", "function": "mean"}, **ALL}
    first = await api.rows(**ask, **MORNING)
    clock.now += 3600
    whole = await api.rows(**ask, start="2025-10-15T15:00:00Z", stop="2025-10-15T21:00:00Z")

    def values(rows):
        return {(row["sensor_id"], row["field"], row["time"]): row["value"] for row in rows}

    assert values(first).items() <= values(whole).items()
    assert len(first) > 100


async def test_two_sandboxes_of_one_seed_answer_alike_and_of_two_seeds_do_not(sandbox):
    ask = {"filter": {**MORNING, "measurements": ["presence"]}}
    replies = [await (await sandbox(seed=seed)).report(**ask) for seed in (5, 5, 6)]

    assert replies[0].content == replies[1].content
    assert replies[0].content != replies[2].content


async def test_relative_times_count_back_from_now(api):
    rows = await api.rows(start="-1h", stop="-30m", measurements=["presence"])

    assert {(row["start"], row["stop"]) for row in rows} == {("2025-10-15T19:00:00Z", "2025-10-15T19:30:00Z")}


async def test_without_a_window_each_minute_is_a_row(api):
    rows = await api.rows(start="-3m", **ALL, measurements=["floor_occupancy"])

    assert sorted({row["time"] for row in rows}) == [
        "2025-10-15T19:57:00Z",
        "2025-10-15T19:58:00Z",
        "2025-10-15T19:59:00Z",
    ]


async def test_days_begin_at_midnight_of_the_windows_time_zone(api):
    rows = await api.rows(
        start="2025-10-13T12:00:00Z",
        measurements=["traffic"],
        window={"every": "1d", "function": "sum", "timezone": "America/Los_Angeles"},
        **ALL,
    )

    assert sorted({row["time"] for row in rows}) == [
        "2025-10-13T12:00:00Z",
        "2025-10-14T07:00:00Z",
        "2025-10-15T07:00:00Z",
    ]


async def test_pages_put_together_are_the_whole(api):
    ask = {"filter": {**MORNING, "measurements": ["presence"]}, "window": {"every": "1h"}}
    whole = (await api.report(**ask)).json()["data"]
    pages = []
    for number in range(1, 100):
        body = (await api.report(**ask, paginate={"page": number, "limit": 7})).json()
        assert body["page_info"] == {
            "page": number,
            "page_item_count": len(body["data"]),
            "total_item_count": len(whole),
            "total_pages": -(-len(whole) // 7),
        }
        if not body["data"]:
            break
        pages.append(body["data"])

    assert [row for page in pages for row in page] == whole
    assert len(pages) == -(-len(whole) // 7)


async def test_csv_has_the_rows_keys_as_its_header(api):
    ask = {"filter": {**MORNING, "measurements": ["presence"]}, "window": {"every": "1h", "function": "max"}}
    rows = (await api.report(**ask)).json()["data"]
    reply = await api.report(**ask, options={"format": "csv"})

    assert reply.headers["content-type"].startswith("text/csv")
    parsed = list(csv.DictReader(io.StringIO(reply.text)))
    assert list(parsed[0]) == ROW_KEYS
    assert [(row["mac_address"], row["time"], row["value"]) for row in parsed] == [
        (row["mac_address"], row["time"], str(row["value"])) for row in rows
    ]


async def test_precision_sets_the_digits_of_times(api):
    reply = await api.report(filter={"start": "-1m", **ALL}, options={"precision": "ms", "timestamp": "RFC3339"})

    assert {row["time"] for row in reply.json()["data"]} == {"2025-10-15T19:59:00.000Z"}


async def test_calibration_points_come_back_when_asked_for(api):
    points = [{"timestamp": "2025-10-15T18:00:00Z", "occupancy": 3, "type": "manual_count"}]
    for name in ("calibration_points", "calibrationPoints"):
        ask = {"filter": {"start": "-1m"}, name: points}
        assert "calibrationPoints" not in (await api.report(**ask)).json()
        reply = await api.report(**ask, options={"includeCalibrationPoints": True})
        assert reply.json()["calibrationPoints"] == points


async def test_too_many_points_are_answered_with_empty_data_and_200(sandbox):
    api = await sandbox(max_points=1000)

    heavy = await api.report(filter={"start": "-1d", "measurements": ["presence"]})
    light = await api.report(filter={"start": "-5m", "measurements": ["presence"]})

    assert (heavy.status_code, heavy.json()) == (200, OVERLOADED)
    assert light.json()["data"]


async def test_too_many_ids_are_answered_with_empty_data_and_200(sandbox):
    api = await sandbox(max_ids=3)
    rooms = [room["id"] for room in (await api.campus())["rooms"]]

    async def ask(count):
        ids = {"eq": rooms[:count]}
        filters = {**MORNING, **ALL, "measurements": ["room_occupancy"], "rooms": ids}
        return (await api.report(filter=filters, window={"every": "1h"})).json()

    assert await ask(4) == OVERLOADED
    assert (await ask(3))["data"]


async def test_true_emptiness_is_an_empty_list_or_map(api):
    night = {"start": "2025-10-15T09:00:00Z", "stop": "2025-10-15T10:00:00Z", "measurements": ["presence"]}

    assert (await api.report(filter=night)).json() == {"data": [], "page_info": UNPAGED}
    assert (await api.report(filter=night, group_by={"order": ["room_id"]})).json() == {
        "data": {},
        "page_info": UNPAGED,
    }


async def test_the_seeds_sample_body_is_answered(api):
    reply = await api.report(
        group_by={"order": ["space_id", "field"]}, window={"every": "1h", "function": "mean"}, filter={"start": "-1d"}
    )

    assert reply.status_code == 200
    assert all(list(fields["occupancy"]) == LEAF_KEYS for fields in reply.json()["data"].values())


async def test_two_hundred_sensors_at_five_minutes_for_a_day_are_borne(sandbox):
    api = await sandbox(sensors=200)
    reply = await api.report(
        filter={"start": "-1d", "measurements": ["presence", "traffic"]}, window={"every": "5m", "function": "max"}
    )

    assert len(reply.json()["data"]) > 1000


async def test_a_span_too_long_to_work_out_is_answered_with_empty_data_and_200(api):
    reply = await api.report(
        filter={"start": "1971-01-01T00:00:00Z", "measurements": ["floor_occupancy"]},
        window={"every": "100M", "function": "max"},
    )

    assert (reply.status_code, reply.json()) == (200, OVERLOADED)


async def test_the_windows_of_no_asset_cost_nothing(api):
    nobody = {"start": "1971-01-01T00:00:00Z", "rooms": {"eq": ["room_none"]}}

    assert await api.rows(**nobody, window={"every": "1s"}) == []
