from collections import defaultdict

import pytest

from facade.sandbox.stats import MEASUREMENTS

DAY = {"start": "2025-10-14", "stop": "2025-10-15"}


async def rooms_of(api, kind):
    return [room["id"] for room in (await api.campus())["rooms"] if room["roomType"] == kind]


async def test_the_reply_is_keyed_by_item_and_measurement(api):
    rooms = await rooms_of(api, "boardroom")

    reply = (await api.stats(measurements=list(MEASUREMENTS), items=rooms, **DAY)).json()

    assert list(reply) == ["data"]
    assert list(reply["data"]) == rooms
    assert all(list(values) == list(MEASUREMENTS) for values in reply["data"].values())


async def test_averages_are_those_of_the_minutes_rows(api):
    rooms = await rooms_of(api, "open")
    rows = await api.rows(
        start="2025-10-14T07:00:00Z",
        stop="2025-10-15T07:00:00Z",
        value={"gte": 0},
        measurements=["room_occupancy"],
        rooms={"eq": rooms},
    )
    reply = await api.stats(
        measurements=["occupancy_avg_presence", "occupancy_used_avg_presence", "occupancy_used_median_presence"],
        items=rooms,
        **DAY,
    )

    values = defaultdict(list)
    for row in rows:
        values[row["room_id"]].append(row["value"])
    for room_id, stats in reply.json()["data"].items():
        used = [value for value in values[room_id] if value]
        assert len(values[room_id]) == 1440
        assert stats["occupancy_avg_presence"] == pytest.approx(sum(values[room_id]) / 1440, abs=0.001)
        assert stats["occupancy_used_avg_presence"] == pytest.approx(sum(used) / len(used), abs=0.001)
        assert stats["occupancy_used_median_presence"] == sorted(used)[len(used) // 2]


async def test_filters_leave_out_days_and_hours(api):
    (room, *_) = await rooms_of(api, "open")
    week = {"start": "2025-10-06", "stop": "2025-10-13"}

    async def average(**filters):
        reply = await api.stats(measurements=["occupancy_avg_presence"], items=[room], filters=filters, **week)
        return reply.json()["data"][room]["occupancy_avg_presence"]

    weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    hours = [{"start": "10:00", "stop": "11:00"}]
    assert await average(time_ranges=hours, exclude_days_of_week=["Saturday", "Sunday"]) > await average()
    assert await average(exclude_days_of_week=weekdays) < await average()


async def test_what_has_no_such_sensors_is_null(api):
    (auditorium,) = await rooms_of(api, "auditorium")

    reply = await api.stats(measurements=["occupancy_avg_presence", "occupancy_avg_traffic"], items=[auditorium], **DAY)

    stats = reply.json()["data"][auditorium]
    assert stats["occupancy_avg_presence"] is None
    assert stats["occupancy_avg_traffic"] > 0


async def test_zones_and_floors_have_stats_too(api):
    campus = await api.campus()
    items = [campus["zones"][0]["id"], campus["zones"][0]["floor_id"]]

    reply = await api.stats(measurements=["occupancy_avg_presence"], items=items, **DAY)

    zone, floor = (reply.json()["data"][item]["occupancy_avg_presence"] for item in items)
    assert 0 < zone < floor


async def test_items_of_more_than_one_time_zone_are_refused(sandbox):
    api = await sandbox(sites=2)
    floors = {floor["timezone"]: floor["id"] for floor in (await api.campus())["floors"]}

    reply = await api.stats(measurements=["occupancy_avg_presence"], items=list(floors.values()), **DAY)

    assert len(floors) == 2
    assert reply.status_code == 400
    assert "one time zone" in reply.json()["errors"][0]["message"]


async def test_relative_times_are_refused(api):
    rooms = await rooms_of(api, "open")

    reply = await api.stats(measurements=["occupancy_avg_presence"], items=rooms, start="-1d", stop="-1h")

    assert reply.status_code == 400
    assert {error["field"] for error in reply.json()["errors"]} == {"start", "stop"}


async def test_a_span_too_long_to_work_out_times_out(api):
    rooms = await rooms_of(api, "open")

    reply = await api.stats(measurements=["occupancy_avg_presence"], items=rooms, start="1971-01-01", stop="2025-01-01")

    assert reply.status_code == 504
    assert reply.json()["message"]
