import re

import pytest

from facade.sandbox.construction import build_campus

MAC = re.compile(r"([0-9a-f]{2}-){7}[0-9a-f]{2}")


@pytest.mark.parametrize("sensors", [1, 2, 3, 5, 19, 20, 21, 47, 200, 1000])
def test_a_campus_has_as_many_sensors_as_asked_for(sensors):
    assert len(build_campus(sensors).sensors) == sensors


@pytest.mark.parametrize("sensors", [1, 19, 20, 200])
def test_every_asset_hangs_on_one_that_exists(sensors):
    campus = build_campus(sensors, sites=2)

    assert all(building.site_id in campus.site for building in campus.buildings)
    assert all(floor.building_id in campus.building for floor in campus.floors)
    assert all(asset.floor_id in campus.floor for asset in [*campus.rooms, *campus.zones, *campus.hives])
    for sensor in campus.sensors:
        assert sensor.floor_id in campus.floor
        assert campus.hive[sensor.hive_id].serialNumber == sensor.hive_serial
        assert campus.hive[sensor.hive_id].floor_id == sensor.floor_id
        assert sensor.is_entrance == (sensor.room_id == "")
        assert all(campus.zone[zone_id].floor_id == sensor.floor_id for zone_id in sensor.zone_ids)
        if sensor.room_id:
            assert campus.room[sensor.room_id].floor_id == sensor.floor_id


def test_ids_look_like_the_real_ones():
    campus = build_campus(200)

    assert all(re.fullmatch(r"sensor_[A-Za-z0-9]{27}", sensor.id) for sensor in campus.sensors)
    assert all(floor.id.startswith("space_") for floor in campus.floors)
    assert all(MAC.fullmatch(sensor.mac_address) for sensor in campus.sensors)
    assert all(re.fullmatch(r"[0-9a-f]{16}", hive.serialNumber) for hive in campus.hives)


def test_200_sensors_come_with_every_kind_of_asset():
    campus = build_campus(200)

    assert len(campus.sites) == 1
    assert len(campus.buildings) >= 3
    assert len(campus.floors) >= 5
    assert campus.zones
    assert campus.tags
    assert {sensor.mode for sensor in campus.sensors} == {"presence", "traffic"}
    assert {room.roomType for room in campus.rooms} >= {"open", "meeting", "boardroom", "focus", "cafe"}


def test_the_seed_decides_the_ids():
    assert build_campus(60, 1) == build_campus(60, 1)
    assert build_campus(60, 1).sensors[0].id != build_campus(60, 2).sensors[0].id


def test_rooms_of_a_floor_do_not_overlap():
    campus = build_campus(200)

    for rooms in campus.rooms_of_floor.values():
        boxes = [(*room.coordinates[0], *room.coordinates[2]) for room in rooms]
        for i, (left, top, right, bottom) in enumerate(boxes):
            for other_left, other_top, other_right, other_bottom in boxes[:i]:
                assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def test_ten_thousand_sensors_are_built_in_linear_time_with_unique_ids(steps):
    with steps() as of_few:
        build_campus(500, sites=5)
    with steps() as of_many:
        build_campus(4_000, sites=5)
    assert of_many.lines < 8 * 1.5 * of_few.lines
    campus = build_campus(10_000, sites=5)
    assert len(campus.sites) == 5
    assert len({sensor.id for sensor in campus.sensors}) == 10_000
    assert len({sensor.mac_address for sensor in campus.sensors}) == 10_000


def test_unplaced_sensors_hang_nowhere_and_are_offline():
    campus = build_campus(20, unplaced=2)

    spare = [sensor for sensor in campus.sensors if not sensor.floor_id]
    assert len(campus.sensors) == 22
    assert len(spare) == 2
    assert not any(sensor.is_online or sensor.room_id or sensor.hive_id for sensor in spare)
