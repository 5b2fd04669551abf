"""The era `today`: what Butlr's backend does since 3 August 2026."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from facade.sandbox.landing import Landing

# A Wednesday at work in Los Angeles; `clock` (conftest) stands at 20:00 UTC.
START, STOP = "2025-10-15T16:00:00Z", "2025-10-15T20:00:00Z"
ALL = {"value": {"gte": 0}}


@pytest.fixture
async def api(sandbox):
    return await sandbox(era="today")


def iso(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def by_series(rows):
    found = defaultdict(dict)
    for row in rows:
        found[row["sensor_id"] or row["room_id"] or row["space_id"], row["field"]][row["time"]] = row["value"]
    return found


@pytest.mark.parametrize("time", ["-1d", "-20m", "now", "2025-10-15", "1760544000", "2025-10-15T16:00:00+0000", 17, ""])
@pytest.mark.parametrize("end", ["start", "stop"])
async def test_times_are_rfc_3339_or_a_400_that_names_them(api, time, end):
    reply = await api.report(filter={"start": START, "stop": STOP, "measurements": ["presence"], end: time})

    assert reply.status_code == 400
    assert [error["field"] for error in reply.json()["errors"]] == [f"filter.{end}"]


async def test_without_a_stop_the_answer_is_empty_and_200(api):
    flat = await api.report(filter={"start": START, "measurements": ["presence"]})
    grouped = await api.report(filter={"start": START, "measurements": ["presence"]}, group_by={"order": ["room_id"]})

    assert (flat.status_code, flat.json()["data"]) == (200, [])
    assert (grouped.status_code, grouped.json()["data"]) == (200, {})


async def test_the_influx_sample_body_is_refused(api):
    reply = await api.report(
        group_by={"order": ["space_id", "field"]}, window={"every": "1h", "function": "mean"}, filter={"start": "-1d"}
    )

    assert reply.status_code == 400


async def test_a_time_without_an_offset_is_local_to_the_windows_zone(api):
    window = {"every": "1h", "function": "max", "timezone": "America/New_York"}
    local = await api.rows(start="2025-10-15T09:00:00", stop="2025-10-15T12:00:00", window=window, **ALL)
    absolute = await api.rows(start="2025-10-15T13:00:00Z", stop="2025-10-15T12:00:00-04:00", window=window, **ALL)

    assert [(row["sensor_id"], row["time"], row["value"]) for row in local] == [
        (row["sensor_id"], row["time"], row["value"]) for row in absolute
    ]
    assert {row["time"][11:16] for row in local} == {"14:00", "15:00", "16:00"}


async def test_a_window_is_labelled_by_its_end(sandbox, clock):
    today, influx = await sandbox(era="today"), await sandbox(era="influx")
    clock.now += 7200
    ask = {"start": START, "stop": STOP, "measurements": ["presence", "traffic"], "window": {"every": "15m"}, **ALL}

    ends, starts = by_series(await today.rows(**ask)), by_series(await influx.rows(**ask))

    assert ends.keys() == starts.keys()
    for series, values in starts.items():
        moved = {iso(datetime.fromisoformat(time).timestamp() + 900): value for time, value in values.items()}
        assert ends[series] == moved


async def test_windows_lie_on_the_clock_whole_within_the_span(api):
    rows = await api.rows(
        start="2025-10-15T16:04:43Z",
        stop="2025-10-15T16:21:10Z",
        measurements=["presence"],
        window={"every": "5m", "function": "max"},
        **ALL,
    )

    assert {row["time"] for row in rows} == {"2025-10-15T16:10:00Z", "2025-10-15T16:15:00Z", "2025-10-15T16:20:00Z"}
    assert {(row["start"], row["stop"]) for row in rows} == {("2025-10-15T16:04:43Z", "2025-10-15T16:21:10Z")}


@pytest.mark.parametrize(
    ("start", "every"),
    [("2025-10-15T19:40:00Z", "1h"), ("2025-10-08T20:00:00Z", "1w"), ("2025-10-15T19:55:30Z", "5m")],
)
async def test_a_span_that_holds_no_whole_closed_window_gives_nothing(api, start, every):
    assert await api.rows(start=start, stop=STOP, window={"every": every, "function": "last"}, **ALL) == []


async def test_each_sensors_minutes_land_at_its_own_time_and_traffic_after_five_to_six(api, clock):
    # Seconds after the end of the minute 19:59 to 20:00 at which a sensor first tells of it.
    first: dict[str, dict[str, int]] = {"presence": {}, "traffic": {}}
    for after in range(0, 400, 10):
        clock.now = datetime.fromisoformat(STOP).timestamp() + after
        for measurement, heard in first.items():
            rows = await api.rows(
                start="2025-10-15T19:59:00Z", stop=STOP, measurements=[measurement], window={"every": "1m"}, **ALL
            )
            for row in rows:
                heard.setdefault(row["sensor_id"], after)

    modes = Counter(sensor["mode"] for sensor in (await api.campus())["sensors"])
    assert {kind: len(heard) for kind, heard in first.items()} == modes
    assert set(first["presence"].values()) <= set(range(60, 131))
    assert set(first["traffic"].values()) <= set(range(300, 371))
    assert all(len(set(heard.values())) > 1 for heard in first.values())


async def test_an_hour_lands_within_the_next_sensor_by_sensor_and_once_there_stays(api, clock):
    ask = {
        "start": "2025-10-15T19:00:00Z",
        "stop": STOP,
        "measurements": ["presence", "traffic"],
        "window": {"every": "1h"},
        **ALL,
    }
    landed = []
    for minutes in range(0, 75, 5):
        clock.now = datetime.fromisoformat(STOP).timestamp() + 60 * minutes
        landed.append({(row["sensor_id"], row["field"], row["value"]) for row in await api.rows(**ask)})

    assert landed[1] == set()
    assert all(before <= after for before, after in pairwise(landed))
    assert 0 < len(landed[4]) < len(landed[-1])
    assert landed[-1] == landed[-2]
    sensors = (await api.campus())["sensors"]
    assert {sensor for sensor, _, _ in landed[-1]} == {sensor["id"] for sensor in sensors}


async def test_a_day_lands_as_late_as_an_hour_does(api, clock):
    day = {"start": "2025-10-14T07:00:00Z", "stop": "2025-10-15T07:00:00Z", "measurements": ["presence"], **ALL}
    window = {"every": "1d", "function": "max", "timezone": "America/Los_Angeles"}
    counts = []
    for minutes in (5, 30, 61):
        clock.now = datetime.fromisoformat("2025-10-15T07:00:00Z").timestamp() + 60 * minutes
        counts.append(len(await api.rows(**day, window=window)))

    assert counts[0] == 0 < counts[1] < counts[2]
    assert {row["time"] for row in await api.rows(**day, window=window)} == {"2025-10-15T07:00:00Z"}


@pytest.mark.parametrize(
    ("measurement", "functions"),
    [
        ("presence", {"max": max, "min": min, "sum": sum, "last": lambda values: values[-1], "first": lambda v: v[0]}),
        ("room_occupancy", {"max": max, "min": min, "last": lambda values: values[-1], "mean": None}),
        ("traffic", {"sum": sum, "max": max, "last": lambda values: values[-1]}),
        ("floor_presence_time_secs", {"sum": sum}),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
async def test_the_minutes_of_an_hour_make_the_hour(api, clock, measurement, functions, zone):
    clock.now += 7200
    for function, fold in functions.items():
        ask = {"start": START, "stop": STOP, "measurements": [measurement], **ALL}
        window = {"function": function, "timezone": zone}
        hours = by_series(await api.rows(**ask, window={**window, "every": "1h"}))
        minutes = by_series(await api.rows(**ask, window={**window, "every": "1m"}))
        assert any(any(values.values()) for values in hours.values())
        for series, values in hours.items():
            for end, value in values.items():
                stop = datetime.fromisoformat(end)
                labels = [iso((stop - timedelta(minutes=60 - k)).timestamp()) for k in range(1, 61)]
                parts = [minutes[series][label] for label in labels]
                expected = sum(parts) / 60 if fold is None else fold(parts)
                assert value == pytest.approx(expected), (function, series, end)


async def test_a_count_may_still_grow_until_ten_minutes_after_and_then_is_final(api, clock):
    ask = {"start": "2025-10-15T19:00:00Z", "measurements": ["traffic"], "window": {"every": "1m"}, **ALL}
    ends = datetime.fromisoformat(STOP).timestamp()

    def values(rows, since):
        return {(row["sensor_id"], row["field"], row["time"]): row["value"] for row in rows if row["time"] > iso(since)}

    clock.now = ends + 600
    final = values(await api.rows(**ask, stop=STOP), 0)
    grown = 0
    for after in range(-1200, 600, 60):
        clock.now = ends + after
        provisional = values(await api.rows(**ask, stop=iso(clock.now)), 0)
        for key, value in provisional.items():
            if key in final:
                assert value <= final[key]
                grown += value < final[key]
                # Older than ten minutes: final.
                assert value == final[key] or datetime.fromisoformat(key[2]).timestamp() > clock.now - 600
    clock.now = ends + 43_200
    assert values(await api.rows(**ask, stop=STOP), 0) == final
    assert grown


async def test_groups_and_statistics_are_of_the_landed_windows(api, clock):
    clock.now += 1800
    ask = {
        "filter": {"start": "2025-10-15T17:00:00Z", "stop": STOP, "measurements": ["room_occupancy"], **ALL},
        "window": {"every": "1h", "function": "max"},
    }
    rows = (await api.report(**ask)).json()["data"]
    groups = (await api.report(**ask, group_by={"order": ["room_id"]})).json()["data"]
    raw = (await api.report(**ask, group_by={"order": ["room_id", "time"], "raw": True})).json()["data"]

    counts = Counter(row["room_id"] for row in rows)
    assert set(counts.values()) == {2, 3}
    assert {room: leaf["count"] for room, leaf in groups.items()} == counts
    assert [row for times in raw.values() for leaf in times.values() for row in leaf] == rows
    assert {time for times in raw.values() for time in times} == {f"2025-10-15T{hour}:00:00Z" for hour in (18, 19, 20)}


async def test_create_empty_makes_no_row_of_a_window_that_has_not_landed(api):
    rows = await api.rows(
        start="2025-10-15T19:00:00Z",
        stop=STOP,
        measurements=["floor_occupancy"],
        window={"every": "5m", "create_empty": True},
        time_constraints={"time_ranges": [{"start": "02:00", "stop": "03:00"}]},
        **ALL,
    )

    assert {row["value"] for row in rows} == {0}
    assert max(row["time"] for row in rows) == "2025-10-15T19:55:00Z"


async def test_filters_by_sensor_and_hive_are_served(api):
    sensors = [sensor for sensor in (await api.campus())["sensors"] if sensor["mode"] == "presence"]
    hive = sensors[0]["hive_id"]
    ask = {"start": START, "stop": "2025-10-15T18:00:00Z", "measurements": ["presence"], **ALL}
    one = await api.rows(**ask, sensors={"eq": [sensors[0]["id"]]}, window={"every": "1h"})
    many = await api.rows(**ask, hives={"eq": [hive]}, window={"every": "1h"})

    assert {row["sensor_id"] for row in one} == {sensors[0]["id"]}
    assert {row["sensor_id"] for row in many} == {sensor["id"] for sensor in sensors if sensor["hive_id"] == hive}


async def test_without_a_window_it_is_minutes(api):
    rows = await api.rows(start="2025-10-15T17:00:30Z", stop="2025-10-15T17:03:00Z", measurements=["presence"], **ALL)

    assert {row["time"] for row in rows} == {"2025-10-15T17:02:00Z", "2025-10-15T17:03:00Z"}


async def test_months_do_not_mix_with_other_units(api):
    reply = await api.report(filter={"start": START, "stop": STOP}, window={"every": "1M1d"})

    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == "window.every"


async def test_two_sandboxes_of_one_seed_answer_alike_while_windows_land(sandbox, clock):
    clock.now += 1300
    ask = {"filter": {"start": START, "stop": STOP, "measurements": ["presence", "traffic"]}, "window": {"every": "1h"}}
    replies = [await (await sandbox(era="today", seed=seed)).report(**ask) for seed in (5, 5, 6)]

    assert replies[0].content == replies[1].content != replies[2].content


def test_an_assets_landing_differs_from_hour_to_hour():
    landing = Landing(seed=1, now=0)
    delays = {
        landing.lands_at("room_1", "presence", hour, hour + 3600) - hour - 3600 for hour in range(0, 360_000, 3600)
    }

    assert len(delays) > 50
    assert all(600 <= delay <= 3600 for delay in delays)


async def test_the_era_is_changed_while_running_and_only_to_a_known_one(api):
    put = api.http.put
    assert (await put("/_sandbox/config", json={"era": "influx"})).status_code == 204
    assert await api.rows(start="-1h", measurements=["presence"])
    assert (await put("/_sandbox/config", json={"era": "stone"})).status_code == 400


async def test_the_clock_is_read_set_advanced_and_stopped(api, clock):
    async def put(**settings):
        return await api.http.put("/_sandbox/clock", json=settings)

    assert (await api.http.get("/_sandbox/clock")).json() == {"time": STOP, "running": True}
    assert (await put(time="2026-10-25T00:55:00Z")).json()["time"] == "2026-10-25T00:55:00Z"
    clock.now += 60
    assert (await put(advance="1h4m")).json()["time"] == "2026-10-25T02:00:00Z"
    assert (await put(running=False)).json() == {"time": "2026-10-25T02:00:00Z", "running": False}
    clock.now += 60
    assert (await put(advance="1m")).json() == {"time": "2026-10-25T02:01:00Z", "running": False}
    assert (await put(running=True)).json()["time"] == "2026-10-25T02:01:00Z"
    clock.now += 60
    assert (await api.http.get("/_sandbox/clock")).json()["time"] == "2026-10-25T02:02:00Z"


@pytest.mark.parametrize(
    "body",
    [
        {"time": "-1d"},
        {"time": "2026-13-01T00:00:00Z"},
        {"advance": 5},
        {"advance": "1M"},
        {"running": 1},
        {"x": 1},
        [],
    ],
)
async def test_the_clock_refuses_anything_else_and_stays(api, body):
    reply = await api.http.put("/_sandbox/clock", json=body)

    assert reply.status_code == 400
    assert reply.json()["message"]
    assert (await api.http.get("/_sandbox/clock")).json()["time"] == STOP


async def test_tokens_live_by_the_real_time_wherever_the_clock_is_put(sandbox, clock):
    api = await sandbox(era="today", starts_at=datetime.fromisoformat("2031-05-01T12:00:00Z").timestamp())

    assert await api.rows(start="2031-05-01T11:00:00Z", stop="2031-05-01T12:00:00Z", **ALL)
    await api.http.put("/_sandbox/clock", json={"time": "2040-05-01T12:00:00Z"})
    assert await api.rows(start="2040-05-01T11:00:00Z", stop="2040-05-01T12:00:00Z", **ALL)
