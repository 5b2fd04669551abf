import pytest

from facade.assets import InventoryError, load_inventory
from facade.assets.records import AreaRecord, CapacityRecord

SENSORS = {
    "data": [
        {
            "id": "sensor_1",
            "mac_address": "00-17-0d-00-00-00-00-01",
            "mode": "presence",
            "hive": {"id": "hive_1", "serial_number": "65fe"},
            "space": {"id": "space_1", "name": "Floor 1"},
            "room": {"id": "room_1", "name": "Kitchen"},
            "orientation": [0, 0, 90],
            "height": 2.7,
            "coordinates": [1.5, 2.5],
        }
    ]
}
HIVES = {"data": [{"id": "hive_1", "serial_number": "65fe", "num_sensors": 2, "space": {"id": "space_1"}}]}
SPACES = {
    "data": [
        {
            "id": "space_1",
            "name": "First floor",
            "address": "1 Way",
            "capacity": 40,
            "mid_capacity": 20,
            "area": 300.5,
            "timezone": "Europe/Berlin",
            "installation_date": "2022-01-01",
            "sensors": [{"id": "sensor_1"}, {"id": "sensor_2", "mode": "traffic"}],
            "hives": ["hive_1"],
            "rooms": [{"id": "room_1", "type": "cafe", "maxCapacity": 8, "sensors": [{"id": "sensor_3"}]}],
        }
    ]
}


@pytest.fixture
def saved(write, tmp_path):
    write("saved/hives.json", HIVES)
    write("saved/sensors.json", SENSORS)
    write("saved/spaces.json", SPACES)
    return load_inventory(tmp_path / "saved")


def test_a_folder_of_answers_is_told_apart_by_content_alone(write, tmp_path, saved, as_lists):
    for name, answer in {"1.json": SENSORS, "2.json": SPACES, "3.json": HIVES}.items():
        write(f"other/{name}", answer)
    assert as_lists(load_inventory(tmp_path / "other")).keys() == as_lists(saved).keys()
    assert {kind: set(records) for kind, records in as_lists(saved).items() if records} == {
        "sensors": {"sensor_1", "sensor_2", "sensor_3"},
        "hives": {"hive_1"},
        "floors": {"space_1"},
        "rooms": {"room_1"},
    }


def test_a_sensor_is_tied_to_its_hive_floor_and_room(saved):
    sensor = saved.sensors["sensor_1"]
    assert (sensor.floor_id, sensor.room_id, sensor.hive_id, sensor.hive_serial) == (
        "space_1",
        "room_1",
        "hive_1",
        "65fe",
    )
    assert (sensor.center, sensor.height, sensor.orientation) == ([1.5, 2.5], 2.7, [0, 0, 90])


def test_what_stands_inside_a_space_is_tied_to_it(saved):
    assert (saved.sensors["sensor_2"].floor_id, saved.sensors["sensor_2"].mode) == ("space_1", "traffic")
    assert (saved.sensors["sensor_3"].floor_id, saved.sensors["sensor_3"].room_id) == ("space_1", "room_1")
    assert saved.hives["hive_1"].floor_id == "space_1"


def test_a_space_is_a_floor_with_its_numbers_in_native_form(saved):
    floor = saved.floors["space_1"]
    assert (floor.capacity, floor.area, floor.timezone) == (
        CapacityRecord(max=40, mid=20),
        AreaRecord(value=300.5),
        "Europe/Berlin",
    )
    room = saved.rooms["room_1"]
    assert (room.name, room.roomType, room.capacity.max, room.floor_id) == ("Kitchen", "cafe", 8, "space_1")


def test_one_answer_alone_is_an_inventory_too(write):
    assert load_inventory(write("spaces.json", SPACES)).rooms.keys() == {"room_1"}
    assert load_inventory(write("hive.json", {"data": HIVES["data"][0]})).hives.keys() == {"hive_1"}
    assert load_inventory(write("list.json", SENSORS["data"])).sensors.keys() == {"sensor_1"}


def test_an_id_without_prefix_is_told_by_its_fields(write):
    answer = {
        "data": [
            {"id": "1", "mac_address": "00-17-0d-00-00-00-00-01"},
            {"id": "2", "num_sensors": 1},
            {"id": "3", "rooms": []},
        ]
    }
    assets = load_inventory(write("a.json", answer))
    assert (assets.sensors.keys(), assets.hives.keys(), assets.floors.keys()) == ({"1"}, {"2"}, {"3"})


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"id": "1"}, ":6: data[1]: neither a sensor nor a hive nor a space"),
        ("sensor_1", ":6: data[1]: expected a sensor, a hive or a space"),
        ({"id": "sensor_1", "height": "high"}, ':8: data[1].height: expected a number, got "high"'),
        ({"id": "space_1", "rooms": [{"id": "r", "name": 3}]}, ":11: data[1].rooms[0].name: expected text, got 3"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(write, record, said):
    path = write("a.json", {"data": [{"id": "sensor_0"}, record]})
    with pytest.raises(InventoryError) as caught:
        load_inventory(path)
    assert str(caught.value).startswith(f"{path}{said}")
