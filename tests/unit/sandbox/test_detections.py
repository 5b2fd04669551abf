from collections import Counter

import pytest

from facade.sandbox.geometry import to_world

MORNING = {"start": "2025-10-15T16:00:00Z", "stop": "2025-10-15T20:00:00Z"}
FIVE_MINUTES = {"every": "5m", "function": "last"}


async def test_the_reply_has_one_key_a_data_type_and_no_wrapper(api):
    reply = await api.detections(
        data_types=["detections_world", "detections_local"], filter={"start": "-5m"}, window={"every": "1m"}
    )

    assert list(reply.json()) == ["detections_world", "detections_local"]
    for entry in [*reply.json()["detections_world"], *reply.json()["detections_local"]]:
        assert list(entry) == ["start_time", "sample_time", "mac_address", "value"]
        assert isinstance(entry["start_time"], int)
        assert 0 <= entry["sample_time"] - entry["start_time"] < 60_000


async def test_there_is_one_entry_for_each_presence_sensor_and_window(api):
    macs = {s["mac_address"] for s in (await api.campus())["sensors"] if s["mode"] == "presence"}

    entries = (await api.detections(data_types=["detections_local"], filter=MORNING, window=FIVE_MINUTES)).json()[
        "detections_local"
    ]

    assert Counter(entry["mac_address"] for entry in entries) == dict.fromkeys(macs, 48)
    assert len({(entry["mac_address"], entry["start_time"]) for entry in entries}) == len(entries)


@pytest.mark.parametrize("function", ["first", "last", "max", "min", "median"])
async def test_a_sensor_detects_as_many_as_its_presence_says(api, function):
    window = {"every": "5m", "function": function}
    presence = await api.rows(**MORNING, value={"gte": 0}, measurements=["presence"], window=window)
    entries = (await api.detections(data_types=["detections_local"], filter=MORNING, window=window)).json()

    detected = [len(entry["value"]) for entry in entries["detections_local"]]
    assert detected == [row["value"] for row in presence]
    assert sum(detected) > 100


async def test_local_points_lie_in_the_unit_square_and_world_points_where_geometry_puts_them(api):
    sensors = {sensor["mac_address"]: sensor for sensor in (await api.campus())["sensors"]}

    reply = (
        await api.detections(data_types=["detections_local", "detections_world"], filter=MORNING, window=FIVE_MINUTES)
    ).json()

    seen = 0
    for local, world in zip(reply["detections_local"], reply["detections_world"], strict=True):
        sensor = sensors[local["mac_address"]]
        assert world["mac_address"] == local["mac_address"]
        assert len(world["value"]) == len(local["value"])
        for point, placed in zip(local["value"], world["value"], strict=True):
            assert all(0 <= coordinate <= 1 for coordinate in point)
            expected = to_world(
                point,
                center=sensor["center"],
                height=sensor["height"],
                yaw_degrees=sensor["orientation"][2],
                field_of_view=sensor["field_of_view"],
            )
            assert placed == pytest.approx(expected, abs=0.0051)
            seen += 1
    assert seen > 100


async def test_world_points_lie_within_the_sensors_room(api):
    campus = await api.campus()
    rooms = {room["id"]: room["coordinates"] for room in campus["rooms"]}
    room_of = {sensor["mac_address"]: rooms.get(sensor["room_id"]) for sensor in campus["sensors"]}

    reply = await api.detections(data_types=["detections_world"], filter=MORNING, window=FIVE_MINUTES)

    for entry in reply.json()["detections_world"]:
        (left, top), _, (right, bottom), _ = room_of[entry["mac_address"]]
        assert all(left <= x <= right and top <= y <= bottom for x, y in entry["value"])


async def test_empty_entries_are_kept_unless_told_otherwise(api):
    ask = {"data_types": ["detections_local"], "window": FIVE_MINUTES}
    absent = (await api.detections(**ask, filter=MORNING)).json()["detections_local"]
    kept = (await api.detections(**ask, filter={**MORNING, "omit_empty_value": False})).json()
    dropped = (await api.detections(**ask, filter={**MORNING, "omit_empty_value": True})).json()

    assert kept["detections_local"] == absent
    assert dropped["detections_local"] == [entry for entry in absent if entry["value"]]
    assert any(not entry["value"] for entry in absent)


async def test_ids_and_macs_narrow_together(api):
    sensors = [s for s in (await api.campus())["sensors"] if s["mode"] == "presence"]
    one = next(s for s in sensors if s["zone_ids"])
    other = next(s for s in sensors if s["floor_id"] == one["floor_id"] and s["room_id"] != one["room_id"])

    async def macs(**filters):
        reply = await api.detections(data_types=["detections_local"], filter={"start": "-5m", **filters})
        return {entry["mac_address"] for entry in reply.json()["detections_local"]}

    assert await macs(space_id=one["floor_id"]) == {
        s["mac_address"] for s in sensors if s["floor_id"] == one["floor_id"]
    }
    assert await macs(room_id=one["room_id"]) == {s["mac_address"] for s in sensors if s["room_id"] == one["room_id"]}
    assert await macs(mac_addresses=[one["mac_address"].upper(), other["mac_address"].replace("-", ":")]) == {
        one["mac_address"],
        other["mac_address"],
    }
    assert await macs(mac_addresses=[one["mac_address"]], room_id=other["room_id"]) == set()
    assert await macs(mac_addresses=[]) == set()


async def test_a_heatmap_grid_counts_the_people_seen(api):
    reply = (
        await api.detections(
            data_types=["heatmap", "detections_local"],
            filter={**MORNING, "omit_empty_value": True},
            window=FIVE_MINUTES,
        )
    ).json()

    for grid, points in zip(reply["heatmap"], reply["detections_local"], strict=True):
        assert sum(map(sum, grid["value"])) == len(points["value"])


async def test_heatmap_v2_cells_add_up_to_the_minutes_spent(api):
    room = next(r for r in (await api.campus())["rooms"] if r["roomType"] == "open")
    cells = (
        await api.detections(
            data_types=["heatmap_v2"],
            filter={**MORNING, "room_id": room["id"]},
            window={"heatmap_v2_options": {"grid_resolution": 1.0, "heatmap_type": "occupancy"}},
        )
    ).json()["heatmap_v2"]["array_cells"]
    (mean,) = await api.rows(
        **MORNING,
        measurements=["room_occupancy"],
        rooms={"eq": [room["id"]]},
        window={"every": "4h", "function": "mean"},
    )

    assert all(value > 0 and x % 1 == y % 1 == 0.5 for x, y, value in cells)
    # Minutes by the second, against samples each minute.
    assert sum(value for _, _, value in cells) == pytest.approx(mean["value"] * 240, rel=0.05)


async def test_heatmap_v2_parts_add_up_to_the_whole(api):
    async def cells(start, stop, **options):
        reply = await api.detections(
            data_types=["heatmap_v2"],
            filter={"start": start, "stop": stop},
            window={"heatmap_v2_options": {"grid_resolution": 0.5, **options}},
        )
        return {(x, y): value for x, y, value in reply.json()["heatmap_v2"]["array_cells"]}

    whole = await cells("2025-10-13T00:00:00Z", "2025-10-15T00:00:00Z")
    parts = Counter(await cells("2025-10-13T00:00:00Z", "2025-10-14T00:00:00Z"))
    parts.update(await cells("2025-10-14T00:00:00Z", "2025-10-15T00:00:00Z"))

    assert whole == pytest.approx(dict(parts), abs=0.002)
    normalised = await cells("2025-10-13T00:00:00Z", "2025-10-15T00:00:00Z", normalize=True)
    assert max(normalised.values()) == 1


async def test_heatmap_v2_refuses_more_than_seven_days(api):
    ask = {"data_types": ["heatmap_v2"], "filter": {"start": "2025-10-01T00:00:00Z", "stop": "2025-10-08T00:00:01Z"}}
    reply = await api.detections(**ask)

    assert reply.status_code == 400
    assert "7 days" in reply.json()["errors"][0]["message"]
    ask["filter"]["stop"] = "2025-10-08T00:00:00Z"
    assert (await api.detections(**ask)).status_code == 200


async def test_more_entries_than_the_limit_are_refused(sandbox):
    api = await sandbox(max_points=100)

    reply = await api.detections(data_types=["detections_local"], filter={"start": "-1d"})

    assert reply.status_code == 400
    assert "100 points" in reply.json()["errors"][0]["message"]


async def test_nobody_is_seen_after_now(api):
    reply = await api.detections(
        data_types=["detections_local"],
        filter={"start": "2025-10-15T19:58:00Z", "stop": "2025-10-15T21:00:00Z"},
        window={"every": "1m"},
    )

    times = {entry["start_time"] for entry in reply.json()["detections_local"]}
    assert times == {1760558280000, 1760558340000}
